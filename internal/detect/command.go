package detect

import (
	"strings"

	"bartizan/internal/request"
	"bartizan/internal/signal"
)

// Command injection.
//
// Catches a separator or substitution of a shell and behind it a command with
// what makes it one: a path, an option, another separator, or the value's end.
// Misses commands by other names (variables, globs) and arguments of programs
// that are called without a shell.
//
// Example: 127.0.0.1; cat /etc/passwd
func (d *Detector) command(s *scan) finding {
	low := s.lower()
	best, at := none, 0
	for i := 0; i < len(low) && best < strong; i++ {
		if p := d.commandAt(low, i); p > best {
			best, at = p, i
		}
	}
	band := signal.Hint
	switch {
	case best == none:
		return finding{}
	case best == strong && s.gate.plain <= 8:
		band = signal.Certain
	case s.gate.plain <= 8:
		band = signal.Likely
	}
	return finding{signal.CommandInjection, s.limit(band), at}
}

func commandGate(s *scan) bool {
	g := &s.gate
	if g.bits&(hasBreak|hasDollar) == 0 && !(g.bits&hasSlash != 0 && g.words&wordShell != 0 && s.value.In != request.InHeader) {
		return false
	}
	if s.value.In == request.InHeader {
		return g.words&wordShell != 0 && (g.bits&(hasDollar|hasBrace) != 0 || g.bits&hasQuote != 0 || g.known > g.plain)
	}
	return g.words&wordShell != 0 || g.bits&hasDollar != 0 && g.bits&(hasParen|hasBrace) != 0
}

// commandAt judges what begins at s[i] as a separator.
func (d *Detector) commandAt(s string, i int) strength {
	switch s[i] {
	case ';', '\n', '\r':
		return max(d.run(s, i+1, true), d.leading(s, i, i+1))
	case '|':
		n := skip(s, i+1, "|")
		return max(d.run(s, n, true), d.leading(s, i, n))
	case '&':
		if hasAt(s, i, "&&") {
			return max(d.run(s, i+2, true), d.leading(s, i, i+2))
		}
		return d.run(s, i+1, false)
	case '`':
		return d.run(s, i+1, false)
	case '$':
		if hasAt(s, i, "$(") {
			return max(d.run(s, i+2, true), d.leading(s, 0, i+2))
		}
		if hasAt(s, i, "${ifs") || hasAt(s, i, "$ifs") {
			return strong
		}
	case '(':
		if hasAt(s, i, "() {") && strings.IndexByte(s[i:], ';') > 0 { // Shellshock
			return strong
		}
	case '/':
		if hasAt(s, i, "/dev/tcp/") || hasAt(s, i, "/bin/sh") && i < 2 || hasAt(s, i, "/bin/bash") && i < 2 || hasAt(s, i, "/bin/cat") && i < 2 {
			return strong
		}
	}
	return none
}

// leading judges a command behind the separator at s[i] with which a value
// begins, its first bytes aside: whatever its arguments are.
func (d *Detector) leading(s string, i, next int) strength {
	next = skip(s, next, " \t")
	end := next
	for end < len(s) && wordByte(s[end]) {
		end++
	}
	if i > 8 || skip(s, 0, " \t'\"0123456789)") < i || end >= len(s) || s[end] != ' ' && s[end] != '\t' || d.commands.class(s[next:end]) != tellingCommand {
		return none
	}
	if strings.Contains(ahead(s, end), "$(") || s[skip(s, end, " \t")-1] == '\t' {
		return strong
	}
	return weak
}

