package detect

import (
	"strings"

	"bartizan/internal/request"
	"bartizan/internal/signal"
)

// What a value is for says what a finding in it is worth. Error trackers, log
// shippers and browsers' reports quote what others sent; jobs and images hold
// commands; repositories hold source; some APIs take statements. Such a place is
// told by its route's tag, by a protocol's own path, or by the path of keys that its
// documents have: never by what a client claims of itself in a header alone. An
// attacker who writes into such a place reaches what reads it, and no other field of
// the API.

// temper returns what a finding above a hint is worth where v stands.
func temper(r *request.Request, f finding, v *request.Value) signal.Band {
	tags := r.Endpoint.Tags
	switch {
	case !payload(f.kind):
		return f.band
	case tags&(request.TagTelemetry|request.TagCode) != 0 && v.In.Body(),
		tags.Has(request.TagQuery) && queries(f.kind) &&
			(v.In.Body() || v.In == request.InQuery || v.In == request.InQueryName),
		(v.In == request.InFile || v.In == request.InText && r.Head.Method == "PUT") && kept(f.kind, v),
		v.In <= request.InSegment && stores(r.Head.Method) && fileName(f.kind, v.Text),
		v.In.Body() && f.kind != signal.Deserialisation && (quotes(v.Key) || report(r, v)),
		f.kind == signal.HeaderInjection && v.In.Body() && holdsHeaders(v.Key),
		v.In == request.InJSON && quotesURL(v),
		v.In == request.InXML && queries(f.kind) && lists(v.Key),
		(f.kind == signal.CommandInjection || f.kind == signal.PathTraversal || f.kind == signal.CodeInjection && programArguments(v.Key)) && v.In.Body() && v.In != request.InForm && v.In != request.InPart && takesCommand(v):
		return signal.Hint
	}
	return f.band
}

// stores reports whether a method is that of a client that keeps files at the server, by
// whatever names they have at home: etc/passwd in a backup.
func stores(method string) bool { return method == "PUT" || method == "HEAD" || method == "DELETE" }

// fileName reports whether a finding in a path may be a file's name, whatever its signs are:
// one that climbs, or goes on behind a doubled slash, is none.
func fileName(k signal.Kind, path string) bool {
	switch k {
	case signal.PathTraversal, signal.CommandInjection, signal.SQLInjection:
		return !strings.Contains(path, "..") && !strings.Contains(path, "//") &&
			(k != signal.PathTraversal || strings.Count(path, "/") > 2)
	}
	return false
}

// payload reports whether a finding of a kind is a text that some interpreter would
// run: what people and programs may quote.
func payload(k signal.Kind) bool {
	switch k {
	case signal.SQLInjection, signal.XSS, signal.PathTraversal, signal.CommandInjection, signal.CodeInjection,
		signal.TemplateInjection,
		signal.JNDILookup, signal.NoSQLInjection, signal.LDAPInjection, signal.XPathInjection, signal.XXE,
		signal.ServerInclude,
		signal.HeaderInjection, signal.MailInjection, signal.KnownExploit, signal.PrototypePollution,
		signal.Deserialisation:
		return true
	}
	return false
}

// queries reports whether a kind is of languages that APIs take queries in.
func queries(k signal.Kind) bool {
	switch k {
	case signal.SQLInjection, signal.NoSQLInjection, signal.LDAPInjection, signal.XPathInjection,
		signal.TemplateInjection, signal.CommandInjection, signal.CodeInjection:
		return true
	}
	return false
}

// kept reports whether a finding in the text of an uploaded file is what such files
// hold: markup, statements, commands and code of documents and sources. What a server
// runs because of where the file is put, and what its parser does, stays.
func kept(k signal.Kind, v *request.Value) bool {
	switch k {
	case signal.XXE, signal.Deserialisation:
		return false
	case signal.XSS: // a picture that was made to prove a hole
		return !strings.Contains(v.Text, "<svg") && !strings.Contains(v.Text, "<?xml") &&
			!strings.Contains(v.Text, "xmlns") && !strings.Contains(v.Text, "<html") ||
			!strings.Contains(v.Text, "alert(") && !strings.Contains(v.Text, "document.") &&
				!strings.Contains(v.Text, "confirm(") && !strings.Contains(v.Text, "prompt(")
	case signal.CodeInjection, signal.TemplateInjection, signal.KnownExploit:
		return !strings.Contains(v.Text, "<?") && !strings.Contains(v.Text, "<%") && !strings.Contains(v.Text, "<jsp:")
	}
	return true
}

