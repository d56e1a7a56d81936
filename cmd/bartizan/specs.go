package main

import (
	"fmt"

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
