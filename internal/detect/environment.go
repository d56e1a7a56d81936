package detect

import (
	"strings"

	"bartizan/internal/detect/lex"
	"bartizan/internal/request"
)

// separates reports whether a header's value begins by ending a command, as no header's
// grammar does.
func (s *scan) separates() bool {
	i := lex.Skip(s.text, 0, " '\"")
	return i < len(s.text) && strings.IndexByte(";|&`", s.text[i]) >= 0 && !clientHint(s.value.Key)
}

// environment are variables by which a shell or a loader finds what it runs.
var environment = [...]string{"PATH=", "IFS=", "LD_PRELOAD=", "LD_LIBRARY_PATH=", "BASH_ENV=", "PROMPT_COMMAND=",
	"SHELLOPTS=", "PYTHONPATH=", "PERL5OPT=", "NODE_OPTIONS=", "GIT_SSH_COMMAND="}

// setsVariable reports whether a value sets one of environment behind the separator with
// which it leaves a command. Lists of settings have an equals sign before it; cookies,
// whose Path is written so by some, lead to a root.
func (s *scan) setsVariable() bool {
	if s.value.In.Name() || s.gate.bits&(hasBreak|hasCompare) != hasBreak|hasCompare {
		return false
	}
	i := strings.IndexAny(s.text[:min(len(s.text), 64)], ";|&\n=")
	if i < 0 || s.text[i] == '=' || s.sentence() > 4 {
		return false
	}
	rest := s.text[lex.Skip(s.text, i, ";|&\n "):]
	for _, name := range environment {
		if value, ok := strings.CutPrefix(rest, name); ok {
			return value != "/" && !strings.HasPrefix(value, "/;")
		}
	}
	return false
}

// running are names of fields by which a page of its attacker's own, or a device, takes
// commands; documents of APIs are not asked for them.
var running = []string{"cmd", "command", "exec", "execute", "exe", "shell", "ping", "run", "syscmd", "cmdline",
	"system", "do", "cmdshell", "c"}

// runs reports whether a command as a whole value stands where it reaches a shell: in a
// parameter or form's field of such a name, or a header, where nobody looks for one.
func (s *scan) runs() bool {
	switch s.value.In {
	case request.InQuery, request.InForm:
		return among(s.value.Key, running)
	case request.InHeader:
		return !clientHint(s.value.Key) && !strings.EqualFold(s.value.Key, "User-Agent") &&
			s.gate.words&wordShell != 0 && s.gate.plain < 3
	}
	return false
}
