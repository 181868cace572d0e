package httpapi

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"reflect"
	"strings"
	"sync"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humachi"
	"github.com/go-chi/chi/v5"

	"orderflow/domain/eventlog"
	"orderflow/projections"
)

// API is the handler of all requests. Drain it before the server shuts down.
type API struct {
	http.Handler
	server *server
	router chi.Router
	doc    *huma.OpenAPI
}

// OpenAPI returns the document served at /openapi.json.
func (a *API) OpenAPI() *huma.OpenAPI { return a.doc }

// Routes returns all routes.
func (a *API) Routes() chi.Routes { return a.router }

// Drain ends all watchers and makes the server unready; requests go on being answered.
func (a *API) Drain() { a.server.drain() }

type server struct {
	config    Config
	cursors   cursors
	bodies    bodies
	inFlight  inFlight
	streams   streams
	guard     *guard
	responses *responseCache
	owners    owners

	drained chan struct{} // closed by drain
	drain   func()
}

// New builds the API. It panics if a route has no row that says who may use it.
func New(c Config) *API {
	c.complete()
	s := &server{config: c, cursors: cursors{c.CursorKey}, streams: streams{max: int64(c.Streams)}, drained: make(chan struct{}), guard: newGuard(c), owners: newOwners()}
	var changed <-chan projections.Change
	stopListening := func() {}
	if c.Changes != nil {
		changed, stopListening = c.Changes.Listen()
	}
	s.responses = newResponseCache(changed)
	s.drain = sync.OnceFunc(func() { close(s.drained); s.responses.end(); stopListening() })
	router := chi.NewRouter()
	router.Use(s.guard.wrap, headIsGet)
	router.NotFound(s.noRoute)
	router.MethodNotAllowed(func(w http.ResponseWriter, r *http.Request) { s.noMethod(router, w, r) })

	config := huma.DefaultConfig("orderflow", c.Version)
	config.Info.Description = description
	config.OpenAPIPath, config.DocsPath, config.SchemasPath = "", "", "" // own pages, which need no network
	config.CreateHooks = nil
	format := huma.Format{Marshal: huma.DefaultJSONFormat.Marshal, Unmarshal: unmarshal}
	config.Formats = map[string]huma.Format{plainJSON: format, "json": format}
	config.Transformers = []huma.Transformer{s.asProblem}
	gate := gate{server: s, router: router, passed: map[string]bool{}}
	api := huma.NewAPI(config, adapter{server: s, gate: gate})

	s.orderRoutes(api)
	s.orderActionRoutes(api)
	s.eventRoutes(api)
	s.fulfilmentRoutes(api)
	s.stockRoutes(api)
	s.productRoutes(api)
	s.salesRoutes(api)
	s.healthRoutes(api)
	document(api.OpenAPI())
	documentAccess(api.OpenAPI())
	pageRoutes(gate, api.OpenAPI())
	gate.check()
	return &API{Handler: router, server: s, router: router, doc: api.OpenAPI()}
}

// fastPath, in an operation's metadata, is the http.HandlerFunc that answers it
// instead of huma's; the operation's types still describe it.
const fastPath = "fastPath"

// adapter puts huma's operations on the router, with strict bodies.
type adapter struct {
	server *server
	gate   gate
}

// Handle implements huma.Adapter.
func (a adapter) Handle(op *huma.Operation, handler func(huma.Context)) {
	handle, isLean := op.Metadata[fastPath].(http.HandlerFunc)
	if !isLean {
		handle = func(w http.ResponseWriter, r *http.Request) { handler(humachi.NewContext(op, r, w)) }
		if op.RequestBody != nil {
			handle = a.server.strict(handle, !op.RequestBody.Required)
		}
	}
	a.gate.handle(op.Method, op.Path, a.server.knownQuery(op, handle))
}

// ServeHTTP implements huma.Adapter.
func (a adapter) ServeHTTP(w http.ResponseWriter, r *http.Request) { a.gate.router.ServeHTTP(w, r) }

// register declares an operation; its errors become problems.
func register[I, O any](_ *server, api huma.API, op huma.Operation, answer func(context.Context, *I) (*O, error)) {
	huma.Register(api, op, func(ctx context.Context, in *I) (*O, error) {
		out, err := answer(ctx, in)
		if err != nil {
			return nil, problemFor(err)
		}
		return out, nil
	})
}

// describe declares an operation that a fast-path handler answers; I and O only describe it.
func describe[I, O any](api huma.API, op huma.Operation, answer http.HandlerFunc) {
	op.Metadata = map[string]any{fastPath: answer}
	huma.Register(api, op, func(context.Context, *I) (*O, error) { return nil, errors.ErrUnsupported })
}

// asProblem is a huma.Transformer: it completes our problems, and turns huma's own errors into them.
func (s *server) asProblem(ctx huma.Context, _ string, v any) (any, error) {
	var p Problem
	switch v := v.(type) {
	case *huma.ErrorModel:
		p = *problemOfHuma(v)
	case *Problem:
		p = *v
	default:
		return v, nil
	}
	_, w := humachi.Unwrap(ctx)
	p.Instance = w.Header().Get(requestIDHeader)
	s.report(ctx.Context(), p.Instance, &p)
	return &p, nil
}

func (s *server) noRoute(w http.ResponseWriter, r *http.Request) {
	writeProblem(w, problem("no-such-route", "Nothing is served at "+clip(r.URL.Path)+"."))
}

func (s *server) noMethod(router chi.Routes, w http.ResponseWriter, r *http.Request) {
	path := r.URL.RawPath
	if path == "" {
		path = r.URL.Path
	}
	var allow []string
	for _, m := range methods {
		if router.Match(chi.NewRouteContext(), m, path) {
			allow = append(allow, m)
			if m == http.MethodGet {
				allow = append(allow, http.MethodHead)
			}
		}
	}
	p := problem("method-not-allowed", fmt.Sprintf("%s is not possible here; possible are %s.", clip(r.Method), strings.Join(allow, ", ")))
	p.allow = strings.Join(allow, ", ")
	writeProblem(w, p)
}

// headIsGet lets every GET answer HEAD; net/http leaves the body out.
func headIsGet(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodHead {
			chi.RouteContext(r.Context()).RouteMethod = http.MethodGet
		}
		next.ServeHTTP(w, r)
	})
}

// document says of every operation that its errors are problems.
func document(doc *huma.OpenAPI) {
	schemas := doc.Components.Schemas
	ref := schemas.Schema(reflect.TypeFor[Problem](), true, "Problem")
	for _, item := range doc.Paths {
		for _, op := range operations(item) {
			for _, param := range op.Parameters {
				// It is checked by hand, because its absence is 400 and not 422.
				param.Required = param.Required || param.Name == idempotencyHeader
			}
			op.Responses["default"] = &huma.Response{
				Description: "A problem: its type says which, and GET of the type says what to do",
				Content:     map[string]*huma.MediaType{problemJSON: {Schema: ref}},
			}
		}
	}
	maps.DeleteFunc(schemas.Map(), func(name string, _ *huma.Schema) bool { return name == "ErrorModel" || name == "ErrorDetail" })
}

// fresh waits until a group of views has the position that a query demands.
func (s *server) fresh(ctx context.Context, group string, at eventlog.Position) error {
	if at == 0 || s.config.Await == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, s.config.Fresh)
	defer cancel()
	if err := s.config.Await(ctx, group, at); err != nil {
		p := problem("stale", "The view "+group+" has not reached the position demanded.")
		p.cause = err
		return p
	}
	return nil
}
