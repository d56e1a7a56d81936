package main

import (
	"fmt"
	"os"
	"reflect"
	"strings"

	"bartizan/internal/apimap"
	"bartizan/internal/config"
)

// stamp tells whether the configuration file or a list that it names changed.
func (g *gateway) stamp() string {
	if g.configFile == "" {
		return ""
	}
	var b strings.Builder
	names := []string{g.configFile}
	for _, s := range g.file.Sites {
		if s.OpenAPI != "" {
			names = append(names, s.OpenAPI)
		}
	}
	for _, list := range [][]config.Entry{g.file.Allow, g.file.Deny} {
		for _, e := range list {
			if e.File != "" {
				names = append(names, e.File)
			}
		}
	}
	for _, name := range names {
		if info, err := os.Stat(name); err == nil {
			fmt.Fprintf(&b, "%d/%d;", info.ModTime().UnixNano(), info.Size())
		}
	}
	return b.String()
}

// reload puts the file's policy and sites in force. A bad file changes nothing.
func (g *gateway) reload() {
	if g.configFile == "" {
		g.log.Info("reload: there is no configuration file")
		return
	}
	next, p, err := config.Load(g.configFile, g.override)
	var specs map[string]apimap.Validator
	if err == nil {
		specs, err = specsOf(next)
	}
	if err == nil {
		err = g.proxy.Swap(sitesOf(next))
	}
	if err != nil {
		g.log.Error("reload: the configuration is not used; the one in force stays", "error", err)
		return
	}
	g.engine.Swap(p, specs)
	if keys := fixed(g.file, next); len(keys) > 0 {
		g.log.Warn("reload: some changes need a restart", "keys", strings.Join(keys, ", "))
	}
	g.file.Sites, g.file.Allow, g.file.Deny = next.Sites, next.Allow, next.Deny
	g.log.Info("reload: done", "policy", g.engine.Stats().Policy)
}

// fixed lists the changed keys that only a restart puts in force.
func fixed(old, next config.File) (keys []string) {
	for _, k := range []struct {
		name string
		a, b any
	}{
		{"listen", old.Listen, next.Listen}, {"limits", old.Limits, next.Limits}, {"admin", old.Admin, next.Admin}, {"data", old.Data, next.Data},
		{"events", old.Events, next.Events}, {"access", old.Access, next.Access}, {"timeouts", old.Timeouts, next.Timeouts}, {"tarpit", old.Tarpit, next.Tarpit},
	} {
		if !reflect.DeepEqual(k.a, k.b) {
			keys = append(keys, k.name)
		}
	}
	return keys
}
