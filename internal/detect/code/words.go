package code

import (
	"strings"

	"bartizan/internal/detect/lex"
	"bartizan/internal/signal"
)

// word judges one word by what stands around it.
func (c *look) word(s string, i int, w string) (signal.Kind, lex.Strength) {
	end := i + len(w)
	next := lex.Skip(s, end, " \t\r\n")
	b := lex.Byte(s, next)
	if b == '/' && lex.Byte(s, next+1) == '*' || b == '#' && next > end { // a comment between name and bracket
		if j := strings.IndexByte(lex.Ahead(s, next), '('); j > 0 && j < 24 {
			b = '('
		}
	}
	switch w[0] {
	case '_':
		return c.underscored(w, b)
	case 'j', 'c', 'o', 'f', 's', 'g':
		if lex.Byte(s, end) == '.' {
			if k, st := c.class(s, i); st > lex.None {
				return k, st
			}
		}
	}
	if k, st := gadget(s, i, w, b); st > lex.None {
		return k, st
	}
	if k, st := c.node(s, i, end, w, b); st > lex.None {
		return k, st
	}
	if k, st := serial(i, w); st > lex.None {
		return k, st
	}
	if q := lex.Byte(s, i-1); (q == '\'' || q == '"' || q == '[' || q == '(' && lex.Byte(s, end) == ')' || q == ' ' && lex.Byte(s, i-2) == '[') && lex.OneOf(w, "system", "exec", "passthru", "shell_exec", "popen", "assert", "eval", "phpinfo") {
		n := lex.Skip(s, end, "'\")]0[{}. \t")
		if n > end && lex.Byte(s, n) == '(' && c.Prose(5) < 4 { // "system"(id), (['system'])[0]('id')
			return signal.CodeInjection, lex.Likely
		}
	}
	if b == '(' && w != "throw" {
		return c.called(s, i, next, w)
	}
	if q := lex.Byte(s, next+1); w == "class" && b == '=' &&
		(q == '\'' || q == '"') && Streamed(s[min(len(s), next+2):]) {
		return signal.Deserialisation, lex.Likely
	}
	if w == "throw" && b == '(' && i > 0 && strings.IndexByte("};'\"", s[i-1]) >= 0 &&
		arithmetic(s[next:min(len(s), next+16)]) {
		return signal.CodeInjection, lex.Likely // }throw(7*7);{
	}
	if (w == "constructor" || w == "prototype") && b != 0 {
		return pollution(s, i, end)
	}
	if w == "function" && b == '(' && strings.HasSuffix(strings.TrimRight(s[:i], " "), "new") {
		return signal.CodeInjection, lex.Likely
	}
	if w == "module" && lex.At(s, end, ".exports") {
		if i == 0 && !c.has("require", "process", "child", "eval(", "function") {
			return signal.CodeInjection, lex.Hint // the last line of a module
		}
		return signal.CodeInjection, lex.Likely
	}
	if w == "auto_prepend_file" || w == "allow_url_include" || w == "auto_append_file" || w == "disable_functions" && b == '=' {
		return signal.CodeInjection, lex.Likely
	}
	return signal.None, lex.None
}

// underscored: the insides of Python and JavaScript.
func (c *look) underscored(w string, b byte) (signal.Kind, lex.Strength) {
	switch w {
	case "__class__", "__bases__", "__base__", "__reduce__":
		if c.Has("__class__.__name__") && !c.Has("__mro__") && !c.Has("__init__") {
			return signal.TemplateInjection, lex.Hint
		}
		if !c.has("{", "[", "|", "%", "'", "\"", "__mro__", "__subclasses__", "__init__") {
			return signal.TemplateInjection, lex.Hint // a line of Python
		}
		return signal.TemplateInjection, lex.Likely
	case "__mro__", "__subclasses__", "__globals__", "__builtins__", "__getattribute__":
		return signal.TemplateInjection, lex.Likely
	case "__import__":
		if b == '(' || b == '[' {
			return signal.CodeInjection, lex.Certain
		}
		return signal.CodeInjection, lex.Likely
	case "__proto__", "__definegetter__", "__definesetter__":
		return signal.PrototypePollution, lex.Likely
	case "__js_function":
		return signal.Deserialisation, lex.Likely
	case "_memberaccess", "_self":
		if w == "_memberaccess" || c.Has("_self.env") {
			return signal.TemplateInjection, lex.Certain
		}
	}
	return signal.None, lex.None
}