// segments visits the names in a path of keys, without brackets, from the outermost
// on, until visit says so; list says that the name holds a list.
func segments(key string, visit func(name string, list bool) (found bool)) bool {
	for key != "" {
		name := key
		if i := strings.IndexByte(key, '.'); i >= 0 {
			name, key = key[:i], key[i+1:]
		} else {
			key = ""
		}
		bare := strings.TrimRight(name, "[]")
		if visit(bare, len(bare) < len(name)) {
			return true
		}
	}
	return false
}

// lastKey returns the last name in a path of keys, without the brackets of a list.
func lastKey(key string) string {
	return strings.TrimRight(key[strings.LastIndexByte(key, '.')+1:], "[]")
}

// among reports whether name is one of list, which is in lower case and without '_'
// and '-', however name parts its words.
func among(name string, list []string) bool {
	if len(name) > 32 || name == "" {
		return false
	}
	var buf [32]byte
	n := 0
	for i := 0; i < len(name); i++ {
		if c := name[i]; c != '_' && c != '-' && c != ' ' {
			buf[n] = lower(c)
			n++
		}
	}
	for _, w := range list {
		if w == string(buf[:n]) {
			return true
		}
	}
	return false
}

// Names in documents that report what happened elsewhere: OpenTelemetry (OTLP/HTTP),
// Sentry's events, W3C reports, Loki, and logs and traces of other makers.
var (
	reporting = []string{
		"cspreport", "resourcespans", "resourcelogs", "resourcemetrics", "scopespans", "scopelogs", "logrecords",
		"logevents", "breadcrumbs", "logentry",
		"exception", "exceptions", "stacktrace", "stack", "stackframes", "frames", "traceback", "backtrace",
		"errorstack", "contextline",
	}
	reportingLists = []string{"logs", "log", "spans", "traces", "evts", "errors", "frames", "records", "violations",
		"alerts", "cells", "lines", "hunks", "contentchanges"}
	lines     = []string{"values", "entries", "line", "lines"}
	described = []string{"url", "uri", "query", "querystring", "params", "headers", "cookies", "referer",
		"referrer", "useragent", "path", "fullurl", "rawurl", "get", "post", "data", "body", "args", "form", "json"}
	// hooked are objects that a code host tells of, and what people wrote in them.
	happened = []string{"events", "event", "hits", "beacons"}
	said     = []string{"message", "error", "stack", "reason", "attributes", "properties", "payload", "href", "target",
		"text", "label", "selector", "xpath", "source", "location", "page", "ref", "data"}
	hooked = []string{"issue", "pullrequest", "mergerequest", "objectattributes", "comment", "review", "discussion",
		"headcommit", "commits", "release", "changes", "workitem", "ticket"}
	wrote = []string{"title", "body", "message", "description", "note", "text", "summary", "subject", "content",
		"html", "diff", "patch", "last_commit", "lastcommit"}
)

// quotes reports whether a path of keys is one under which documents quote what
// others sent: the text of an error, a log's line, an issue's title.
func quotes(key string) bool {
	if strings.IndexByte(key, '.') < 0 && strings.IndexByte(key, '[') < 0 && !strings.Contains(key, "tack") &&
		!strings.Contains(key, "trace") {
		return false // the name of a field of any form
	}
	first, before, hook, n := "", "", false, 0
	return segments(key, func(name string, list bool) bool {
		n++
		found := among(name, reporting) || list && among(name, reportingLists) ||
			n > 1 && among(first, []string{"streams"}) && among(name, lines) ||
			n > 1 && (strings.EqualFold(before, "request") || among(before, happened)) && among(name, described) ||
			n > 1 && among(before, happened) && among(name, said) ||
			hook && among(name, wrote)
		hook = hook || among(name, hooked)
		if first == "" {
			first = name
		}
		before = name
		return found
	})
}

// report reports whether r is sent to where a protocol of telemetry says that reports
// go, or is a report of a browser, and v a value of its document.
func report(r *request.Request, v *request.Value) bool {
	switch v.In {
	case request.InJSON, request.InJSONKey, request.InText, request.InXML:
	default:
		return false
	}
	path := r.Plain()
	if strings.Contains(path, "/!svn/") { // Subversion over WebDAV: logs and properties
		return true
	}
	for _, p := range [...]string{"/loki/api/v1/push", "/v1/traces", "/v1/logs", "/v1/metrics", "/_bulk",
		"/services/collector", "/services/collector/event", "/gelf", "/api/v2/logs", "/insert/jsonline",
		"/api/v1/push"} {
		if strings.HasSuffix(path, p) {
			return true
		}
	}
	if project, ok := strings.CutSuffix(strings.TrimSuffix(path, "/"), "/store"); ok && numberAfterSlash(project) {
		return true
	}
	if project, ok := strings.CutSuffix(strings.TrimSuffix(path, "/"), "/envelope"); ok && numberAfterSlash(project) {
		return true
	}
	return strings.HasPrefix(v.Key, "[].") && hasPrefixFold(r.Header("Content-Type"), "application/reports+json") &&
		(strings.HasPrefix(v.Key, "[].body.") || v.Key == "[].url")
}

