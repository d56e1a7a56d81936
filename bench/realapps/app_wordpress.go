package main

import (
	"encoding/json"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
)

// wordpress is WordPress on MariaDB: posts in the block editor, comments, media,
// settings, search, XML-RPC.
func wordpress() app {
	return app{
		name: "wordpress",
		needs: append([]need{
			{"/usr/share/wordpress/wp-load.php", "apt-get install wordpress"},
			{"/usr/share/wordpress/wp-content/themes/twentytwentythree",
				"apt-get install wordpress-theme-twentytwentythree"},
			{"php", "apt-get install php-cli php-mysql"}, {"curl", "apt-get install curl"},
		}, mariadbNeeds...),
		start: startWordPress,
		use:   useWordPress,
	}
}

const wpConfig = `<?php
define('DB_NAME', 'wordpress'); define('DB_USER', 'app'); define('DB_PASSWORD', 'secret');
define('DB_HOST', '127.0.0.1:%d');
define('DB_CHARSET', 'utf8mb4'); define('WP_HOME', 'http://' . $_SERVER['HTTP_HOST']); define('WP_SITEURL', WP_HOME);
define('AUTH_KEY', 'a'); define('SECURE_AUTH_KEY', 'b'); define('LOGGED_IN_KEY', 'c'); define('NONCE_KEY', 'd');
define('WP_HTTP_BLOCK_EXTERNAL', true); define('DISABLE_WP_CRON', true); define('FS_METHOD', 'direct');
define('AUTOMATIC_UPDATER_DISABLED', true);
$table_prefix = 'wp_';
if (!defined('ABSPATH')) { define('ABSPATH', __DIR__ . '/'); }
require_once ABSPATH . 'wp-settings.php';
`

func startWordPress(p *place) error {
	port, err := p.mariadb("wordpress")
	if err != nil {
		return err
	}
	root, err := p.copyTree("/usr/share/wordpress", "site")
	if err != nil {
		return err
	}
	for _, dir := range []string{"wp-content/uploads", "wp-content/languages"} {
		if err := os.MkdirAll(filepath.Join(root, dir), 0o700); err != nil {
			return fmt.Errorf("making a folder: %w", err)
		}
	}
	if _, err := p.file("site/wp-config.php", fmt.Sprintf(wpConfig, port)); err != nil {
		return err
	}
	if err := p.php(root, ""); err != nil {
		return err
	}
	b := &browser{host: fmt.Sprint("127.0.0.1:", p.port), base: fmt.Sprint("http://127.0.0.1:", p.port),
		cookies: map[string]string{}, seen: map[string]bool{}}
	a, err := b.form("/wp-admin/install.php?step=2", url.Values{
		"weblog_title": {"Conor's blog"}, "user_name": {"admin"}, "admin_password": {wpPassword},
		"admin_password2": {wpPassword}, "pw_weak": {"on"},
		"admin_email": {"admin@example.test"}, "Submit": {"Install WordPress"}, "language": {""},
	})
	if err != nil {
		return err
	}
	if !strings.Contains(a.body, "Success") {
		return fmt.Errorf("WordPress is not installed: %d %s", a.status, last(a.body))
	}
	return nil
}

const wpPassword = "it's a pass; word & <more>"

// editor is WordPress's block editor: it has the nonce of its page.
type editor struct {
	*browser
	nonce string
}

// rest calls the REST API as the editor does.
func (e *editor) rest(method, route string, body any, more ...string) (got, error) {
	b, err := json.Marshal(body)
	if err != nil {
		return got{}, fmt.Errorf("writing a request: %w", err)
	}
	path := "/index.php?rest_route=" + url.QueryEscape(route) + "&_locale=user"
	fields := append([]string{"Accept", "application/json, */*;q=0.1", "X-WP-Nonce", e.nonce}, more...)
	return e.send(method, path, "application/json", string(b), fields...)
}

func useWordPress(f *flow) {
	e := &editor{browser: newBrowser(f)}
	f.step("read the blog", func() (string, error) { return e.page("/") })
	f.step("log in", func() (string, error) {
		if _, err := e.page("/wp-login.php"); err != nil {
			return "", err
		}
		a, err := e.form("/wp-login.php", url.Values{"log": {"admin"}, "pwd": {wpPassword}, "wp-submit": {"Log In"},
			"redirect_to": {f.base + "/wp-admin/"}, "testcookie": {"1"}})
		return fmt.Sprint(a.status, " ", strings.Contains(a.body, "Dashboard")), err
	})
	f.step("open the editor", func() (string, error) {
		a, err := e.open("GET", "/wp-admin/post-new.php", "", "")
		if err != nil {
			return "", err
		}
		e.nonce, err = find(a.body, `createNonceMiddleware\( "([^"]+)"`)
		return fmt.Sprint(a.status), err
	})
	for i, text := range append(honestTexts, wpPosts...) {
		f.step(fmt.Sprintf("post %d: %s", i, text[0]), func() (string, error) { return e.post(text[0], text[1]) })
	}
	e.admin(f)
	e.visitors(f)
}

