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
// that people also ask for (package.json) is a hint: it takes several. What the answer
// makes of it is the engine's business. The digest is that of the word that was found:
// the styles of one application are one thing.
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
		if word, band := d.probeAt(path[i+1:], depth); word != "" {
			v := request.Value{In: request.InPath, Text: strings.ToLower(word)}
			d.add(r, finding{signal.ProbePath, band, 0}, &v, path[i:])
			return
		}
	}
}

const maxProbeDepth = 16

// probeAt judges the rest of a path from a segment's start on. It returns what scanners
// look for there, "" for nothing.
func (d *Detector) probeAt(rest string, depth int) (word string, band signal.Band) {
	for _, p := range exploitPaths {
		if hasPrefixFold(rest, p) {
			return p, signal.Likely
		}
	}
	if n := d.probes.prefixOf(rest); n > 0 && boundary(rest, n) {
		// Deeper down it is content: /repos/x/y/contents/.gitignore.
		if rest[0] == '.' && depth <= 2 {
			return rest[:n], signal.Likely
		}
		return rest[:n], signal.Hint
	}
	segment, _, _ := strings.Cut(rest, "/")
	for _, ext := range leftovers {
		if len(segment) > len(ext) && hasPrefixFold(segment[len(segment)-len(ext):], ext) {
			return ext, signal.Hint
		}
	}
	return "", 0
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
