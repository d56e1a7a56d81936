package main

import (
	"fmt"
	"html"
	"net/url"
	"path/filepath"
	"strings"
)

// phpmyadmin is phpMyAdmin before MariaDB: its users send SQL, which is what it is
// for, to paths that scanners look for.
func phpmyadmin() app {
	return app{
		name: "phpmyadmin",
		needs: append([]need{
			{"/usr/share/phpmyadmin/index.php", "apt-get install phpmyadmin"}, {"php",
				"apt-get install php-cli php-mysql php-mbstring php-xml"},
		}, mariadbNeeds...),
		start: startPHPMyAdmin,
		use:   usePHPMyAdmin,
	}
}

const pmaConfig = `<?php
$cfg['blowfish_secret'] = '0123456789abcdef0123456789abcdef'; $i = 1;
$cfg['Servers'][1]['auth_type'] = 'cookie'; $cfg['Servers'][1]['host'] = '127.0.0.1'; $cfg['Servers'][1]['port'] = '%d';
$cfg['TempDir'] = '%s'; $cfg['VersionCheck'] = false; $cfg['SendErrorReports'] = 'never';
`

func startPHPMyAdmin(p *place) error {
	port, err := p.mariadb("shop")
	if err != nil {
		return err
	}
	root, err := p.copyTree("/usr/share/phpmyadmin", "site/phpmyadmin")
	if err != nil {
		return err
	}
	config, err := p.file("config.inc.php", fmt.Sprintf(pmaConfig, port, p.dir))
	if err != nil {
		return err
	}
	// Debian's copy reads /etc/phpmyadmin; ours reads its own file and writes beside it.
	if _, err := p.command(root, nil, "sed", "-i", "-E", `s#'configFile' => [^,]*,#'configFile' => `+
		`'`+config+`',#; s#'tempDir' => [^,]*,#'tempDir' => '`+p.dir+`/',#`,
		"libraries/vendor_config.php"); err != nil {
		return err
	}
	return p.php(filepath.Dir(root), "")
}

const pma = "/phpmyadmin/index.php?route="

// console is the page of phpMyAdmin: it has the token of its session.
type console struct {
	*browser
	token string
}

// ajax sends what the page's script sends.
func (c *console) ajax(route string, values url.Values) (string, error) {
	values.Set("ajax_request", "true")
	values.Set("token", c.token)
	a, err := c.fetch("POST", pma+route, "application/x-www-form-urlencoded; charset=UTF-8", values.Encode(),
		"X-Requested-With", "XMLHttpRequest")
	return fmt.Sprint(a.status, " ", strings.Contains(a.body, `"success":true`)), err
}

func (c *console) login() (string, error) {
	a, err := c.open("GET", "/phpmyadmin/index.php", "", "")
	if err != nil {
		return "", err
	}
	token, err := find(a.body, `name="token" value="([^"]+)"`)
	if err != nil {
		return "", err
	}
	session, err := find(a.body, `name="set_session" value="([^"]+)"`)
	if err != nil {
		return "", err
	}
	a, err = c.form(pma+"/", url.Values{"route": {"/"}, "token": {html.UnescapeString(token)},
		"set_session": {session}, "pma_username": {"app"}, "pma_password": {"secret"}, "server": {"1"}, "lang": {"en"}})
	if err != nil {
		return "", err
	}
	token, err = find(a.body, `token:\s*"([^"]+)"`)
	c.token = strings.ReplaceAll(token, `\/`, `/`)
	return fmt.Sprint(a.status), err
}

