package main

import (
	"crypto/sha256"
	"fmt"
	"io"
	"os"
	"reflect"
	"slices"
	"strings"
	"syscall"
	"time"

	"bartizan/internal/apimap"
	"bartizan/internal/config"
	"bartizan/internal/detect"
	"bartizan/internal/proxy"
)

// stamp tells whether the configuration file or a file that it names changed in what
// it holds. What the last one tried names counts too: mending a list that kept it from
// coming into force is a change.
func (g *gateway) stamp() string {
	if g.configFile == "" {
		return ""
	}
	var b strings.Builder
	names := append(listsOf(g.file), listsOf(g.tried)...)
	seen := make(map[string]fileStamp, len(names)+1)
	for _, name := range append(names, g.configFile) {
		if s, err := stampOf(name, g.stamps[name]); err == nil {
			seen[name] = s
			fmt.Fprintf(&b, "%x;", s.digest)
		}
	}
	g.stamps = seen
	return b.String()
}

// fileStamp is what is known of a file's content. It is read again where anything of
// the rest differs: files are replaced by others of the same size and time (cp -p, a
// ConfigMap's links), and written within one tick of the clock.
type fileStamp struct {
	device, inode uint64
	changed       time.Time // its inode
	size          int64
	digest        [sha256.Size]byte
}

// stampOf returns the stamp of a file whose last one was old.
func stampOf(name string, old fileStamp) (fileStamp, error) {
	info, err := os.Stat(name)
	if err != nil {
		return fileStamp{}, err
	}
	now := fileStamp{size: info.Size(), changed: info.ModTime()}
	if st, ok := info.Sys().(*syscall.Stat_t); ok {
		now.device, now.inode, now.changed = uint64(st.Dev), st.Ino, time.Unix(st.Ctim.Unix())
	}
	if now.digest = old.digest; now == old {
		return old, nil
	}
	f, err := os.Open(name)
	if err != nil {
		return fileStamp{}, err
	}
	defer f.Close()
	sum := sha256.New()
	if _, err := io.Copy(sum, f); err != nil {
		return fileStamp{}, err
	}
	sum.Sum(now.digest[:0])
	return now, nil
}

// listsOf returns the files that a configuration names and reload reads again.
func listsOf(f config.File) []string {
	names := append([]string(nil), f.Exploits...)
	for _, name := range [...]string{f.Intel.ASN, f.Intel.Country} {
		if name != "" {
			names = append(names, name)
		}
	}
	for _, l := range f.Intel.Lists {
		names = append(names, l.File)
	}
	for _, b := range f.Intel.Bots {
		if b.Keys != "" {
			names = append(names, b.Keys)
		}
	}
	for _, s := range f.Sites {
		for _, name := range [...]string{s.OpenAPI, s.TLS.CA} {
			if name != "" {
				names = append(names, name)
			}
		}
	}
	for _, list := range [][]config.Entry{f.Allow, f.Deny} {
		for _, e := range list {
			if e.File != "" {
				names = append(names, e.File)
			}
		}
	}
	return names
}

// reload puts the file's policy and sites in force. A bad file changes nothing.
func (g *gateway) reload() {
	if g.configFile == "" {
		g.log.Info("reload: there is no configuration file")
		return
	}
	next, p, err := config.Load(g.configFile, g.override)
	g.tried = next
	var specs map[string]apimap.Validator
	if err == nil {
		specs, err = specsOf(next, g.unvalidated)
	}
	var detector *detect.Detector
	if err == nil {
		detector, err = detectorOf(next, g.store.Seed())
	}
	var sites []proxy.Site
	if err == nil {
		sites, err = sitesOf(next)
	}
	if err == nil {
		err = g.intel.Open(next.Intel.ASN, next.Intel.Country)
	}
	if err == nil {
		err = g.proxy.Swap(sites)
	}
	if err != nil {
		g.log.Error("reload: the configuration is not used; the one in force stays", "error", err)
		return
	}
	g.engine.Arm(detector)
	if g.kernel != nil {
		g.kernel.UnblockAll() // who is allowed from now on must be heard
	}
	g.engine.Swap(p, specs)
	g.documents.Store(documentsOf(next))
	if err := g.engine.WriteSignatures(time.Now(), next.BotnetSignatures()); err != nil { // checked by Load
		g.log.Error("reload: the botnet signatures are not used; those in force stay", "error", err)
	}
	if keys := fixed(g.file, next); len(keys) > 0 {
		g.log.Warn("reload: some changes need a restart", "keys", strings.Join(keys, ", "))
	}
	g.file.Intel.ASN, g.file.Intel.Country = next.Intel.ASN, next.Intel.Country
	g.file.Sites, g.file.Allow, g.file.Deny, g.file.Exploits, g.file.Signatures = next.Sites, next.Allow, next.Deny, next.Exploits, next.Signatures
	g.log.Info("reload: done", "policy", g.engine.Stats().Policy)
}

// fixed lists the changed keys that only a restart puts in force.
func fixed(old, next config.File) (keys []string) {
	old.Limits.Rates, next.Limits.Rates = nil, nil // these are the policy's
	for _, k := range []struct {
		name string
		a, b any
	}{
		{"listen", old.Listen, next.Listen}, {"limits", old.Limits, next.Limits}, {"admin", old.Admin, next.Admin}, {"data", old.Data, next.Data},
		{"events", old.Events, next.Events}, {"access", old.Access, next.Access}, {"timeouts", old.Timeouts, next.Timeouts}, {"tarpit", old.Tarpit, next.Tarpit},
		{"kernel", old.Kernel, next.Kernel}, {"interrogation.key", old.Interrogation.Key, next.Interrogation.Key},
		{"learning", old.Learning, next.Learning}, {"intel", located(old.Intel), located(next.Intel)},
	} {
		if !reflect.DeepEqual(k.a, k.b) {
			keys = append(keys, k.name)
		}
	}
	return keys
}

// located is what of i is read at start only: lists and keys are the policy's, and
// databases are read again.
func located(i config.Intel) config.Intel {
	i.Lists, i.ASN, i.Country = nil, "", ""
	i.Bots = slices.DeleteFunc(slices.Clone(i.Bots), func(b config.Bot) bool { return b.Keys != "" && len(b.Domains) == 0 && b.Ranges == "" })
	for n := range i.Bots {
		i.Bots[n].Keys = ""
	}
	return i
}
