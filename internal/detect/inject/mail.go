package inject

import (
	"strings"

	"bartizan/internal/detect/lex"
	"bartizan/internal/signal"
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
	if len(w) >= 2 && len(w) <= 5 && lex.Letter(w[0]) && lex.Digit(w[len(w)-1]) && lex.Byte(s,
		n+len(w)) == ' ' { // IMAP's tag
		m := n + len(w) + 1
		c := lex.Word(s, m)
		b := lex.Byte(s, m+len(c))
		switch c {
		case "login", "select", "list", "lsub", "fetch", "store", "create", "delete", "copy", "examine", "search",
			"append", "rename", "uid", "status", "authenticate", "subscribe":
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
	case "auth":
		return crlf && lex.OneOf(rest, "login", "plain", "cram-md5", "ntlm", "xoauth2")
	case "top":
		return crlf && rest != "" && strings.Trim(rest, "0123456789 ") == "" && strings.IndexByte(rest, ' ') > 0
	case "user":
		return crlf && strings.Contains(s[end:], "\npass ")
	}
	return false
}

// lineBreak: a line break, then the name of a header or of a mail's field.
func lineBreak(s string, i int) (signal.Kind, lex.Strength) {
	n := lex.Skip(s, i, "\r\n \t")
	name, end, named := fieldName(s, n)
	switch {
	case mailCommand(s, i, n):
		return signal.MailInjection, lex.Likely
	case strings.HasPrefix(s[n:], "http/1."), strings.HasPrefix(s[n:], "http/2"):
		return signal.HeaderInjection, lex.Likely
	case named:
		return field(s, name, end)
	case lex.OneOf(name, "rcpt", "mail", "data", "quit", "ehlo", "helo") &&
		(strings.Contains(lex.Ahead(s, end), " to:") || strings.Contains(lex.Ahead(s, end), " from:")):
		return signal.MailInjection, lex.Likely
	case strings.Contains(s[i:n], "\n\r\n") && strings.HasPrefix(s[n:], "<") && i < 64:
		return signal.HeaderInjection, lex.Likely // a body of its own
	}
	return signal.None, lex.None
}

// fieldName returns the letters and hyphens at s[n:], at most 40, and where they
// end; named says that a colon follows.
func fieldName(s string, n int) (name string, end int, named bool) {
	end = n
	for end < len(s) && end < n+40 && (lex.Letter(s[end]) || s[end] == '-') {
		end++
	}
	return s[n:end], end, lex.Byte(s, lex.Skip(s, end, " ")) == ':'
}

// field judges a field of a header or a mail by its name, which ends at s[end].
func field(s, name string, end int) (signal.Kind, lex.Strength) {
	switch name {
	case "cc", "bcc", "subject", "mime-version", "to", "from", "reply-to", "x-mailer", "content-transfer-encoding":
		if strings.Contains(lex.Ahead(s, end), "@") || name == "bcc" || name == "mime-version" {
			return signal.MailInjection, lex.Likely
		}
		return signal.MailInjection, lex.Hint
	case "set-cookie", "location", "content-length", "content-type", "transfer-encoding", "content-encoding",
		"content-disposition", "refresh", "header", "host", "connection", "link", "last-modified",
		"access-control-allow-origin", "set-cookie2", "crlf", "test-header", "accept", "cookie", "user-agent":
		return signal.HeaderInjection, lex.Likely
	}
	if strings.HasPrefix(name, "x-") && len(name) > 2 {
		return signal.HeaderInjection, lex.Likely
	}
	return signal.None, lex.None
}

// lowBreaks returns where characters end at s[i:] whose low bytes are those of line breaks,
// which a writer of bytes keeps alone: U+560A and U+560D, U+010A and U+010D.
func lowBreaks(s string, i int) int {
	for {
		switch {
		case lex.At(s, i, "\u560a"), lex.At(s, i, "\u560d"):
			i += 3
		case lex.At(s, i, "\u010d"), lex.At(s, i, "\u010a"):
			i += 2
		default:
			return i
		}
	}
}
