package main

import (
	"fmt"
	"net/url"
	"strings"
)

// mediawiki is MediaWiki on SQLite: pages are edited by form and by API, previewed,
// compared, searched.
func mediawiki() app {
	return app{
		name: "mediawiki",
		needs: []need{
			{"/usr/share/mediawiki/index.php", "apt-get install mediawiki"}, {"php",
				"apt-get install php-cli php-sqlite3 php-mbstring php-xml php-intl"},
		},
		start: startMediaWiki,
		use:   useMediaWiki,
	}
}

const wikiPassword = "it's a pass; word <9>"

const wikiSettings = `
$wgServer = 'http://' . $_SERVER['HTTP_HOST']; $wgCanonicalServer = $wgServer;
$wgGroupPermissions['*']['edit'] = true; $wgEnableUploads = true;
$wgFileExtensions[] = 'txt'; $wgShowExceptionDetails = true;
$wgUploadDirectory = '%[1]s/site/images-own'; $wgCacheDirectory = '%[1]s'; $wgTmpDirectory = '%[1]s';
`

func startMediaWiki(p *place) error {
	root, err := p.copyTree("/usr/share/mediawiki", "site")
	if err != nil {
		return err
	}
	if _, err := p.command(root, nil, "rm", "-rf", "LocalSettings.php", "images"); err != nil {
		return err
	}
	_, err = p.command(root, nil, "php", "maintenance/install.php", "--dbtype=sqlite", "--dbpath="+p.dir,
		"--dbname=wiki", "--scriptpath=", "--lang=en",
		fmt.Sprint("--server=http://127.0.0.1:", p.port), "--pass="+wikiPassword, "--skins=", "--extensions=",
		"Conor's wiki", "Admin")
	if err != nil {
		return err
	}
	script := fmt.Sprintf("cat >> %q/LocalSettings.php && mkdir -p %q/images-own", root, root)
	if _, err := p.command(root, nil, "sh", "-c", "printf '%s' \"$0\" | ("+script+")", fmt.Sprintf(wikiSettings,
		p.dir)); err != nil {
		return err
	}
	return p.php(root, "")
}

// wikiPages are pages as editors write them.
var wikiPages = append([][2]string{
	{"Help:Wikitext & more", "== It's ''new''; '''bold''' ==\n* [[Main Page|start]] & [https://e.example/?a=1&b=2 " +
		"link]\n* {{tl|cite web}} <nowiki>{{7*7}}</nowiki> ~~~~\n" +
		"{| class=\"wikitable\"\n! a !! b\n|-\n| 1 || <code>x < y; z</code>\n|}\n<ref name=\"o'neil\">O'Neil, p. " +
		"4</ref> &nbsp;&ndash; &lt;b&gt;"},
	{"Template:Box", "<includeonly><div style=\"background:{{{color|#eee}}}; " +
		"width:50%\">{{#if:{{{title|}}}|'''{{{title}}}'''|none}} " +
		"{{#switch:{{{1}}}|a=b|#default=${c}}}</div></includeonly>" +
		"<noinclude>{{Documentation}} <pre>{{Box|title=x|../y}}</pre></noinclude>"},
	{"Shell/Cheat sheet", "<syntaxhighlight lang=\"bash\">\ncat /etc/passwd | grep root; rm -rf /tmp/x && curl -s " +
		"http://x.test | sh\nfor i in $(seq 3); do echo `date`; done\n</syntaxhighlight>\n" +
		"; term : <code>kill -9 1234</code>; mail"},
	{"SQL injection", "An attacker types <code>' OR '1'='1' --</code> or <nowiki>1 UNION SELECT password FROM " +
		"users</nowiki>; then\n<pre>\n$sql = \"SELECT * FROM users WHERE name = '\" . $_GET['n'] . \"'\";\n</pre>\n" +
		"See also [[Cross-site scripting]]: <nowiki><script>alert(1)</script></nowiki>, [[../etc/passwd]]."},
	{"Module:Date", "local p = {}\nfunction p.main(frame) return os.date('%Y') .. frame.args[1] or '' end -- " +
		"it's\nreturn p"},
	{"MediaWiki:Common.js", "/* all */ $(function () { if (mw.config.get('x') == 1) { document.cookie = 'a=1'; " +
		"alert('hi'); eval('1'); $('#a').html('<b onclick=\"x()\">b</b>'); } });"},
	{"MediaWiki:Common.css", ".a:before{content:'it\\'s';background:url(//e.example/x.png)} /* expression() */"},
}, honestTexts...)

