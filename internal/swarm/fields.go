package swarm

import (
	"strings"

	"bartizan/internal/digest"
	"bartizan/internal/request"
)

// fields are the values of the header fields that rows are made of.
type fields struct {
	agent, accept, language, encoding, contentType, authorization, apiKey, referer, origin string
	fetch, hints, connection, cache                                                        string
	conditional                                                                            bool
	custom                                                                                 uint64 // of names that are the application's own
	customs                                                                                string // the first of them
	count, lower, title                                                                    int
}

// read collects them in one pass.
func (f *fields) read(seed uint64, list []request.Field) {
	for i := range list {
		name, value := list[i].Name, list[i].Value
		f.count++
		f.letters(name)
		switch len(name) {
		case 6:
			take(&f.accept, name, "accept", value)
			take(&f.origin, name, "origin", value)
		case 7:
			take(&f.referer, name, "referer", value)
		case 9:
			take(&f.hints, name, "sec-ch-ua", value)
			take(&f.apiKey, name, "x-api-key", value)
		case 10:
			take(&f.agent, name, "user-agent", value)
			take(&f.connection, name, "connection", value)
		case 12:
			take(&f.contentType, name, "content-type", value)
		case 13:
			take(&f.authorization, name, "authorization", value)
			take(&f.cache, name, "cache-control", value)
			f.conditional = f.conditional || strings.EqualFold(name, "if-none-match")
		case 14:
			take(&f.fetch, name, "sec-fetch-mode", value)
		case 15:
			take(&f.encoding, name, "accept-encoding", value)
			take(&f.language, name, "accept-language", value)
		case 17:
			f.conditional = f.conditional || strings.EqualFold(name, "if-modified-since")
		}
		if len(name) > 2 && name[0]|0x20 == 'x' && name[1] == '-' && !forwarding(name) {
			f.custom += digest.Folded(seed, name) // a set: order does not count
			if f.customs == "" {
				f.customs = name
			}
		}
	}
}

func take(dst *string, name, low, value string) {
	if *dst == "" && strings.EqualFold(name, low) {
		*dst = value
	}
}

// forwarding: a proxy on the way wrote it, or it varies within one client.
func forwarding(name string) bool {
	return len(name) >= 11 && strings.EqualFold(name[:11], "x-forwarded") || strings.EqualFold(name, "x-real-ip") || strings.EqualFold(name, "x-request-id") || strings.EqualFold(name, "x-api-key")
}

// letters counts how the names are written.
func (f *fields) letters(name string) {
	if name == "" {
		return
	}
	switch c := name[0]; {
	case c-'a' < 26:
		f.lower++
	case c-'A' < 26:
		f.title++
	}
}
