package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// subversion is a repository behind Apache's mod_dav_svn, used with svn.
func subversion() app {
	return app{
		name: "subversion",
		needs: []need{
			{"apache2", "apt-get install apache2-bin"}, {"svnadmin", "apt-get install subversion"},
			{"/usr/lib/apache2/modules/mod_dav_svn.so", "apt-get install libapache2-mod-svn"},
		},
		start: func(p *place) error {
			if _, err := p.command("", nil, "svnadmin", "create", filepath.Join(p.dir, "repo")); err != nil {
				return err
			}
			config, err := p.file("apache.conf", fmt.Sprintf(apacheConfig, p.dir, p.port))
			if err != nil {
				return err
			}
			if os.Geteuid() == 0 { // Apache's children become www-data
				if _, err := p.command("", nil, "sh", "-c", `chown -R www-data "$1" && chmod 711 "$2" "$3" "$4"`, "sh",
					filepath.Join(p.dir, "repo"), p.dir, filepath.Dir(p.dir), p.root); err != nil {
					return err
				}
			}
			return p.serve(p.port, "", nil, "apache2", "-D", "FOREGROUND", "-f", config)
		},
		use: useSubversion,
	}
}

const apacheConfig = `ServerRoot %[1]q
ServerName localhost
Listen 127.0.0.1:%[2]d
PidFile %[1]s/apache.pid
ErrorLog %[1]s/error.log
User www-data
Group www-data
LoadModule mpm_event_module /usr/lib/apache2/modules/mod_mpm_event.so
LoadModule authz_core_module /usr/lib/apache2/modules/mod_authz_core.so
LoadModule authn_core_module /usr/lib/apache2/modules/mod_authn_core.so
LoadModule authn_anon_module /usr/lib/apache2/modules/mod_authn_anon.so
LoadModule authz_user_module /usr/lib/apache2/modules/mod_authz_user.so
LoadModule auth_basic_module /usr/lib/apache2/modules/mod_auth_basic.so
LoadModule dav_module /usr/lib/apache2/modules/mod_dav.so
LoadModule dav_svn_module /usr/lib/apache2/modules/mod_dav_svn.so
Mutex file:%[1]s
<Location /svn>
  DAV svn
  SVNPath %[1]s/repo
  AuthType Basic
  AuthName svn
  AuthBasicProvider anon
  Anonymous "*"
  Anonymous_MustGiveEmail Off
  Require valid-user
</Location>
`

// files are what people keep in repositories and stores: name and content.
var oddFiles = []struct{ name, text string }{
	{"index.php", "<?php\n$q = $_GET['q'] ?? '';\neval('1;'); system('ls');\necho \"<script>alert(1)</script>\";\n"},
	{"query.sql", "SELECT name FROM users WHERE id = 1 OR 1=1 UNION SELECT password FROM admins; -- all\nDROP TABLE x;\n"},
	{"run me.sh", "#!/bin/sh\ncat /etc/passwd | grep root; rm -rf /tmp/x && curl http://127.0.0.1/ | sh\n"},
	{"it's & (1);x.txt", "it's \"fine\"; 50% of `pwd`\n"},
	{"50%.txt", "%2e%2e%2f\n"},
	{"ünïcödé – ☃.md", "# Ärger & mehr\n\n<b>fett</b>\n"},
	{"$HOME.conf", "path = ${HOME}/../x\n"},
	{"select * from t -- .csv", "a;b\n=1+1;-1\n"},
	{"a+b=c,d@e!.xml", "<!DOCTYPE a SYSTEM \"a.dtd\"><a>&amp;</a>\n"},
}

func useSubversion(f *flow) {
	work := filepath.Join(f.work, "tree")
	svn := func(args ...string) (string, error) {
		args = append(args, "--non-interactive", "--config-dir", filepath.Join(f.work, "config"), "--username",
			"o'neil", "--password", "a' or; x--")
		return f.command(f.work, []string{"LC_ALL=C.UTF-8"}, "svn", args...)
	}
	root := f.base + "/svn/trunk"
	run := func(name string, args ...string) {
		f.step(name, func() (string, error) {
			out, err := svn(args...)
			return fmt.Sprint(len(out) > 0), err
		})
	}
	run("make a folder", "mkdir", root, "-m", "start; it's \"new\" & <b>big</b>")
	run("checkout", "checkout", root, work)
	f.step("add and commit", func() (string, error) {
		for _, x := range oddFiles {
			if _, err := f.file(filepath.Join("work/tree", x.name), x.text); err != nil {
				return "", err
			}
			if _, err := svn("add", filepath.Join(work, x.name)+"@"); err != nil {
				return "", err
			}
		}
		_, err := svn("commit", work, "-m", "fix: don't `rm -rf /`; use $(mktemp) | cat\n\n' OR 1=1 -- no more; see "+
			"../etc/passwd & <script>alert(1)</script>")
		return "committed", err
	})
	run("update first", "update", work)
	run("property", "propset", "svn:externals", "^/x/../y z\n", work)
	run("ignore", "propset", "svn:ignore", "*.o\n`*`;$x\n", work)
	run("commit properties", "commit", work, "-m", "props; {{7*7}} ${x}")
	run("update", "update", work, "--ignore-externals")
	run("log", "log", "-v", root)
	run("search the log", "log", "--search", "union select", root)
	run("blame", "blame", filepath.Join(work, "query.sql"))
	run("cat", "cat", root+"/index.php")
	run("diff", "diff", "-r", "1:HEAD", root)
	run("lock", "lock", filepath.Join(work, "query.sql"), "-m", "mine; don't touch")
	run("unlock", "unlock", filepath.Join(work, "query.sql"))
	run("branch", "copy", root, root+"-branch's; 1", "-m", "branch 'a' or 'b'")
	run("move", "move", root+"/run me.sh", root+"/run & go.sh", "-m", "mv a b; ls")
	run("list", "list", "-R", root)
	f.step("export", func() (string, error) {
		if _, err := svn("export", "--ignore-externals", root, filepath.Join(f.work, "export")); err != nil {
			return "", err
		}
		names, err := filepath.Glob(filepath.Join(f.work, "export", "*"))
		return strings.ReplaceAll(fmt.Sprint(len(names)), "\n", " "), err
	})
	run("delete", "delete", root+"/50%25.txt", "-m", "gone; 100%")
}
