package shell

import (
	"strings"

	"bartizan/internal/detect/lex"
)

// Class is what is known of a command's name.
type Class uint8

// The classes.
const (
	Unknown Class = iota
	Plain         // also a word of English or of other languages
	Telling       // nothing but a command
)

// Commands knows names of commands, in lower case. Make it with NewCommands; it
// is immutable.
type Commands struct {
	classes map[string]Class
	sizes   *[256]uint64 // lengths of the names that begin with a byte, a bit for each
}

var tellingNames = [...]string{"cat", "id", "whoami", "uname", "ls", "ifconfig", "ipconfig", "netstat", "nslookup", "wget", "curl", "nc", "ncat", "netcat", "bash", "sh", "zsh", "ksh", "dash", "powershell", "powershell.exe", "pwsh", "cmd", "cmd.exe",
	"systeminfo", "tasklist", "printenv", "tac", "mkfifo", "telnet", "tftp", "socat", "chmod", "chown", "busybox", "pwd", "ps", "dir", "ping", "rm", "touch", "certutil", "certutil.exe", "bitsadmin", "netsh", "perl", "python", "python2", "python3", "ver", "sleep", "echo", "nmap", "mshta", "regsvr32", "rundll32", "wmic", "regedit",
	"bcdboot", "bcdedit", "schtasks", "cscript", "wscript", "iptables", "useradd", "adduser", "usermod", "strace",
	"ltrace", "lsof", "hexdump", "xxd", "uptime", "expr", "aptitude", "lastlog", "htop", "visudo", "zcat", "zstdcat",
	"bzcat", "xzcat", "unxz", "irb", "iwr", "iex", "iwmi", "attrib", "taskkill", "nltest", "qwinsta", "arp", "vssadmin",
	"md5sum", "sha1sum", "sha256sum"}

var plainNames = [...]string{"type", "net", "find", "grep", "head", "tail", "less", "more", "sed", "awk", "env", "which", "set", "w", "who", "host", "hostname", "df", "mount", "cp", "mv", "mkdir", "start", "timeout", "vol",
	"reg", "php", "ruby", "node", "ssh", "scp", "ftp", "kill", "reboot", "shutdown", "exec", "eval", "sort", "dig", "base64", "od", "nl", "rev", "cut", "date", "time", "printf", "gcc", "lwp-download", "crontab", "passwd", "su", "usleep", "ping6", "traceroute", "help", "getent", "ss", "cd", "export", "source", "alias", "del", "copy", "move", "xcopy", "route", "nohup", "xargs", "tee", "sudo", "ansible", "chef", "cscli", "rmt", "bsdtar", "git", "make", "man", "top", "tar", "zip", "test", "read", "function", "call", "goto", "gem", "cp.exe", "at", "sc", "fc", "if", "for"}

// Words returns the names with which a command line can begin, and the words of
// loops and conditions.
func Words() []string {
	out := append([]string(nil), tellingNames[:]...)
	return append(out, "time", "timeout", "sudo", "env", "nohup", "for", "if", "alias", "exist", "defined", "errorlevel", "cmdextversion", "equ", "neq", "lss", "leq", "gtr", "geq", "comspec", "systemroot", "programdata", "windir", "bin", "sbin")
}

// Starts reports whether the text begins with a cmdlet.
func (c Commands) Starts(s string) bool {
	var buf [maxWord]byte
	n := 0
	for i := lex.Skip(s, 0, " \t'\"\\(@"); i < len(s) && n < maxWord && (lex.WordByte(s[i]) || s[i] == '-'); i++ {
		buf[n] = s[i]
		if s[i]-'A' < 26 {
			buf[n] |= 0x20
		}
		n++
	}
	return c.class(buf[:n]) == Telling
}

// NewCommands makes a set from a list of outside ("bin/ls" and such) and our own.
func NewCommands(list, cmdlets []string) Commands {
	c := Commands{map[string]Class{}, new([256]uint64)}
	for _, w := range list {
		w = strings.ToLower(w)
		if name, ok := strings.CutPrefix(w, "bin/"); ok && len(name) > 1 {
			c.classes[name] = Plain
		}
	}
	for _, w := range plainNames {
		c.classes[w] = Plain
	}
	for _, w := range tellingNames {
		c.classes[w] = Telling
	}
	for _, w := range cmdlets {
		w = strings.ToLower(w)
		if strings.IndexByte(w, '-') > 2 {
			c.classes[w] = Telling
		}
	}
	for w := range c.classes {
		c.sizes[w[0]] |= 1 << (len(w) % 64)
	}
	return c
}

// class returns the class of a name as it is listed.
func (c Commands) class(name []byte) Class {
	if len(name) == 0 || c.sizes[name[0]]>>(len(name)%64)&1 == 0 {
		return Unknown
	}
	return c.classes[string(name)]
}

// of returns the class of a name; python3.10 is python.
func (c Commands) of(name []byte) Class {
	if k := c.class(name); k != Unknown || len(name) < 3 {
		return k
	}
	if j := strings.IndexByte(string(name), '-'); j > 1 && lex.OneOf(string(name[:j]), "ansible", "chef", "rmt", "aa", "apt", "dpkg", "git", "docker", "systemd", "kubectl") {
		return Plain // ansible-doc, apt-get
	}
	n := len(name)
	for n > 0 && (name[n-1]-'0' < 10 || name[n-1] == '.') {
		n--
	}
	if n == len(name) || n < 3 {
		return Unknown
	}
	return c.class(name[:n])
}