// has reports whether any of needles, which are constants, stands in the value.
func (c *look) has(needles ...string) bool {
	for _, n := range needles {
		if c.Has(n) {
			return true
		}
	}
	return false
}

// class reads a dotted name and judges it.
func (c *Set) class(s string, i int) (signal.Kind, lex.Strength) {
	j := i
	for j < len(s) && j < i+96 && (lex.WordByte(s[j]) || s[j] == '.' || s[j] == '$') {
		j++
	}
	name := s[i:j]
	known := false
	if lex.Byte(s, j) == ':' && lex.Letter(lex.Byte(s, j+1)) {
		return signal.None, lex.None // coordinates of a package
	}
	for n := len(name); n > 6 && !known; n = strings.LastIndexByte(name[:n], '.') {
		known = c.java[name[:n]]
	}
	java := strings.HasPrefix(name, "java.") || strings.HasPrefix(name, "javax.")
	switch {
	case java && (name == "java.lang.thread" || name == "java.lang.class" || name == "java.lang.system" || name == "java.lang.stringbuilder" || name == "java.lang.stringbuffer" || name == "java.lang.reflect.method"):
		return signal.CodeInjection, lex.Likely
	case java && (strings.Contains(name, "runtime") || strings.Contains(name, "processbuilder") || strings.Contains(name, "scriptengine")):
		if lex.Byte(s, j) == '(' || lex.Byte(s, i-1) == '(' || lex.Byte(s, i-1) == '@' || lex.Byte(s, j) == '@' {
			return signal.CodeInjection, lex.Certain
		}
		return signal.CodeInjection, lex.Likely
	case known && java, java && strings.Count(name, ".") >= 2 && (strings.HasPrefix(name, "java.io.") || strings.HasPrefix(name, "java.beans.") || strings.HasPrefix(name, "java.rmi.") || strings.HasPrefix(name, "javax.naming") || strings.HasPrefix(name, "java.net.url") || strings.HasPrefix(name, "java.lang.reflect")):
		return signal.CodeInjection, lex.Likely
	case known, strings.HasPrefix(name, "com.sun.rowset"), strings.HasPrefix(name, "org.apache.commons.collections"), strings.HasPrefix(name, "org.apache.xalan"), strings.HasPrefix(name, "freemarker.template.utility"), strings.HasPrefix(name, "ch.qos.logback.core.db"), strings.HasPrefix(name, "org.springframework.context.support"), strings.HasPrefix(name, "com.mchange.v2.c3p0"), strings.HasPrefix(name, "com.opensymphony"):
		return signal.Deserialisation, lex.Likely
	}
	return signal.None, lex.None
}

// gadget: classes and methods that chains of deserialisation and expression
// languages use, and nothing else that reaches an API.
func gadget(s string, i int, w string, b byte) (signal.Kind, lex.Strength) {
	switch w {
	case "clonetransformer", "forclosure", "instantiatefactory", "instantiatetransformer", "invokertransformer", "prototypeclonefactory", "prototypeserializationfactory", "whileclosure", "chainedtransformer", "constanttransformer", "templatesimpl", "jdbcrowsetimpl", "xmldecoder", "unicastremoteobject", "ysoserial", "badattributevalueexpexception", "jndiconnectionpooldatasource",
		"objectdataprovider", "windowsidentity", "typeconfusedelegate", "fnstream", "textformattingrunproperties", "losformatter", "binaryformatter", "netdatacontractserializer", "objectinputstream", "bcelclassloader", "activitysurrogateselector", "psobject", "xamlreader", "expandedwrapperofxamlreaderobjectdataprovider", "__halt_compiler", "setstub":
		return signal.Deserialisation, lex.Likely
	case "getruntime", "processbuilder":
		if b == '(' || b == '.' {
			return signal.CodeInjection, lex.Certain
		}
		return signal.CodeInjection, lex.Likely
	case "classloader":
		if lex.Byte(s, i-1) == '.' || b == '.' || b == '[' || lex.Byte(s, i-1) == '[' {
			return signal.CodeInjection, lex.Certain
		}
	case "scriptenginemanager", "newfactory", "getenginebyname", "runtimeexec", "allowstaticmethodaccess", "memberaccess", "ognlcontext", "ognlutil", "denymethodexecution", "methodaccessor", "sstoolbox", "groovyshell":
		return signal.CodeInjection, lex.Likely
	case "jndi":
		if b == ':' || lex.Byte(s, i-1) == '/' && b == '/' {
			return signal.JNDILookup, jndiStrength(s, i)
		}
	}
	return signal.None, lex.None
}

