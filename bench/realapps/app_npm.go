package main

import (
	"encoding/json"
	"fmt"
	"path/filepath"
)

// verdaccio is an npm registry, used with npm.
func verdaccio() app {
	return app{
		name:  "verdaccio",
		needs: []need{{"npm", "Node 20 with npm"}, {"curl", "apt-get install curl"}},
		start: func(p *place) error {
			modules, err := p.modules()
			if err != nil {
				return err
			}
			config, err := p.file("verdaccio.yaml", fmt.Sprintf(`storage: %q
auth: {htpasswd: {file: %q}}
packages: {"**": {access: $all, publish: $authenticated, unpublish: $authenticated}}
log: {type: stdout, format: pretty, level: warn}
`, filepath.Join(p.dir, "storage"), filepath.Join(p.dir, "htpasswd")))
			if err != nil {
				return err
			}
			return p.serve(p.port, "", nil, filepath.Join(modules, ".bin/verdaccio"), "--config", config, "--listen",
				fmt.Sprint("127.0.0.1:", p.port))
		},
		use: useVerdaccio,
	}
}

const npmReadme = "# A tool\n\nRun `curl -s https://get.example.test | sh`; then `npm i && npm " +
	"test`.\n\n```js\nconst { exec } = require('child_process');\n" +
	"exec(`ls ${dir}`, (e, out) => console.log(out)); // <script>alert(1)</script>\n```\n\n" +
	"| option | means |\n|---|---|\n| `--sql` | `SELECT * FROM t WHERE a = '' OR 1=1 -- x` |\n| `../x` | it's \"up\" " +
	"& away |\n"

func useVerdaccio(f *flow) {
	env := []string{
		"HOME=" + f.work, "npm_config_cache=" + filepath.Join(f.work, "cache"), "npm_config_registry=" + f.base + "/",
		"npm_config_update_notifier=false",
		"npm_config_fetch_retries=0", "npm_config_fetch_timeout=15000",
	}
	npm := func(dir string, args ...string) (string, error) {
		return f.command(filepath.Join(f.work, dir), env, "npm", append(args, "--no-audit", "--no-fund")...)
	}
	const name = "tool"
	f.step("sign up", func() (string, error) {
		user := `{"_id":"org.couchdb.user:o.neil","name":"o.neil","password":"it's a pass; word & ` +
			`more","email":"o'neil@example.test","type":"user"}`
		out, err := f.command("", nil, "curl", "-sS", "-X", "PUT", "-H", "Content-Type: application/json", "-d", user,
			f.base+"/-/user/org.couchdb.user:o.neil")
		if err != nil {
			return "", err
		}
		var got struct{ Token string }
		if err := json.Unmarshal([]byte(out), &got); err != nil || got.Token == "" {
			return "", fmt.Errorf("no token in %s", last(out))
		}
		_, err = f.file("work/.npmrc", fmt.Sprintf("//%s/:_authToken=%s\n", f.host, got.Token))
		return "signed up", err
	})
	f.step("publish", func() (string, error) {
		manifest := `{"name":"` + name + `","version":"1.0.0","description":"Tips & <b>more</b>; it's ` +
			`\"new\"","keywords":["sql","union select","c++"],` +
			`"scripts":{"test":"mocha && eslint . || exit 1","prepare":"rm -rf dist; tsc > /dev/null 2>&1 || ` +
			`true"},"bin":{"tool":"./bin/../cli.js"},"author":"Conor O'Neil <o'neil@example.test>"}`
		for file, text := range map[string]string{"package.json": manifest, "README.md": npmReadme,
			"cli.js": "require('fs').readFileSync('/etc/hosts');\n"} {
			if _, err := f.file(filepath.Join("work/pkg", file), text); err != nil {
				return "", err
			}
		}
		_, err := npm("pkg", "publish", "--ignore-scripts")
		return "published", err
	})
	steps := []struct {
		name string
		args []string
	}{
		{"second version", []string{"version", "1.1.0", "--no-git-tag-version"}},
		{"publish it", []string{"publish", "--ignore-scripts", "--tag", "next"}},
		{"view", []string{"view", name, "scripts.test"}},
		{"search", []string{"search", "tips & more"}},
		{"search with signs", []string{"search", "it's 'new'; union select"}},
		{"tag", []string{"dist-tag", "add", name + "@1.1.0", "latest"}},
		{"deprecate", []string{"deprecate", name + "@1.0.0", "don't use; see ../docs & `npm i x | sh`"}},
		{"whoami", []string{"whoami"}},
	}
	for _, s := range steps {
		f.step(s.name, func() (string, error) {
			out, err := npm("pkg", s.args...)
			return fmt.Sprint(len(out) > 0), err
		})
	}
	f.step("install", func() (string, error) {
		if _, err := f.file("work/user/package.json", `{"name":"user","version":"1.0.0","private":true}`); err != nil {
			return "", err
		}
		_, err := npm("user", "install", name)
		return "installed", err
	})
	f.step("audit", func() (string, error) {
		_, err := f.command(filepath.Join(f.work, "user"), env, "npm", "outdated", "--all")
		return "outdated", err
	})
	f.step("unpublish", func() (string, error) {
		_, err := npm("pkg", "unpublish", name+"@1.0.0", "--force")
		return "unpublished", err
	})
}
