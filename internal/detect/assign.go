package detect

import (
	"bartizan/internal/request"
	"bartizan/internal/signal"
)

// assign looks for fields that only the server should set.
//
// Catches the names that proofs of mass assignment use. They are a hint and no
// more: administrators' own clients send them.
//
// Example: {"username":"a","isAdmin":true}
func assign(v *request.Value) bool {
	if v.In != request.InFormName && v.In != request.InJSONKey && v.In != request.InQueryName || len(v.Text) > 24 || len(v.Text) < 5 {
		return false
	}
	var buf [24]byte
	n := 0
	for i := 0; i < len(v.Text); i++ {
		if c := lower(v.Text[i]); c != '_' && c != '-' {
			buf[n] = c
			n++
		}
	}
	switch view(buf[:n]) {
	case "isadmin", "isadministrator", "issuperuser", "isstaff", "isroot", "superuser", "accountbalance", "emailverified", "isverified", "userrole", "roleid", "isowner", "admin", "ispremium":
		return true
	}
	return false
}

// assignment is the signal's finding.
var assignment = finding{signal.MassAssignment, signal.Hint, 0}