func jndiStrength(s string, i int) lex.Strength {
	rest := lex.Ahead(s, i)
	inside := i > 1 && (s[i-1] == '{' || s[i-1] == '}')
	for _, p := range [...]string{"ldap", "rmi", "dns", "iiop", "corba", "nds", "nis", "http", "${", "://"} {
		j := strings.Index(rest, p)
		if j < 0 {
			continue
		}
		if inside {
			return lex.Certain
		}
		if p[0] == '$' || p[0] == ':' || j < 8 && lex.Byte(rest, j+len(p)) != ' ' || strings.Contains(rest[j:], ":/") {
			return lex.Likely
		}
	}
	if inside {
		return lex.Certain
	}
	return lex.Hint // the word, and a colon
}

// node: Node's modules and what reaches them.
func (c *look) node(s string, i, end int, w string, b byte) (signal.Kind, lex.Strength) {
	rest := lex.Ahead(s, end)
	switch w {
	case "child_process":
		return signal.CodeInjection, lex.Likely
	case "require":
		if i == 0 && lex.Byte(s, end) == '[' && len(s) < 80 && strings.IndexByte(s, ' ') < 0 {
			return signal.CodeInjection, lex.Likely
		}
		switch {
		case b != '(':
		case strings.Contains(rest, "child_process"), strings.Contains(rest, "exec"), strings.Contains(rest, "spawn"), strings.Contains(rest, "'fs')."), strings.Contains(rest, "\"fs\")."):
			return signal.CodeInjection, lex.Certain
		case strings.Contains(rest, "'fs'"), strings.Contains(rest, "\"fs\""):
			return signal.CodeInjection, lex.Likely // loaded, and nothing done with it
		}
	case "process":
		if i == 0 && lex.Byte(s, end) == '[' && lex.Letter(lex.Byte(s, end+1)) && len(s) < 80 && strings.IndexByte(s, ' ') < 0 {
			return signal.CodeInjection, lex.Likely
		}
		for _, m := range [...]string{".mainmodule", ".binding", "['binding", "[\"binding", ".env", "[\"env", "['env", ".exit(", ".spawn(", ".kill(", ".dlopen", "[\"mainmodule"} {
			if strings.HasPrefix(rest, m) && lex.Byte(s, i-1) != '.' {
				if m == ".env" && c.Prose(5) > 3 {
					return signal.CodeInjection, lex.Hint
				}
				return signal.CodeInjection, lex.Likely
			}
		}
	case "console":
		if (b == '.' || b == '[') && len(s) < 200 && c.Prose(4) < 3 {
			m := lex.Word(s, lex.Skip(s, end, ".['\" "))
			if lex.OneOf(m, "log", "info", "error", "debug", "warn", "trace") && strings.IndexByte(rest, '(') > 0 {
				return signal.CodeInjection, lex.Likely
			}
		}
	case "subprocess":
		for _, m := range [...]string{".check_output(", ".run(", ".call(", ".popen(", ".getoutput("} {
			if strings.HasPrefix(rest, m) {
				return signal.CodeInjection, lex.Likely
			}
		}
	case "start", "execute": // Process.Start (.NET), os.execute (Lua)
		if before := owner(s, i); b == '(' && (w == "start" && before == "process" || w == "execute" && before == "os") {
			return signal.CodeInjection, lex.Likely
		}
	case "cos", "cposix", "cnt", "csubprocess", "c__builtin__", "cbuiltins", "ccommands": // a pickle of Python: a global, by module and name, then its arguments
		if lex.Byte(s, end) == '\n' && (i == 0 || s[i-1] == '\n') {
			name := lex.Word(s, end+1)
			if n := end + 1 + len(name); name != "" && lex.Byte(s, n) == '\n' && n+1 < len(s) && strings.IndexByte("(.qp", s[n+1]) >= 0 {
				return signal.Deserialisation, lex.Certain
			}
		}
	case "system":
		if strings.HasPrefix(rest, ".shell(") {
			return signal.CodeInjection, lex.Likely
		}
	case "phar":
		if b == '(' && strings.HasSuffix(s[:i], "new ") && len(s) < 160 {
			return signal.Deserialisation, lex.Likely
		}
	case "while":
		if b == '(' && len(s) < 80 && endless(rest) {
			return signal.CodeInjection, lex.Likely
		}
	}
	return signal.None, lex.None
}

