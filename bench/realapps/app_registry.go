package main

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// registry is docker-registry, used with skopeo: images are pushed, listed,
// inspected, pulled and deleted.
func registry() app {
	return app{
		name: "registry",
		needs: []need{
			{"docker-registry", "apt-get install docker-registry"},
			{"skopeo", "apt-get install skopeo"},
		},
		start: func(p *place) error {
			config, err := p.file("registry.yml", fmt.Sprintf(`version: 0.1
storage: {filesystem: {rootdirectory: %q}, delete: {enabled: true}}
http: {addr: "127.0.0.1:%d"}
`, filepath.Join(p.dir, "storage"), p.port))
			if err != nil {
				return err
			}
			return p.serve(p.port, "", nil, "docker-registry", "serve", config)
		},
		use: useRegistry,
	}
}

// images are configurations as builders write them.
var images = map[string]string{
	"shell": `"Env":["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"],"Cmd":["/bin/sh"]`,
	"entry": `"Entrypoint":["/bin/sh","-c"],"Cmd":["exec nginx -g 'daemon off;' | tee ` +
		`/var/log/nginx.log"],"WorkingDir":"/srv/../srv"`,
	"probe": `"Cmd":["sh","-c","while true; do cat /proc/loadavg; sleep 60; ` +
		`done"],"Healthcheck":{"Test":["CMD-SHELL","curl -f http://localhost/ || exit 1"]}`,
	"label": `"Labels":{"org.opencontainers.image.description":"Tips & <b>more</b>; it's ` +
		`\"new\"","sh":"/bin/sh"},"Cmd":["python3","-c","import os; os.system('id')"]`,
}

const imageHistory = `{"created_by":"/bin/sh -c #(nop) ADD file:1 in / "},{"created_by":"RUN /bin/sh -c apt-get ` +
	`update && ` +
	`apt-get install -y curl; rm -rf /var/lib/apt/lists/* # buildkit"},{"created_by":"COPY ../etc/passwd /etc/passwd"}`

func useRegistry(f *flow) {
	remote := "docker://" + f.host + "/lib/"
	skopeo := func(args ...string) (string, error) {
		return f.command(f.work, []string{"TMPDIR=" + f.work}, "skopeo",
			append([]string{"--insecure-policy"}, args...)...)
	}
	for _, name := range []string{"shell", "entry", "probe", "label"} {
		f.step("push "+name, func() (string, error) {
			if err := writeImage(filepath.Join(f.work, name), images[name]); err != nil {
				return "", err
			}
			_, err := skopeo("copy", "--dest-tls-verify=false", "dir:"+filepath.Join(f.work, name), remote+name+":1.0")
			return "pushed", err
		})
		f.step("pull "+name, func() (string, error) {
			back := filepath.Join(f.work, name+"-back")
			if _, err := skopeo("copy", "--src-tls-verify=false", remote+name+":1.0", "dir:"+back); err != nil {
				return "", err
			}
			manifest, err := os.ReadFile(filepath.Join(back, "manifest.json"))
			return fmt.Sprintf("%x", sha256.Sum256(manifest)), err
		})
	}
	f.step("inspect", func() (string, error) {
		out, err := skopeo("inspect", "--config", "--tls-verify=false", remote+"shell:1.0")
		return fmt.Sprint(strings.Contains(out, "/bin/sh")), err
	})
	f.step("list tags", func() (string, error) {
		out, err := skopeo("list-tags", "--tls-verify=false", remote+"shell")
		return fmt.Sprint(strings.Contains(out, "1.0")), err
	})
	f.step("copy within", func() (string, error) {
		_, err := skopeo("copy", "--src-tls-verify=false", "--dest-tls-verify=false", remote+"shell:1.0",
			remote+"copy:latest")
		return "copied", err
	})
	f.step("delete", func() (string, error) {
		_, err := skopeo("delete", "--tls-verify=false", remote+"copy:latest")
		return "deleted", err
	})
}

// writeImage writes an image of one layer into a folder, as skopeo's dir: has it.
func writeImage(dir, config string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("making a folder: %w", err)
	}
	var plain, packed bytes.Buffer
	t := tar.NewWriter(&plain)
	text := "#!/bin/sh\ncat /etc/hostname; exec /bin/true\n"
	if err := t.WriteHeader(&tar.Header{Name: "run.sh", Mode: 0o755, Size: int64(len(text))}); err != nil {
		return fmt.Errorf("writing a layer: %w", err)
	}
	if _, err := t.Write([]byte(text)); err != nil {
		return fmt.Errorf("writing a layer: %w", err)
	}
	if err := t.Close(); err != nil {
		return fmt.Errorf("writing a layer: %w", err)
	}
	z := gzip.NewWriter(&packed)
	if _, err := z.Write(plain.Bytes()); err != nil {
		return fmt.Errorf("packing a layer: %w", err)
	}
	if err := z.Close(); err != nil {
		return fmt.Errorf("packing a layer: %w", err)
	}
	image := fmt.Sprintf(`{"architecture":"amd64","os":"linux","config":{%s},`+
		`"rootfs":{"type":"layers","diff_ids":["sha256:%x"]},"history":[%s]}`,
		config, sha256.Sum256(plain.Bytes()), imageHistory)
	const docker = "application/vnd.docker."
	manifest := fmt.Sprintf(`{"schemaVersion":2,"mediaType":"`+docker+`distribution.manifest.v2+json",`+
		`"config":{"mediaType":"`+docker+
		`container.image.v1+json","size":%d,"digest":"sha256:%x"},`+
		`"layers":[{"mediaType":"`+docker+`image.rootfs.diff.tar.gzip","size":%d,"digest":"sha256:%x"}]}`,
		len(image), sha256.Sum256([]byte(image)), packed.Len(), sha256.Sum256(packed.Bytes()))
	for name, b := range map[string][]byte{
		"version": []byte("Directory Transport Version: 1.1\n"), "manifest.json": []byte(manifest),
		fmt.Sprintf("%x", sha256.Sum256([]byte(image))):  []byte(image),
		fmt.Sprintf("%x", sha256.Sum256(packed.Bytes())): packed.Bytes(),
	} {
		if err := os.WriteFile(filepath.Join(dir, name), b, 0o600); err != nil {
			return fmt.Errorf("writing an image: %w", err)
		}
	}
	return nil
}
