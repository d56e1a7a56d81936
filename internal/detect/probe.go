package detect

import (
	"strings"

	"bartizan/internal/request"
	"bartizan/internal/signal"
)

// probePath looks for files that only scanners ask for.
//
// Catches dot files, forgotten backups and dumps, consoles of well-known
// software. Misses what an application has under a name of its own. A file
// that people also ask for (package.json) is a hint: it takes several.
//
// Example: /.git/config
func (d *Detector) probePath(r *request.Request) {
	path := r.Decoded()
	if len(path) > 2048 {
		path = path[:2048]
	}
	depth := 0
	for i := 0; i < len(path) && depth < maxProbeDepth; i++ {
		if path[i] != '/' || i+1 == len(path) || path[i+1] == '/' {
			continue
		}
		depth++
		if band, ok := d.probeAt(path[i+1:], depth); ok {
			d.add(r, finding{signal.ProbePath, band, 0}, &request.Value{In: request.InPath, Text: path}, path[i:])
			return
		}
	}
}

const maxProbeDepth = 16

// probeAt judges the rest of a path from a segment's start on.
func (d *Detector) probeAt(rest string, depth int) (signal.Band, bool) {
	for _, p := range exploitPaths {
		if hasPrefixFold(rest, p) {
			return signal.Likely, true
		}
	}
	if n := d.probes.prefixOf(rest); n > 0 && boundary(rest, n) {
		// Deeper down it is content: /repos/x/y/contents/.gitignore.
		if rest[0] == '.' && depth <= 2 {
			return signal.Likely, true
		}
		return signal.Hint, true
	}
	segment, _, _ := strings.Cut(rest, "/")
	for _, ext := range leftovers {
		if len(segment) > len(ext) && hasPrefixFold(segment[len(segment)-len(ext):], ext) {
			return signal.Hint, true
		}
	}
	return 0, false
}

// boundary reports whether a name ends at rest[n].
func boundary(rest string, n int) bool {
	return n >= len(rest) || !wordByte(rest[n]) || !wordByte(rest[n-1]) || rest[n-1] == '_'
}

// exploitPaths are entry points of exploits that no application of one's own has.
var exploitPaths = [...]string{"vendor/phpunit/", "phpunit/src/util/php/eval-stdin.php", "boaform/", "hnap1", "cgi-bin/luci", "gponform/", "wp-config.php", "wp-content/debug.log", "setup.cgi", "goform/", "phpmyadmin/", "pma/", "adminer.php",
	"_ignition/", "telescope/requests", "jmx-console", "invoker/jmxinvokerservlet", "axis2-admin", "struts/utils", "owa/auth/x.js", "ecp/current/exporttool", "manager/html", "druid/index.html", "geoserver/", "actuator/gateway/", "actuator/heapdump", "cgi-bin/.", "shell.php", "c99.php", "r57.php", "webshell", "eval-stdin.php", "server-status", "trace.axd", "elmah.axd"}

// ownProbes are added to the list from outside; all of them hints.
var ownProbes = [...]string{"wp-login.php", "wp-admin/", "xmlrpc.php", "phpinfo", "info.php", "test.php", "cgi-bin/", "actuator/", "console/", "administrator/", "wp-includes/", "wp-content/", "admin.php", "solr/admin/", "id_rsa", "web.config", "dump.sql", "backup.zip", "backup.tar", "database.sql", "swagger.json", "config.php"}

// leftovers are endings of files that were left behind.
var leftovers = [...]string{".bak", ".old", ".swp", ".sql", ".sql.gz", ".php~", ".orig", ".save", ".mdb"}

// probeWords prepares the outside list: no leading slash, our own words added.
func probeWords(list []string) []string {
	out := append([]string(nil), ownProbes[:]...)
	for _, w := range list {
		if w = strings.TrimPrefix(w, "/"); len(w) >= 4 {
			out = append(out, w)
		}
	}
	return out
}