// wpPosts are posts as the block editor writes them.
var wpPosts = [][2]string{
	{"Blocks", "<!-- wp:paragraph {\"align\":\"center\"} -->\n<p class=\"has-text-align-center\">Fish &amp; " +
		"chips&nbsp;; sleep&#8230; <a href=\"/?a=1&amp;b=2\">more</a></p>\n<!-- /wp:paragraph -->\n\n" +
		"<!-- wp:image {\"id\":5,\"sizeSlug\":\"large\"} -->\n<figure class=\"wp-block-image\"><img src=\"/a.png\" " +
		"alt=\"it's &quot;new&quot;\"/></figure>\n<!-- /wp:image -->"},
	{"Code block", "<!-- wp:code -->\n<pre class=\"wp-block-code\"><code>&lt;?php system($_GET['c']); ?&gt;\ncat " +
		"/etc/passwd | grep root &amp;&amp; rm -rf /tmp/x\nSELECT * FROM users WHERE a='' OR 1=1 --</code></pre>\n<!-- " +
		"/wp:code -->"},
	{"HTML block", "<!-- wp:html -->\n<iframe src=\"https://www.example.test/embed/x\" " +
		"allowfullscreen></iframe><script>window.ga=function(){}</script><style>.a{background:url(x.png)}</style>\n<!-- " +
		"/wp:html -->"},
	{"Table & shortcode", "<!-- wp:table -->\n<figure class=\"wp-block-table\"><table><tbody><tr><td>a &lt; " +
		"b</td><td>1' 2\"</td></tr></tbody></table></figure>\n<!-- /wp:table -->\n[gallery ids=\"1,2\" link='file'] " +
		"[embed]https://e.example/?v=1&amp;t=2[/embed]"},
	{"L'été d'Éric; suite", "<!-- wp:list -->\n<ul><li>l&rsquo;eau &amp; le feu</li><li>D&eacute;j&agrave; vu&nbsp;; " +
		"mail &agrave; tous</li><li>$(pwd) et `ls`</li></ul>\n<!-- /wp:list -->"},
}

// post drafts, saves by itself, publishes and reads a post.
func (e *editor) post(title, content string) (string, error) {
	a, err := e.rest("POST", "/wp/v2/posts", map[string]any{"title": title, "content": "", "status": "draft"})
	if err != nil {
		return "", err
	}
	var made struct{ ID int }
	if err := json.Unmarshal([]byte(a.body), &made); err != nil {
		return fmt.Sprint(a.status), fmt.Errorf("status %d, no post: %w", a.status, err)
	}
	route := fmt.Sprint("/wp/v2/posts/", made.ID)
	statuses := fmt.Sprint(a.status)
	for _, x := range []struct {
		route  string
		body   map[string]any
		fields []string
	}{
		{route + "/autosaves", map[string]any{"id": made.ID, "title": title, "content": content,
			"excerpt": "tips & more; it's"}, nil},
		{route, map[string]any{"id": made.ID, "title": title, "content": content, "status": "publish", "slug": "a-b"},
			[]string{"X-HTTP-Method-Override", "PUT"}},
	} {
		if a, err = e.rest("POST", x.route, x.body, x.fields...); err != nil {
			return "", err
		}
		statuses += fmt.Sprint(" ", a.status)
	}
	page, err := e.page(fmt.Sprint("/?p=", made.ID))
	return statuses + " " + page, err
}