// endless: while(1): a loop that only hurts.
func endless(rest string) bool {
	arg, _, ok := strings.Cut(strings.TrimLeft(rest, " ("), ")")
	arg = strings.Trim(arg, " +-!\"'`(;")
	return ok && (arg == "" || lex.OneOf(arg, "1", "true", "0", "false", "null", "nan", "undefined", "infinity", "[]", "{}", "new date", "this", "string", "object", "array", "number", "math", "window", "document", "global", "process") || len(arg) < 5 && lex.Digit(arg[0]))
}

// serial: objects of PHP, Ruby and .NET in their own notation.
func serial(i int, w string) (signal.Kind, lex.Strength) {
	switch {
	case w == "ro0abx" || strings.HasPrefix(w, "ro0ab") && i == 0:
		return signal.Deserialisation, lex.Likely
	case strings.HasPrefix(w, "aced0005"):
		return signal.Deserialisation, lex.Certain
	}
	return signal.None, lex.None
}

// called judges the call of a function by its name.
func (c *look) called(s string, i, open int, w string) (signal.Kind, lex.Strength) {
	arg := lex.Byte(s, lex.Skip(s, open+1, " \t\r\n"))
	lit := arg == '\'' || arg == '"' || arg == '$' || arg == '`' || arg == '%' || arg == '_'
	before := lex.Byte(s, i-1)
	whole := i < 3 && len(s) < 200
	if w == "function" && (strings.HasSuffix(s[:i],
		"new ") && c.Prose(5) < 4 || whole && (arg == '\'' || arg == '"') && strings.HasSuffix(s, "()")) {
		return signal.CodeInjection, lex.Likely
	}
	if open > i+len(w) && !lit && arg != ')' && (!whole || remarked(s, open, w)) {
		return signal.None, lex.None // a word and a remark in brackets
	}
	switch w {
	case "system", "exec", "passthru", "shell_exec", "popen", "proc_open", "pcntl_exec", "assert", "eval", "create_function", "preg_replace", "file_get_contents", "file_put_contents", "fopen", "fwrite", "include", "require_once", "include_once", "call_user_func", "md5", "print", "die", "print_r", "var_dump", "phpinfo", "phpversion", "readfile", "show_source", "highlight_file", "unserialize", "base64_decode", "str_rot13", "gzinflate", "gzuncompress", "curl_exec", "getcwd", "scandir", "chr", "assert_options", "substr", "strip_tags", "sleep", "usleep", "ini_set", "putenv", "dl", "mail", "get_defined_vars", "get_defined_constants", "array_map", "opendir", "move_uploaded_file", "response":
		return c.call(s, w, arg, lit, whole, before)
	case "popen2", "popen3", "spawn", "execsync", "spawnsync", "execfile", "instance_eval", "class_eval", "module_eval", "getclass", "forname", "newinstance", "getmethod", "loadclass", "defineclass", "fromcharcode":
		if lit || before == '.' {
			return signal.CodeInjection, lex.Likely
		}
	case "function":
		if strings.HasSuffix(strings.TrimRight(s[:i], " "), "new") {
			return signal.CodeInjection, lex.Likely
		}
	}
	if strings.HasPrefix(w, "popen") || before == '.' && lex.OneOf(w, "popen", "system") {
		return signal.CodeInjection, lex.Likely
	}
	if c.php[w] && strings.IndexByte(w, '_') > 0 || c.php[w] && whole {
		if c.Prose(5) < 4 {
			return signal.CodeInjection, lex.Likely
		}
		return signal.CodeInjection, lex.Hint
	}
	return signal.None, lex.None
}

