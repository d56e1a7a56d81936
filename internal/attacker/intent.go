package attacker

import "bartizan/internal/signal"

// Intent is what a client seems to be after.
type Intent struct {
	Class string // OWASP Automated Threat class, "OAT-001" to "OAT-021", or "unclassified"
	Name  string // its name in the OWASP handbook
	Phase string // reconnaissance, scanning, mapping, brute force, exploitation, abuse
	// Because is the evidence that says so.
	Because string
}

// intent reads a record's evidence by rules, the most telling first. It says
// what the evidence fits; it adds nothing to the risk.
//
// Classes: OWASP Automated Threat Handbook, version 1.3.
func (r *record) intent(now int64) Intent {
	has := func(k signal.Kind) bool { e := r.at(k); return e.mass() >= 0.1 }
	payloads, certain := r.payloads()
	users := r.users.count(now)
	switch {
	case has(signal.ExploitRepeated) && certain > 0:
		return Intent{"OAT-014", "vulnerability scanning", "exploitation", "several different exploits"}
	case has(signal.LoginFanout):
		return Intent{"OAT-008", "credential stuffing", "brute force", "failed logins as many different users"}
	case has(signal.LoginBatch) && users >= 3:
		return Intent{"OAT-008", "credential stuffing", "brute force", "logins as many different users in one request"}
	case has(signal.LoginBatch):
		return Intent{"OAT-007", "credential cracking", "brute force", "many logins in one request"}
	case has(signal.LoginFailure) && r.at(signal.LoginFailure).band >= signal.Likely && users < 3:
		return Intent{"OAT-007", "credential cracking", "brute force", "many failed logins as few users"}
	case has(signal.LoginFailure) && users >= usersFlood && r.scope == Client:
		return Intent{"OAT-008", "credential stuffing", "brute force", "failed logins as 15 or more users, whoever else is behind the address"}
	case has(signal.LoginSpray):
		return Intent{"OAT-007", "credential cracking", "brute force", "one of many addresses that try a user"}
	case has(signal.CredentialSpread):
		return Intent{"unclassified", "", "abuse", "a browser's credential that programs in many networks show"}
	case has(signal.CardCracking):
		return Intent{"OAT-010", "card cracking", "brute force", "one card tried with many dates or codes"}
	case has(signal.CashingOut):
		return Intent{"OAT-012", "cashing out", "abuse", "accounts changed and paid with, one after the other"}
	case has(signal.PaymentFailure):
		return Intent{"OAT-001", "carding", "abuse", "most of its payments are refused"}
	case has(signal.AccountEnumeration):
		return Intent{"unclassified", "", "reconnaissance", "new passwords for one user after the other"}
	case has(signal.CodeGuessing):
		return Intent{"OAT-002", "token cracking", "brute force", "most of the codes that it tries are refused"}
	case has(signal.MassSignup):
		return Intent{"OAT-019", "account creation", "abuse", "one account after the other"}
	case has(signal.Scalping):
		return Intent{"OAT-005", "scalping", "abuse", "one limited good after the other, paid for"}
	case has(signal.Sniping):
		return Intent{"OAT-013", "sniping", "abuse", "reserves at the last second, again and again"}
	case has(signal.Hoarding):
		return Intent{"OAT-021", "denial of inventory", "abuse", "carts or reservations that are never paid"}
	case has(signal.CostlyUse):
		return Intent{"OAT-003", "cost-inflation fraud", "abuse", "costly calls again and again"}
	case has(signal.MassPosting), has(signal.RepeatedPost):
		return Intent{"OAT-017", "spamming", "abuse", "one post after the other, or the same text again and again"}
	case has(signal.MassVoting):
		return Intent{"OAT-016", "skewing", "abuse", "votes again and again"}
	case has(signal.AccountAggregation):
		return Intent{"OAT-020", "account aggregation", "abuse", "reads one account after the other, as a clock ticks"}
	case has(signal.PassForged), has(signal.AnswerReplayed), has(signal.PassShared), has(signal.PassStolen), has(signal.AutomatedBrowser):
		return Intent{"OAT-009", "CAPTCHA defeat", "abuse", "passes or answers that somebody else has earned, or nobody"}
	case has(signal.HastyStep):
		return Intent{"OAT-006", "expediting", "abuse", "steps faster than anybody takes them"}
	case payloads > 0 && (has(signal.PathSpread) || has(signal.ScannerAgent) || payloads >= 2):
		return Intent{"OAT-014", "vulnerability scanning", "scanning", "payloads of several kinds, or beside missing paths"}
	case certain > 0:
		return Intent{"unclassified", "", "exploitation", "an exploit"}
	case has(signal.PathSpread):
		return Intent{"OAT-018", "footprinting", "reconnaissance", "many paths that do not exist"}
	case has(signal.ProbePath), has(signal.ScannerAgent):
		return Intent{"OAT-004", "fingerprinting", "reconnaissance", "paths or names of scanners"}
	case has(signal.ObjectEnumeration):
		return Intent{"OAT-011", "scraping", "abuse", "object numbers one after the other"}
	case has(signal.ForeignObject):
		return Intent{"OAT-011", "scraping", "abuse", "objects that no answer has shown it"}
	case has(signal.Exfiltration):
		return Intent{"OAT-011", "scraping", "abuse", "answers many times larger than usual"}
	case has(signal.OddValue):
		return Intent{"OAT-014", "vulnerability scanning", "exploitation", "signs of code in fields that have only had numbers, dates or ids"}
	case has(signal.UnknownEndpoint), has(signal.UnknownMethod), has(signal.UnknownParameter), has(signal.ParameterType):
		return Intent{"OAT-018", "footprinting", "mapping", "what the API never had"}
	case has(signal.StreamAbuse), has(signal.SlowRequest):
		return Intent{"OAT-015", "denial of service", "denial of service", "holds or floods connections"}
	}
	return Intent{Class: "unclassified", Phase: "reconnaissance", Because: "evidence that fits no class"}
}

// payloads counts the kinds of known payloads on the record, and those of them that were certain.
func (r *record) payloads() (kinds, certain int) {
	for _, e := range r.held {
		if e.mass() < 0.1 || e.kind == signal.ProbePath || e.kind == signal.OddValue || e.kind.Info().Vantage != signal.Payload || e.kind.Info().Hard || e.band < signal.Likely {
			continue
		}
		kinds++
		if e.band == signal.Certain {
			certain++
		}
	}
	return kinds, certain
}