// statements are what people type into the box.
var statements = []string{
	"CREATE TABLE `users` (`id` int NOT NULL AUTO_INCREMENT PRIMARY KEY, `name` varchar(50) DEFAULT 'it''s', `bio` " +
		"text COMMENT 'tips & more')",
	"INSERT INTO `users` (`name`, `bio`) VALUES ('O\\'Neil', '<b>bold</b> & `x`; $(pwd)'), ('D''Arc', " +
		"'<script>alert(1)</script>')",
	"SELECT * FROM `users` WHERE name = 'O\\'Neil' OR 1=1 -- all of them",
	"SELECT id, name FROM users UNION SELECT 1, user() # and me",
	"SELECT table_name FROM information_schema.tables WHERE table_schema = DATABASE() ORDER BY 1",
	"UPDATE `users` SET `bio` = CONCAT(bio, CHAR(33), SLEEP(0)) WHERE id = 1; SELECT LOAD_FILE('/etc/hostname')",
	"SHOW GRANTS; EXPLAIN SELECT benchmark(1, md5('a'))",
	"CREATE USER 'ann'@'%' IDENTIFIED BY 'p;w''x'; GRANT SELECT ON shop.* TO 'ann'@'%'",
	"CREATE PROCEDURE p() BEGIN DECLARE i INT; WHILE i < 3 DO SET i = i + 1; END WHILE; END",
	"ALTER TABLE `users` ADD `note` varchar(9) NULL AFTER `name`, ADD INDEX (`note`)",
}

func usePHPMyAdmin(f *flow) {
	c := &console{browser: newBrowser(f)}
	f.step("log in", c.login)
	for _, path := range []string{"/database/structure&db=shop", "/server/sql", "/server/variables", "/server/status"} {
		f.step("open "+path, func() (string, error) { return c.page(pma + path) })
	}
	for _, s := range statements {
		f.step("run "+s[:min(len(s), 40)], func() (string, error) {
			return c.ajax("/import", url.Values{
				"db": {"shop"}, "table": {""}, "is_js_confirmed": {"0"}, "pos": {"0"},
				"goto": {"index.php?route=/database/sql"}, "sql_query": {s}, "sql_delimiter": {";"},
				"show_query": {"1"}, "fk_checks": {"1"}, "bkm_label": {""},
				"message_to_show": {"Your SQL query has been executed successfully."}, "prev_sql_query": {""},
				"SQL": {"Go"},
			})
		})
	}
	f.step("browse", func() (string, error) { return c.page(pma + "/sql&db=shop&table=users&pos=0") })
	f.step("filter", func() (string, error) {
		return c.ajax("/sql", url.Values{"db": {"shop"}, "table": {"users"},
			"sql_query":        {"SELECT * FROM `users` WHERE `name` LIKE '%o''n%' ORDER BY `id` DESC LIMIT 0, 25"},
			"session_max_rows": {"25"}})
	})
	f.step("insert by form", func() (string, error) {
		return c.ajax("/table/replace", url.Values{
			"db": {"shop"}, "table": {"users"}, "goto": {"index.php?route=/sql"}, "sql_query": {"SELECT * FROM `users`"},
			"insert_rows": {"1"}, "submit_type": {"insert"},
			"fields[multi_edit][0][b068931cc450442b63f5b3d276ea4297]":      {"it's <i>new</i>; 1=1 -- & more"},
			"fields_name[multi_edit][0][b068931cc450442b63f5b3d276ea4297]": {"name"},
			"funcs[multi_edit][0][b068931cc450442b63f5b3d276ea4297]":       {""},
			"fields_type[multi_edit][0][b068931cc450442b63f5b3d276ea4297]": {"varchar"}, "after_insert": {"back"},
		})
	})
	f.step("search", func() (string, error) {
		return c.ajax("/database/search", url.Values{"db": {"shop"}, "criteriaSearchString": {"union select"},
			"criteriaSearchType": {"1"}, "criteriaTables[]": {"users"}, "submit_search": {"Go"}})
	})
	f.step("export", func() (string, error) {
		a, err := c.form(pma+"/export", url.Values{"db": {"shop"}, "export_type": {"database"},
			"export_method": {"quick"}, "template_id": {""}, "single_table": {""}, "quick_or_custom": {"quick"},
			"what": {"sql"}, "token": {c.token}, "structure_or_data_forced": {"0"}, "output_format": {"sendit"},
			"filename_template": {"@DATABASE@"}, "sql_structure_or_data": {"structure_and_data"}})
		return fmt.Sprint(a.status), err
	})
	for _, path := range []string{"/table/structure&db=shop&table=users", "/table/sql&db=shop&table=users",
		"/database/routines&db=shop&type=PROCEDURE", "/server/privileges",
		"/table/indexes&db=shop&table=users&index=note"} {
		f.step("open "+path, func() (string, error) { return c.page(pma + path) })
	}
}