func useMediaWiki(f *flow) {
	b := newBrowser(f)
	f.step("read", func() (string, error) { return b.page("/index.php/Main_Page") })
	f.step("log in", func() (string, error) {
		a, err := b.open("GET", "/index.php?title=Special:UserLogin&returnto=Main+Page", "", "")
		if err != nil {
			return "", err
		}
		token, err := find(a.body, `name="wpLoginToken"[^>]*value="([^"]+)"|value="([^"]+)" name="wpLoginToken"`)
		if err != nil {
			return "", err
		}
		a, err = b.form("/index.php?title=Special:UserLogin&returnto=Main+Page", url.Values{
			"wpName": {"Admin"}, "wpPassword": {wikiPassword}, "wploginattempt": {"Log in"}, "wpEditToken": {"+\\"},
			"title": {"Special:UserLogin"}, "authAction": {"login"}, "force": {""}, "wpLoginToken": {token},
		})
		return fmt.Sprint(a.status, " ", strings.Contains(a.body, "wgUserName\":\"Admin")), err
	})
	for _, x := range wikiPages {
		f.step("edit "+x[0], func() (string, error) { return edit(b, x[0], x[1], "wpSave") })
		f.step("preview "+x[0], func() (string, error) {
			return edit(b, x[0], x[1]+"\n\n: it's \"better\"; & more",
				"wpPreview")
		})
	}
	api := func(name string, values url.Values) {
		f.step("API "+name, func() (string, error) {
			a, err := b.fetch("GET", "/api.php?action=query&meta=tokens&format=json", "", "")
			if err != nil {
				return "", err
			}
			token, err := find(a.body, `"csrftoken":"([^"]+)"`)
			if err != nil {
				return "", err
			}
			values.Set("token", strings.ReplaceAll(token, `\\`, `\`))
			values.Set("format", "json")
			a, err = b.fetch("POST", "/api.php", "application/x-www-form-urlencoded; charset=UTF-8", values.Encode(),
				"X-Requested-With", "XMLHttpRequest")
			return fmt.Sprint(a.status, " ", strings.Contains(a.body, `"error"`)), err
		})
	}
	api("edit", url.Values{"action": {"edit"}, "title": {"By API; it's"}, "text": {wikiPages[2][1]},
		"summary": {"cp a b; ls & $(pwd) -- /* top */"}})
	api("section", url.Values{"action": {"edit"}, "title": {"Talk:Main Page"}, "section": {"new"},
		"sectiontitle": {"What's up?"}, "text": {honestTexts[1][1] + " ~~~~"}, "summary": {"tips & more"}})
	api("parse", url.Values{"action": {"parse"}, "text": {wikiPages[0][1] + wikiPages[3][1]},
		"contentmodel": {"wikitext"}, "prop": {"text"}})
	api("move", url.Values{"action": {"move"}, "from": {"Shell/Cheat sheet"}, "to": {"Shell's & cheat sheet; new"},
		"reason": {"' or \"; mv a b"}})
	for _, q := range []string{"union select", "it's & more", "use $(pwd) here", "how to cat /etc/passwd",
		"insource:\"<b>\" tips", "\"select * from\" -where"} {
		f.step("search "+q, func() (string, error) {
			return b.page("/index.php?search=" + url.QueryEscape(q) + "&title=Special%3ASearch&fulltext=1")
		})
		f.step("suggest "+q, func() (string, error) {
			a, err := b.fetch("GET",
				"/api.php?action=opensearch&format=json&formatversion=2&namespace=0&limit=10&search="+url.QueryEscape(q), "", "")
			return fmt.Sprint(a.status), err
		})
	}
	for _, path := range []string{"?title=SQL_injection&action=history", "?title=SQL_injection&action=edit",
		"?title=Main_Page&diff=cur&oldid=prev", "?title=Special:RecentChanges&days=7&from=&limit=50",
		"/Special:Version", "?title=SQL_injection&action=raw"} {
		f.step("open "+path, func() (string, error) { return b.page("/index.php" + path) })
	}
}

// edit opens a page's form and sends it with a button.
func edit(b *browser, title, text, button string) (string, error) {
	path := "/index.php?title=" + url.QueryEscape(title)
	a, err := b.open("GET", path+"&action=edit", "", "")
	if err != nil {
		return "", err
	}
	values := url.Values{
		"wpTextbox1": {text}, "wpSummary": {"fix; it's & \"more\" -- /* x */"}, "wpUnicodeCheck": {"ℳ𝒲♥𝓊𝓃𝒾𝒸ℴ𝒹ℯ"},
		"wpUltimateParam": {"1"}, "mode": {"text"}, "format": {""}, "model": {""}, button: {"Save page"},
	}
	for _, name := range []string{"wpEditToken", "wpStarttime", "wpEdittime", "editRevId", "parentRevId"} {
		v, err := find(a.body, `value="([^"]*)" name="`+name+`"`)
		if err != nil {
			return fmt.Sprint(a.status), fmt.Errorf("status %d: %w", a.status, err)
		}
		values.Set(name, v)
	}
	for _, name := range []string{"format", "model"} {
		v, err := find(a.body, `value="([^"]*)" name="`+name+`"`)
		if err == nil {
			values.Set(name, v)
		}
	}
	a, err = b.form(path+"&action=submit", values)
	return fmt.Sprint(a.status), err
}
