package inject

import (
	"strings"

	"bartizan/internal/detect/lex"
)

// maxMail is how long a value may be that leaves a command of a mail protocol: longer
// ones are texts.
const maxMail = 240

// mailCommand reports whether a command of SMTP, POP3 or IMAP stands at s[n:], behind a
// line break at s[i] with which a name of a mailbox or an address ends. A word alone
// counts only where it has a line to itself, as protocols end lines.
func mailCommand(s string, i, n int) bool {
	if len(s) > maxMail || lex.Prose(s[:i], 4) > 3 {
		return false
	}
	w := lex.Word(s, n)
	if len(w) >= 2 && len(w) <= 5 && lex.Letter(w[0]) && lex.Digit(w[len(w)-1]) && lex.Byte(s, n+len(w)) == ' ' { // IMAP's tag
		m := n + len(w) + 1
		c := lex.Word(s, m)
		b := lex.Byte(s, m+len(c))
		switch c {
		case "login", "select", "list", "lsub", "fetch", "store", "create", "delete", "copy", "examine", "search", "append", "rename", "uid", "status", "authenticate", "subscribe":
			return b == ' '
		case "logout", "expunge", "capability", "noop", "close", "starttls", "check":
			return b == 0 || b == '\r' || b == '\n'
		}
		return false
	}
	end := n + len(w)
	rest, _, _ := strings.Cut(lex.Ahead(s, end), "\n")
	rest = strings.Trim(rest, " \r")
	crlf := lex.At(s, i, "\r\n") || lex.Byte(s, end) == '\r'
	switch w {
	case "rset", "noop", "quit", "stat", "data":
		return rest == "" && crlf
	case "vrfy", "expn", "helo", "ehlo", "retr", "dele":
		return rest != "" && strings.IndexByte(rest, ' ') < 0 && lex.Byte(s, end) == ' '
	case "user":
		return crlf && strings.Contains(s[end:], "\npass ")
	}
	return false
}
