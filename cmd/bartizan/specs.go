package main

import (
	"fmt"

	"bartizan/internal/apimap"
	"bartizan/internal/config"
	"bartizan/internal/openapi"
)

// specsOf reads the document of each site that has one.
func specsOf(f config.File) (map[string]apimap.Validator, error) {
	out := map[string]apimap.Validator{}
	for i, s := range f.Sites {
		if s.OpenAPI == "" {
			continue
		}
		spec, err := openapi.Load(s.OpenAPI)
		if err != nil {
			return nil, fmt.Errorf("sites[%d].openapi: %w", i, err)
		}
		out[s.Hosts[0]] = spec
	}
	return out, nil
}
