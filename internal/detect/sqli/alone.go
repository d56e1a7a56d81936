package sqli

import (
	"strings"

	"bartizan/internal/detect/lex"
)

// hashes are functions by which an attacker sees that a server has worked something out.
var hashes = [...]string{"md5", "sha1", "sha", "sha2", "hashbytes", "crc32", "char", "chr", "hex", "unhex", "hashes",
	"master.dbo.fn_varbintohexstr", "fn_varbintohexstr", "rawtohex", "utl_raw"}

// readers are functions of DuckDB, ClickHouse and others that read files and addresses.
var readers = [...]string{"read_text", "read_csv", "read_csv_auto", "read_blob", "read_json", "read_json_auto",
	"read_parquet", "sniff_csv", "glob", "file", "url", "remote", "s3", "hdfs", "jdbc", "odbc", "mysql", "executable",
	"pg_read_file",
	"pg_read_binary_file", "pg_ls_dir", "load_file", "bfilename", "lo_import", "csvread", "file_read", "link_schema",
	"readfile"}

// proves reports whether a statement that begins with SELECT, and reads no table, works
// out what proves that it was run; whether it branches into an error; or whether it reads
// a file of the server's.
func proves(s string) bool {
	if len(s) > 400 || lex.Prose(s, 7) > 6 {
		return false
	}
	rest := strings.TrimLeft(lex.Ahead(s, 6), " \t\r\n(")
	from := strings.Index(s, "from ")
	if from < 0 {
		w := lex.Word(rest, 0)
		if b := lex.Byte(rest, len(w)); b == '(' && lex.OneOf(w, hashes[:]...) && constant(rest[len(w):]) {
			return true
		}
		if (w == "convert" || w == "concat" || w == "cast" || w == "substring" || w == "lower" || w == "upper" ||
			w == "concat_ws") && anyOf(rest, hashes[:5]) && constant(rest[len(w):]) {
			return true
		}
		if w == "case" && strings.Contains(rest, " when ") && strings.Contains(rest, "/0") {
			return true
		}
		return product(rest)
	}
	source := strings.TrimLeft(s[from+5:], " (")
	w := lex.Word(source, 0)
	if lex.Byte(source, len(w)) != '(' || !lex.OneOf(w, readers[:]...) {
		return false
	}
	file := strings.TrimLeft(source[len(w)+1:], " '\"")
	return strings.HasPrefix(file, "/") || strings.Contains(file[:min(len(file), 64)], "..") || len(file) > 2 &&
		file[1] == ':' || w == "read_text" || w == "read_blob" || strings.HasPrefix(file, "http")
}

// constant reports whether the arguments of a call, from its bracket on, name no column:
// numbers and strings only, of which something is left to be told.
func constant(s string) bool {
	i := lex.Skip(s, 0, "( ")
	b := lex.Byte(s, i)
	return lex.Digit(b) || b == '\'' || b == '"' || lex.At(s, i, "varchar") || lex.At(s, i, "hashbytes") || lex.At(s,
		i, "md5(") || lex.At(s, i, "sha1(") || lex.At(s, i, "0x")
}

// anyOf reports whether a call of one of names stands in s.
func anyOf(s string, names []string) bool {
	for _, n := range names {
		if i := strings.Index(s, n); i >= 0 && lex.Byte(s, i+len(n)) == '(' && !lex.WordByte(lex.Byte(s, i-1)) {
			return true
		}
	}
	return false
}

// product reports whether s is the product of two numbers of three digits or more.
func product(s string) bool {
	n := 0
	for n < len(s) && lex.Digit(s[n]) {
		n++
	}
	m := lex.Skip(s, n, " ")
	if n < 3 || lex.Byte(s, m) != '*' {
		return false
	}
	m = lex.Skip(s, m+1, " ")
	from := m
	for m < len(s) && lex.Digit(s[m]) {
		m++
	}
	return m-from > 2 && m == len(s)
}

// inserted judges what goes on behind a list of columns or values that the application
// opened: x)values('a'^sleep(3))#.
func inserted(s string) lex.Strength {
	i := strings.Index(s, ")values(")
	if i < 0 {
		i = strings.Index(s, ") values (")
	}
	if i < 1 || i > 64 || strings.Contains(s[:i], "insert") || strings.Contains(s[:i], "replace") ||
		strings.IndexByte(s[:i], '(') >= 0 {
		return lex.None
	}
	end := strings.TrimRight(s, " -")
	if strings.HasSuffix(end, "#") || len(end) < len(s) && strings.Contains(s[len(end):], "--") ||
		strings.HasSuffix(end, "/*") || strings.HasSuffix(end, ";") {
		return lex.Likely
	}
	return lex.None
}

// prepared reports whether a statement that is made of a string stands behind another
// one: ;prepare p from @k.
func prepared(s string) bool {
	if !strings.Contains(s, "execute") {
		return false
	}
	for i := 0; ; {
		j := strings.Index(s[i:], "prepare ")
		if j < 0 {
			return false
		}
		i += j
		before := strings.TrimRight(s[:i], " \t\r\n")
		name := lex.Word(s, i+8)
		rest := strings.TrimLeft(lex.Ahead(s, i+8+len(name)), " ")
		if before != "" && before[len(before)-1] == ';' && name != "" && strings.HasPrefix(rest, "from") &&
			lex.Any(rest[:min(len(rest), 12)], "@'\"0") {
			return true
		}
		i += 8
	}
}

// nulled reports whether a value is a number, and behind it the question whether a column
// has a value: 7 || name is not null.
func nulled(s string) bool {
	i := lex.Skip(s, 0, "0123456789")
	n := lex.Skip(s, i, "'\") ")
	if i == 0 || i > 20 {
		return false
	}
	switch {
	case lex.At(s, n, "||"), lex.At(s, n, "&&"), lex.At(s, n, "or "):
		n += 2
	case lex.At(s, n, "and "):
		n += 3
	default:
		return false
	}
	n = lex.Skip(s, n, " (")
	w := lex.Word(s, n)
	n = lex.Skip(s, n+len(w), " )")
	if w == "" || !lex.At(s, n, "is ") {
		return false
	}
	n = lex.Skip(s, n+3, " ")
	if lex.At(s, n, "not ") {
		n = lex.Skip(s, n+4, " ")
	}
	rest := strings.TrimLeft(lex.Ahead(s, n+4), " ;)")
	return (lex.At(s, n, "null") || lex.At(s, n, "true")) && (rest == "" || rest[0] == '#' || rest[0] == '-' ||
		rest[0] == '/')
}