// numberAfterSlash reports whether the last segment of a path is a number.
func numberAfterSlash(path string) bool {
	last := path[strings.LastIndexByte(path, '/')+1:]
	return last != "" && strings.Trim(last, "0123456789") == ""
}

// holdsHeaders reports whether a field of this name holds the text of header fields.
func holdsHeaders(key string) bool {
	return among(lastKey(key),
		[]string{"responseheaders", "requestheaders", "headers", "header", "rawheaders", "allheaders", "headertext",
			"args", "http", "raw"})
}

// commands are names of fields in documents whose purpose is a command: images,
// pods, jobs, pipelines.
var commands = []string{
	"cmd", "command", "commands", "entrypoint", "args", "argv", "run", "exec", "shell", "shellcommand", "script",
	"scripts", "inline", "userdata", "startupscript",
	"prestop", "poststart", "healthcheck", "beforescript", "afterscript", "createdby", "execstart", "test", "cron",
	"crontab", "customdata", "bootcmd", "runcmd",
}

// takesCommand reports whether v is a command line, or a script, in a field of a
// document whose purpose that is: it begins with a word or a path and leaves nothing.
func takesCommand(v *request.Value) bool {
	text := strings.TrimLeft(v.Text[:min(len(v.Text), 64)], " \t\r\n@")
	if text == "" || text[0]|0x20-'a' >= 26 && text[0] != '/' && text[0] != '#' && text[0] != '.' && text[0] != '[' &&
		text[0] != '*' {
		return false
	}
	if i := strings.IndexAny(text, ";|&$`\n"); i > 0 && strings.IndexByte(text[:i], ' ') < 0 && text[0] != '/' && text[0] != '#' {
		return false // a value that a command was put behind
	}
	return segments(v.Key, func(name string, _ bool) bool { return among(name, commands) })
}

// password reports whether v is a password that r brings to where passwords are asked
// for: one may hold anything. Who brings several such is judged as anybody else; see
// the engine's guesses.
func password(r *request.Request, v *request.Value) bool {
	if v.In.Name() || !v.In.Body() || v.In == request.InFile || len(v.Text) > 256 {
		return false
	}
	_, ok := request.LoginField(v.Key)
	last := lastKey(v.Key)
	ok = ok || among(last, []string{"clientsecret", "secret", "old", "new", "current", "repeat", "confirm", "confirmation", "oldpassword", "newpassword", "pin", "passcode", "passphrase"})
	return ok && r.TakesPassword()
}

// programArguments reports whether a path of keys leads to a program and its arguments:
// Cmd[] of an image, the scripts of a package.
func programArguments(key string) bool {
	return segments(key, func(name string, list bool) bool {
		return strings.EqualFold(name, "scripts") || list && among(name, commands)
	})
}

// quotesURL reports whether v is an address of the Web in a field that says where
// something happened, with what somebody asked for in its query.
func quotesURL(v *request.Value) bool {
	if !hasPrefixFold(v.Text, "http://") && !hasPrefixFold(v.Text, "https://") {
		return false
	}
	head := v.Text[:min(len(v.Text), 256)]
	i := strings.IndexByte(head, '?')
	if i < 0 || strings.ContainsAny(head[:i], " <>\"'`;|(){}$\\") {
		return false
	}
	last := lastKey(v.Key)
	return among(last, []string{"url", "uri", "href", "page", "pageurl", "ref", "referrer", "referer", "location", "dl",
		"dr", "documenturi", "documenturl", "sourcefile", "blockeduri", "lasturl", "currenturl"})
}

// lists reports whether an element of this name holds a listing of code in documents of
// DocBook, DITA and HTML.
func lists(key string) bool {
	return among(lastKey(key),
		[]string{"programlisting", "screen", "code", "codeblock", "pre", "literal", "literallayout",
			"userinput", "codeph", "cmd", "synopsis", "cmdsynopsis", "computeroutput"})
}
