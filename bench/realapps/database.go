package main

import (
	"fmt"
	"os"
	"path/filepath"
	"time"
)

var mariadbNeeds = []need{
	{"mariadbd", "apt-get install mariadb-server"}, {"mariadb-install-db", "apt-get install mariadb-server"},
	{"mariadb", "apt-get install mariadb-client"},
}

// mariadb starts a database in the place and returns its port. Its user is `app`, the
// password `secret`, and it may do all.
func (p *place) mariadb(database string) (int, error) {
	data, user := filepath.Join(p.dir, "mysql"), "--user=root"
	if os.Geteuid() != 0 {
		user = "--skip-name-resolve"
	}
	if _, err := p.command("", nil, "mariadb-install-db", "--no-defaults", user, "--datadir="+data,
		"--auth-root-authentication-method=normal", "--skip-test-db"); err != nil {
		return 0, err
	}
	port, socket := freePort(), filepath.Join(p.dir, "mysql.sock")
	err := p.serve(port, "", nil, "mariadbd", "--no-defaults", user, "--datadir="+data, "--bind-address=127.0.0.1",
		fmt.Sprint("--port=", port),
		"--socket="+socket, "--pid-file="+filepath.Join(p.dir, "mysql.pid"), "--innodb-buffer-pool-size=32M",
		"--skip-log-bin")
	if err != nil {
		return 0, err
	}
	grants := "CREATE USER app@'127.0.0.1' IDENTIFIED BY 'secret'; GRANT ALL ON *.* TO app@'127.0.0.1' WITH GRANT " +
		"OPTION; " +
		"CREATE USER app@localhost IDENTIFIED BY 'secret'; GRANT ALL ON *.* TO app@localhost WITH GRANT OPTION; CREATE " +
		"DATABASE " + database
	for range 50 {
		if _, err = p.command("", nil, "mariadb", "--no-defaults", "--socket="+socket, "-uroot", "-e",
			grants); err == nil {
			return port, nil
		}
		time.Sleep(200 * time.Millisecond)
	}
	return 0, err
}

// php serves a folder with PHP's own server; router is a script, or empty.
func (p *place) php(root, router string) error {
	args := []string{"-d", "display_errors=0", "-d", "log_errors=1", "-d", "error_log=" + filepath.Join(p.dir,
		"php-errors.log"), "-d", "upload_tmp_dir=" + p.dir, "-d", "session.save_path=" + p.dir, "-S",
		fmt.Sprint("127.0.0.1:", p.port), "-t", root}
	if router != "" {
		args = append(args, router)
	}
	return p.serve(p.port, root, []string{"PHP_CLI_SERVER_WORKERS=4"}, "php", args...)
}