// remarked reports whether the brackets at s[open:], a space behind a word that people
// use, hold words only: exec (level 5).
func remarked(s string, open int, w string) bool {
	if !lex.OneOf(w, "exec", "system", "include", "print", "die", "assert", "mail", "response", "sleep", "eval") {
		return false
	}
	end := strings.IndexByte(s[open:], ')')
	if end < 2 {
		return false
	}
	for _, b := range []byte(s[open+1 : open+end]) {
		if !lex.WordByte(b) && b != ' ' && b != '-' && b != '.' || b == '_' {
			return false
		}
	}
	return lex.Letter(lex.Byte(s, open+1)) || strings.IndexByte(s[open:open+end], ' ') > 0
}

// call judges a call of PHP that only means something with the right argument.
func (c *look) call(s, w string, arg byte, lit, whole bool, before byte) (signal.Kind, lex.Strength) {
	prose := c.Prose(5) >= 4
	switch w {
	case "system", "passthru", "shell_exec", "proc_open", "pcntl_exec", "popen", "phpinfo", "create_function", "call_user_func", "highlight_file", "show_source", "gzinflate", "gzuncompress", "str_rot13", "base64_decode", "get_defined_vars", "assert_options", "getcwd", "ini_set", "move_uploaded_file", "curl_exec":
		if prose || w == "base64_decode" && !lit && !whole {
			return signal.CodeInjection, lex.Hint
		}
		return signal.CodeInjection, lex.Likely
	case "include":
		if path := s[:min(len(s), 200)]; !prose && (lit || whole) && strings.ContainsAny(path[strings.IndexByte(path, '(')+1:], "/:.$\\") {
			return signal.CodeInjection, lex.Likely
		}
		return signal.CodeInjection, lex.Hint
	case "assert": // every language has it; PHP runs a string
		if lit && !prose || whole && (strings.Contains(s, "phpinfo") || strings.Contains(s, "system(") || strings.Contains(s, "eval(") || strings.Contains(s, "exec(") || strings.Contains(s, "base64")) {
			return signal.CodeInjection, lex.Likely
		}
		return signal.CodeInjection, lex.Hint
	case "eval", "exec", "require_once", "include_once", "unserialize", "file_put_contents", "file_get_contents", "readfile", "fopen", "fwrite", "dl", "putenv", "preg_replace", "scandir", "opendir", "array_map":
		if (lit || whole) && !prose {
			return signal.CodeInjection, lex.Likely
		}
		return signal.CodeInjection, lex.Hint
	case "md5", "print", "die", "print_r", "var_dump", "phpversion", "sleep", "usleep", "strip_tags", "mail":
		if before == '(' || before == ';' || before == '{' || before == '@' || w == "md5" && c.Has("print(") ||
			c.Has("echo ") {
			return signal.CodeInjection, lex.Likely
		}
		if whole && !prose && (w == "die" || w == "var_dump" || w == "print_r" || w == "phpversion" || w == "strip_tags" || arg != 0 && w == "md5" || w == "print" && (strings.ContainsAny(s, "*`") || strings.Contains(s, "md5(") || strings.Contains(s, "system("))) {
			return signal.CodeInjection, lex.Likely
		}
	case "response":
		return signal.None, lex.None
	}
	return signal.None, lex.None
}

// owner returns the word before the dot at s[i-1]: process of process.start.
func owner(s string, i int) string {
	if lex.Byte(s, i-1) != '.' {
		return ""
	}
	from := i - 1
	for from > 0 && lex.WordByte(s[from-1]) {
		from--
	}
	return s[from : i-1]
}

// pollution: constructor[prototype], constructor.prototype.
func pollution(s string, i, end int) (signal.Kind, lex.Strength) {
	rest := lex.Ahead(s, end)
	if lex.At(s, i, "constructor") && (strings.HasPrefix(rest, "[prototype") || strings.HasPrefix(rest, ".prototype") || strings.HasPrefix(rest, "][prototype") || strings.HasPrefix(rest, "[\"prototype") || strings.HasPrefix(rest, "['prototype")) {
		return signal.PrototypePollution, lex.Likely
	}
	return signal.None, lex.None
}