// run judges a command at s[i:]. tight says that the separator before it is
// rare outside shells.
func (d *Detector) run(s string, i int, tight bool) strength {
	start := i
	i = skip(s, i, " \t({'\"\\")
	if i-start > 4 {
		return none
	}
	for _, dir := range [...]string{"/usr/local/bin/", "/usr/bin/", "/usr/sbin/", "/bin/", "/sbin/", "sudo "} {
		if hasAt(s, i, dir) {
			return strong
		}
	}
	end := i
	for end < len(s) && (wordByte(s[end]) || s[end] == '-' || s[end] == '.') {
		end++
	}
	class := d.commands.class(s[i:end])
	if class == 0 {
		return none
	}
	arg := argument(s, end)
	switch {
	case arg == sureArgument && tight:
		return strong
	case arg == likelyArgument && tight && oneOf(s[i:end], "sleep", "ping", "timeout", "usleep", "ping6"):
		return strong
	case arg == likelyArgument && tight:
		return weak
	case class == plainCommand && arg == noArgument && tight:
		return weak
	case class == tellingCommand && arg == noArgument && tight:
		return strong
	case class == tellingCommand && arg != textArgument:
		return weak
	}
	return none
}

// What stands behind a command.
type argumentKind uint8

const (
	textArgument   argumentKind = iota // anything: a word of prose
	noArgument                         // the end, or another separator
	likelyArgument                     // an option, an address, a number
	sureArgument                       // a path, ${IFS}, a redirection
)

func argument(s string, i int) argumentKind {
	n := skip(s, i, " \t+")
	if n >= len(s) {
		return noArgument
	}
	rest := s[n:]
	switch {
	case strings.HasPrefix(rest, "$") || strings.HasPrefix(rest, "<") || strings.HasPrefix(rest, ">") || strings.HasPrefix(rest, "{"):
		return sureArgument
	case n > i && (rest[0] == '/' && len(rest) > 1 && wordByte(rest[1]) || strings.HasPrefix(rest, "http") || strings.HasPrefix(rest, "../") || strings.HasPrefix(rest, "c:\\")):
		return sureArgument
	case n > i && rest[0] == '-' && len(rest) > 1 && wordByte(rest[1]):
		return sureArgument
	case strings.IndexByte(";|&`)\n\r#'\"", rest[0]) >= 0:
		return noArgument
	case n > i && (rest[0]-'0' < 10 || rest[0] == '/'):
		return likelyArgument
	}
	return textArgument
}

// Classes of commands.
const (
	plainCommand   uint8 = 1 // also words of English or of other languages
	tellingCommand uint8 = 2 // nothing but commands
)

// commandSet holds commands by the digest of their name.
type commandSet map[uint64]uint8

var tellingCommands = [...]string{"cat", "id", "whoami", "uname", "ls", "ifconfig", "ipconfig", "netstat", "nslookup", "wget", "curl", "nc", "ncat", "bash", "sh", "powershell", "powershell.exe", "cmd", "cmd.exe",
	"systeminfo", "tasklist", "printenv", "tac", "mkfifo", "telnet", "tftp", "socat", "chmod", "busybox", "pwd", "ps", "dir", "ping", "rm", "touch", "certutil", "netsh", "phpinfo", "perl", "python", "python3", "ver", "sleep", "echo", "nmap"}

var plainCommands = [...]string{"type", "net", "find", "grep", "head", "tail", "less", "more", "sed", "awk", "env", "which", "set", "id", "w", "who", "host", "hostname", "df", "mount", "cp", "mv", "mkdir", "start", "timeout", "vol",
	"reg", "php", "ruby", "node", "ssh", "scp", "ftp", "kill", "reboot", "shutdown", "exec", "eval", "sort", "dig", "base64", "xxd", "od", "nl", "rev", "cut", "uptime", "date", "time", "printf", "gcc", "lwp-download", "crontab", "passwd", "su", "usleep", "ping6", "traceroute", "help", "getent", "ss"}

func newCommandSet(words []string) commandSet {
	set := commandSet{}
	for _, w := range words {
		w = strings.ToLower(w)
		if name, ok := strings.CutPrefix(w, "bin/"); ok && len(name) > 2 {
			set[digestOf(name)] = plainCommand
		}
	}
	for _, w := range plainCommands {
		set[digestOf(w)] = plainCommand
	}
	for _, w := range tellingCommands {
		set[digestOf(w)] = tellingCommand
	}
	return set
}

func (c commandSet) class(w string) uint8 {
	if w == "" || len(w) > 24 {
		return 0
	}
	return c[digestOf(w)]
}