// admin is what an administrator does elsewhere.
func (e *editor) admin(f *flow) {
	f.step("upload", func() (string, error) {
		const boundary = "----geckoformboundary7d1"
		body := "--" + boundary + "\r\nContent-Disposition: form-data; name=\"file\"; filename=\"notes & it's " +
			"(1).txt\"\r\nContent-Type: text/plain\r\n\r\n" +
			"Notes; it's all here & more\n' OR 1=1 -- is no password\nrm -rf /tmp/x; ls | wc -l\n\r\n--" + boundary + "--\r\n"
		a, err := e.send("POST", "/index.php?rest_route=%2Fwp%2Fv2%2Fmedia&_locale=user",
			"multipart/form-data; boundary="+boundary, body, "Accept", "application/json, */*;q=0.1", "X-WP-Nonce",
			e.nonce)
		return fmt.Sprint(a.status), err
	})
	f.step("settings", func() (string, error) {
		a, err := e.open("GET", "/wp-admin/options-general.php", "", "")
		if err != nil {
			return "", err
		}
		nonce, err := find(a.body, `name="_wpnonce" value="([^"]+)"`)
		if err != nil {
			return "", err
		}
		a, err = e.form("/wp-admin/options.php", url.Values{
			"option_page": {"general"}, "action": {"update"}, "_wpnonce": {nonce},
			"_wp_http_referer": {"/wp-admin/options-general.php"}, "blogname": {"Conor's \"blog\" & more; <new>"},
			"blogdescription": {"Tips & tricks -- select the best"}, "new_admin_email": {"admin@example.test"},
			"timezone_string": {"UTC+0"}, "date_format": {"\\c\\u\\s\\t\\o\\m"},
			"date_format_custom": {"F j, Y"}, "time_format": {"g:i a"}, "start_of_week": {"1"},
			"submit": {"Save Changes"},
		})
		return fmt.Sprint(a.status), err
	})
	f.step("quick edit", func() (string, error) {
		a, err := e.open("GET", "/wp-admin/edit.php", "", "")
		if err != nil {
			return "", err
		}
		nonce, err := find(a.body, `name="_inline_edit" value="([^"]+)"`)
		if err != nil {
			return "", err
		}
		a, err = e.fetch("POST", "/wp-admin/admin-ajax.php", "application/x-www-form-urlencoded; charset=UTF-8",
			url.Values{
				"action": {"inline-save"}, "_inline_edit": {nonce}, "post_ID": {"1"}, "post_type": {"post"},
				"post_title": {"Hello & \"welcome\"; it's on"}, "post_name": {"hello"},
				"_status": {"publish"}, "tags_input[post_tag]": {"c++, rock & roll, '90s"}, "screen": {"edit-post"},
				"post_view": {"list"},
			}.Encode(), "X-Requested-With", "XMLHttpRequest")
		return fmt.Sprint(a.status), err
	})
	for _, page := range []string{"plugins.php", "themes.php", "users.php", "upload.php", "edit-comments.php",
		"site-health.php", "profile.php", "tools.php", "edit.php?s=union+select&post_status=all"} {
		f.step("open "+page, func() (string, error) { return e.page("/wp-admin/" + page) })
	}
}

// visitors read, search and comment.
func (e *editor) visitors(f *flow) {
	for _, q := range []string{"tips & more", "it's 'new'", "union select", "use $(pwd) here", "c++ <vector>",
		"how to cat /etc/passwd", "select * from users example"} {
		f.step("search "+q, func() (string, error) { return e.page("/?s=" + url.QueryEscape(q)) })
	}
	for i, text := range []string{"Thanks; it works -- see `cat /etc/hosts`.",
		"Don't; use SELECT * FROM t WHERE a = '1' OR 1=1; it's slow", "it failed; kill -9 1234 helped & I'm happy <3"} {
		f.step(fmt.Sprint("comment ", i), func() (string, error) {
			a, err := e.form("/wp-comments-post.php", url.Values{"comment": {text}, "submit": {"Post Comment"},
				"comment_post_ID": {"1"}, "comment_parent": {"0"}})
			return fmt.Sprint(a.status), err
		})
	}
	f.step("XML-RPC", func() (string, error) {
		escape := strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;").Replace
		call := "<?xml version=\"1.0\"?><methodCall><methodName>metaWeblog.newPost</methodName>" +
			"<params><param><value><string>1</string></value></param><param><value><string>admin</string></value></param>" +
			"<param><value><string>" + escape(wpPassword) +
			"</string></value></param><param><value><struct><member><name>title</name><value><string>By phone; " +
			"it's</string></value></member>" +
			"<member><name>description</name><value><string>" + escape(wpPosts[2][1]) +
			"</string></value></member></struct></value></param></params></methodCall>"
		return f.curl("-A", "Java/21.0.3", "-H", "Content-Type: text/xml", "--data-binary", call, f.base+"/xmlrpc.php")
	})
	f.step("feed", func() (string, error) { return f.curl("-A", "NetNewsWire (RSS Reader)", f.base+"/?feed=rss2") })
}
