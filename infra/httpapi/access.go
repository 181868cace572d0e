package httpapi

import (
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"

	"github.com/danielgtaylor/huma/v2"
	"github.com/go-chi/chi/v5"

	"orderflow/commands"
)

// access is the authorisation rule of a route. The zero value admits only admins.
type access struct {
	public bool     // everybody, known or not
	anyone bool     // every caller that is known, whatever its scopes
	scopes []string // callers with one of them; [commands.ScopeAdmin] is always one
	order  string   // the part of the path that names an order, which must be the caller's to see
}

// accessTable is the authorisation rule of every route: a route without a row
// cannot be served. It does not apply where callers are not authenticated.
//
// Parcels are handled by those who handle the stock, so they need the same
// scope. What concerns the whole shop is not for its customers.
// See docs/adr/007.
var accessTable = map[string]access{ //nolint:gochecknoglobals // a constant table
	"POST /v1/orders":              {scopes: ofOrders}, // see server.forCustomer
	"GET /v1/orders":               {scopes: ofOrders}, // see server.listOrders
	"GET /v1/orders/{id}":          {scopes: ofOrders, order: "id"},
	"GET /v1/orders/{id}/events":   {scopes: ofOrders, order: "id"},
	"GET /v1/orders/{id}/watch":    {scopes: ofOrders, order: "id"},
	"POST /v1/orders/{id}/cancel":  {scopes: ofOrders, order: "id"},
	"POST /v1/orders/{id}/returns": {scopes: ofOrders, order: "id"},
	"POST /v1/orders/{id}/resume":  {scopes: []string{commands.ScopeAdmin}},

	"POST /v1/shipments/{order}/dispatched": {scopes: []string{commands.ScopeCatalogue}},
	"POST /v1/shipments/{order}/delivered":  {scopes: []string{commands.ScopeCatalogue}},
	"GET /v1/fulfilments/attention":         {scopes: ofShop},
	"GET /v1/sales":                         {scopes: ofShop},

	"GET /v1/stock":                 {anyone: true},
	"GET /v1/stock/{sku}":           {anyone: true},
	"POST /v1/stock/receipts":       {scopes: []string{commands.ScopeCatalogue}},
	"POST /v1/stock/adjustments":    {scopes: []string{commands.ScopeCatalogue}},
	"GET /v1/products":              {anyone: true},
	"GET /v1/products/{sku}":        {anyone: true},
	"POST /v1/products":             {scopes: []string{commands.ScopeCatalogue}},
	"POST /v1/products/{sku}/price": {scopes: []string{commands.ScopeCatalogue}},
	"DELETE /v1/products/{sku}":     {scopes: []string{commands.ScopeCatalogue}},

	"GET /healthz/live":    {public: true},
	"GET /healthz/ready":   {public: true},
	"GET /openapi.json":    {public: true},
	"GET /docs":            {public: true},
	"GET /problems/{name}": {public: true},
}

// Scopes that several routes share.
var (
	ofOrders = []string{commands.ScopeOrders, commands.ScopeSupport}  //nolint:gochecknoglobals // a constant list
	ofShop   = []string{commands.ScopeReports, commands.ScopeSupport} //nolint:gochecknoglobals // a constant list
)

// PublicPaths returns the paths that need no caller; one that ends with a slash
// means all below it.
func PublicPaths() []string {
	var paths []string
	for route, a := range accessTable {
		if a.public {
			_, path, _ := strings.Cut(route, " ")
			path, _, _ = strings.Cut(path, "{")
			paths = append(paths, path)
		}
	}
	slices.Sort(paths)
	return paths
}

// ProbePaths returns the public paths that must answer whatever the load.
func ProbePaths() []string { return []string{"/healthz/live", "/healthz/ready"} }

// gate is the only way onto the router.
type gate struct {
	server *server
	router chi.Router
	passed map[string]bool
}

// handle registers a route behind its row of the table. It panics if there is no
// row: routes are registered when the program starts.
func (g gate) handle(method, path string, h http.HandlerFunc) {
	name := method + " " + path
	a, ok := accessTable[name]
	if !ok {
		panic(fmt.Sprintf("httpapi: %s has no row in accessTable, so it cannot be served", name))
	}
	g.passed[name] = true
	if !a.public {
		h = g.server.authorize(a, h)
	}
	g.router.MethodFunc(method, path, h)
}

// check panics if a route was registered without the gate, or a row has no route.
func (g gate) check() {
	_ = chi.Walk(g.router, func(method, path string, _ http.Handler, _ ...func(http.Handler) http.Handler) error {
		if !g.passed[method+" "+path] {
			panic(fmt.Sprintf("httpapi: %s %s was registered without the gate", method, path))
		}
		return nil
	})
	for name := range accessTable {
		if !g.passed[name] {
			panic(fmt.Sprintf("httpapi: accessTable has a row for %s, which is not served", name))
		}
	}
}

// authorize passes a request on if its caller may send it. An order of another
// customer is answered like one that does not exist, before the rest of the
// request is read.
func (s *server) authorize(a access, next http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		c, checked := commands.CallerOf(r.Context())
		if !checked {
			next(w, r)
			return
		}
		if err := s.checkAccess(a, c, r); err != nil {
			s.fail(w, r, err)
			return
		}
		o := commands.OriginOf(r.Context())
		o.Actor = c.Subject
		next(w, r.WithContext(commands.WithOrigin(r.Context(), o)))
	}
}

func (s *server) checkAccess(a access, c commands.Caller, r *http.Request) error {
	switch {
	case c.Subject == "":
		return problem("unauthenticated", "")
	case !a.anyone && !c.May(a.scopes...):
		return problem("forbidden", "The caller has none of the scopes this needs: "+strings.Join(withAdmin(a.scopes), ", ")+".")
	case a.order == "":
		return nil
	}
	return s.checkOwner(r.Context(), c, chi.URLParam(r, a.order))
}

func withAdmin(scopes []string) []string {
	if slices.Contains(scopes, commands.ScopeAdmin) {
		return scopes
	}
	return append(slices.Clone(scopes), commands.ScopeAdmin)
}

// bearerScheme is the name of the security scheme in the OpenAPI document.
const bearerScheme = "bearer"

// documentAccess writes into the document who may use which operation.
func documentAccess(doc *huma.OpenAPI) {
	if doc.Components.SecuritySchemes == nil {
		doc.Components.SecuritySchemes = map[string]*huma.SecurityScheme{}
	}
	doc.Components.SecuritySchemes[bearerScheme] = &huma.SecurityScheme{
		Type: "http", Scheme: "bearer", BearerFormat: "JWT",
		Description: "Where the server tells callers apart. The scopes of an operation are alternatives: a token needs one of them.",
	}
	for path, item := range doc.Paths {
		for _, op := range operations(item) {
			op.Security = accessTable[op.Method+" "+path].security()
		}
	}
}

// security returns the alternatives that admit a caller, in OpenAPI's form.
func (a access) security() (ways []map[string][]string) {
	switch {
	case a.public:
		return nil
	case a.anyone:
		return []map[string][]string{{bearerScheme: {}}}
	}
	for _, scope := range withAdmin(a.scopes) {
		ways = append(ways, map[string][]string{bearerScheme: {scope}})
	}
	return ways
}

// Scopes lists the scopes that mean something to a route of the API.
func Scopes() []string {
	all := map[string]bool{commands.ScopeAdmin: true}
	for _, a := range accessTable {
		for _, s := range a.scopes {
			all[s] = true
		}
	}
	return slices.Sorted(maps.Keys(all))
}
