package httpapi

import (
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/danielgtaylor/huma/v2"
)

// knownQuery refuses query parameters that the operation does not have: one
// that is misspelt must not look as if it had been obeyed.
func (s *server) knownQuery(op *huma.Operation, next http.HandlerFunc) http.HandlerFunc {
	var known []string
	for _, p := range op.Parameters {
		if p.In == "query" {
			known = append(known, p.Name)
		}
	}
	slices.Sort(known)
	return func(w http.ResponseWriter, r *http.Request) {
		if r.URL.RawQuery != "" {
			if err := checkQuery(r.URL.RawQuery, known); err != nil {
				s.fail(w, r, err)
				return
			}
		}
		next(w, r)
	}
}

func checkQuery(raw string, known []string) error {
	q, err := url.ParseQuery(raw)
	if err != nil {
		return problem("invalid-request", "The query cannot be read: it is not NAME=VALUE&NAME=VALUE, percent-encoded.")
	}
	there := "This operation takes none."
	if len(known) > 0 {
		there = "There are " + strings.Join(known, ", ") + "."
	}
	var p *Problem
	for _, name := range slices.Sorted(maps.Keys(q)) {
		if slices.Contains(known, name) {
			continue
		}
		if p == nil {
			p = problem("invalid-request", fmt.Sprintf("There is no query parameter %q here. %s", clip(name), there))
		}
		if len(p.Errors) < maxDetails {
			p.Errors = append(p.Errors, ProblemDetail{Parameter: clip(name), Detail: "not a parameter of this operation"})
		}
	}
	if p == nil {
		return nil
	}
	return p
}
