package main

import (
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"

	"bartizan/internal/apimap"
	"bartizan/internal/config"
	"bartizan/internal/openapi"
)

// specsOf reads the document of each site that has one, and tells note, if it is
// not nil, what each says that is not validated.
func specsOf(f config.File, note func(document string, notes []string)) (map[string]apimap.Validator, error) {
	out := map[string]apimap.Validator{}
	for i, s := range f.Sites {
		if s.OpenAPI == "" {
			continue
		}
		spec, err := openapi.Load(s.OpenAPI)
		if err != nil {
			return nil, fmt.Errorf("sites[%d].openapi: %w", i, err)
		}
		if notes := spec.Notes(); note != nil && len(notes) > 0 {
			note(s.OpenAPI, notes)
		}
		out[s.Hosts[0]] = spec
	}
	return out, nil
}

// unvalidated logs what a document says that is not validated.
func (g *gateway) unvalidated(document string, notes []string) {
	g.log.Warn("some of the API's document is not validated", "document", document, "what", notes)
}

// documentsOf returns the files of the sites' own documents, by first host.
func documentsOf(f config.File) *map[string]string {
	out := map[string]string{}
	for _, s := range f.Sites {
		if s.OpenAPI == "" {
			continue
		}
		name := s.OpenAPI
		if full, err := filepath.Abs(name); err == nil {
			name = full
		}
		out[s.Hosts[0]] = name
	}
	return &out
}

// documentOf chooses what to compare: the document and site that are named, else the
// site's own document, else the one site that has one.
func documentOf(documents map[string]string, document, site string) (file, of string, err error) {
	with := slices.Sorted(maps.Keys(documents))
	switch {
	case site == "" && document == "" && len(with) > 1:
		return "", "", fmt.Errorf("choosing a site: these have a document: %s; hint: --site", strings.Join(with, ", "))
	case site == "" && len(with) == 1:
		site = with[0]
	case site == "":
		site = "*"
	}
	if document == "" {
		document = documents[site]
	}
	if document == "" {
		return "", "", errors.New("choosing a document: the site " + site + " has none of its own; hint: name one, or set sites.openapi")
	}
	return document, site, nil
}
