package httpapi

import (
	"bytes"
	"embed"
	"encoding/json"
	"html/template"
	"maps"
	"net/http"
	"slices"
	"strings"

	"github.com/danielgtaylor/huma/v2"
	"github.com/go-chi/chi/v5"
)

const description = `Commands and queries of orderflow.

Every write answers with its position in the log; a query that carries it in Orderflow-Position (or ?position=) sees the write.
Every error is application/problem+json, also of a request that is not well-formed HTTP; its type is an address of this server that explains it.
Errors name what is wrong in the body by JSON pointers (RFC 6901). Query parameters that an operation does not have are refused.
Idempotency-Keys are kept as long as the log: the same key and body are the same request for ever. Operations that name no such header look at none.
Where the server tells callers apart, a request carries Authorization: Bearer TOKEN, and each operation lists the scopes of which a token needs one.
A customer sees its own orders; those of others answer as if they did not exist. Catalogue and stock can be read with any token.`

//go:embed pages/*.html
var pages embed.FS

// pageRoutes serves the OpenAPI document, the page for people made of it, and
// a page for each type of problem. None of them needs another server.
func pageRoutes(gate gate, doc *huma.OpenAPI) {
	views := template.Must(template.ParseFS(pages, "pages/*.html"))
	openapi, err := json.Marshal(doc)
	if err != nil {
		panic("httpapi: the OpenAPI document cannot be written: " + err.Error()) // it is built from constants
	}
	gate.handle(http.MethodGet, "/openapi.json", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/vnd.oai.openapi+json; version=3.1")
		_, _ = w.Write(openapi)
	})
	index := renderPage(views, "docs.html", docsPage(doc))
	gate.handle(http.MethodGet, "/docs", func(w http.ResponseWriter, _ *http.Request) { writeHTML(w, index) })
	gate.handle(http.MethodGet, "/problems/{name}", func(w http.ResponseWriter, r *http.Request) {
		name := chi.URLParam(r, "name")
		t, ok := problemTypes[name]
		if !ok {
			writeProblem(w, problem("not-found", "There is no problem type "+clip(name)+"."))
			return
		}
		writeHTML(w, renderPage(views, "problem.html", struct {
			Name string
			ProblemType
		}{name, t}))
	})
}

// operation is one line of the page for people.
type operation struct {
	Method, Path, Summary, Description string
	Parameters                         []*huma.Param
}

func docsPage(doc *huma.OpenAPI) any {
	var ops []operation
	for _, path := range slices.Sorted(maps.Keys(doc.Paths)) {
		for _, op := range operations(doc.Paths[path]) {
			ops = append(ops, operation{op.Method, path, op.Summary, op.Description, op.Parameters})
		}
	}
	return struct {
		Title, Version, Description string
		Operations                  []operation
		Problems                    []string
	}{doc.Info.Title, doc.Info.Version, doc.Info.Description, ops, slices.Sorted(maps.Keys(problemTypes))}
}

func operations(item *huma.PathItem) []*huma.Operation {
	return slices.DeleteFunc([]*huma.Operation{item.Get, item.Post, item.Put, item.Patch, item.Delete}, func(op *huma.Operation) bool { return op == nil })
}

func renderPage(views *template.Template, name string, data any) []byte {
	var out bytes.Buffer
	if err := views.ExecuteTemplate(&out, name, data); err != nil {
		panic("httpapi: page " + name + ": " + err.Error()) // built from constants
	}
	return out.Bytes()
}

func writeHTML(w http.ResponseWriter, page []byte) {
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Security-Policy", strings.Replace(h.Get("Content-Security-Policy"), "default-src 'none'", "default-src 'none'; style-src 'unsafe-inline'", 1))
	_, _ = w.Write(page)
}
