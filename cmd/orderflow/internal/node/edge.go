package node

import (
	"cmp"
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
	"net/netip"
	"time"

	"orderflow/cmd/orderflow/internal/admin"
	"orderflow/commands"
	"orderflow/domain"
	"orderflow/infra/edge"
	"orderflow/infra/httpapi"
)

// The ways to tell callers apart.
const (
	authOff  = "off"  // not at all
	authDev  = "dev"  // by tokens of the development issuer in the data directory
	authJWKS = "jwks" // by tokens that a key set verifies
)

// AuthFlags say who may use the API, and how often.
type AuthFlags struct {
	Auth         string        `help:"Who may use the API: off is everybody on this machine, dev whoever has a token of \"orderflow token\", jwks whoever has one that --auth-jwks verifies." enum:"off,dev,jwks" default:"off" env:"ORDERFLOW_AUTH"`
	AuthIssuer   string        `help:"Whose tokens count: their iss." placeholder:"URL" env:"ORDERFLOW_AUTH_ISSUER"`
	AuthAudience string        `help:"Whom tokens must be meant for: one of their aud." default:"orderflow" env:"ORDERFLOW_AUTH_AUDIENCE"`
	AuthJWKS     string        `name:"auth-jwks" help:"The issuer's key set: an https address or a file." placeholder:"URL|FILE" env:"ORDERFLOW_AUTH_JWKS"`
	AuthRefresh  time.Duration `help:"How often the key set is fetched." default:"5m" env:"ORDERFLOW_AUTH_REFRESH"`

	CORSOrigin   []string       `name:"cors-origin" help:"Pages of this origin may use the API from browsers; may be repeated." placeholder:"https://…" env:"ORDERFLOW_CORS_ORIGIN"`
	RateLimit    int            `help:"Requests that one customer may send in --rate-window." default:"1000" env:"ORDERFLOW_RATE_LIMIT"`
	RateWindow   time.Duration  `help:"The sliding window of --rate-limit." default:"1s" env:"ORDERFLOW_RATE_WINDOW"`
	TrustedProxy []netip.Prefix `help:"A network whose X-Forwarded-For and X-Forwarded-Proto are believed; may be repeated." placeholder:"CIDR" env:"ORDERFLOW_TRUSTED_PROXY"`
}

// AuthConfig says who may use a node's API. The zero value lets everybody.
type AuthConfig struct{ AuthFlags }

// Config checks what belongs together; the rest is checked by the edge.
func (f AuthFlags) Config() (AuthConfig, error) {
	if f.Auth == authJWKS && (f.AuthJWKS == "" || f.AuthIssuer == "") {
		return AuthConfig{}, domain.Errorf(domain.Invalid, "--auth=jwks needs --auth-issuer and --auth-jwks: whose tokens count, and the keys that verify them.")
	}
	if f.Auth != authJWKS && (f.AuthJWKS != "" || f.AuthIssuer != "") {
		return AuthConfig{}, domain.Errorf(domain.Invalid, "--auth-issuer and --auth-jwks mean nothing without --auth=jwks.")
	}
	return AuthConfig{f}, nil
}

// on says that callers are told apart, so that others than this machine may ask.
func (c AuthConfig) on() bool { return cmp.Or(c.Auth, authOff) != authOff }

// Says describes who may use the API, for the start-up message.
func (c AuthConfig) Says() string {
	switch c.Auth {
	case authDev:
		return "to whoever has a token of its development issuer"
	case authJWKS:
		return "to whoever has a token of " + c.AuthIssuer
	}
	return "on this machine only: there is no authentication"
}

// edge builds what stands before the API of a node; nil if nothing does. The
// limiter may be nil. Close the edge after the last request.
func (c AuthConfig) edge(ctx context.Context, dataDir string, limiter commands.Limiter, logger *slog.Logger, observer edge.Observer) (*edge.Edge, error) {
	if !c.on() && len(c.CORSOrigin) == 0 {
		return nil, nil //nolint:nilnil // documented above
	}
	o := edge.Options{
		Unchecked: !c.on(), Issuer: c.AuthIssuer, Audience: c.AuthAudience, JWKS: c.AuthJWKS, Refresh: c.AuthRefresh,
		Public: httpapi.PublicPaths(), Probes: httpapi.ProbePaths(), Origins: c.CORSOrigin,
		Limiter: limiter, PerCustomer: edge.Rate{Requests: c.RateLimit, Window: c.RateWindow}, TrustedProxies: c.TrustedProxy,
		Refuse: httpapi.Refuse, Logger: logger, Observer: observer,
	}
	if c.Auth == authDev {
		issuer, err := edge.OpenDevIssuer(dataDir)
		if err != nil {
			return nil, err
		}
		o.Dev, o.Audience = issuer, edge.DevAudience
	}
	return edge.New(ctx, o)
}

// adminsOnly lets callers with the scope admin pass, and everybody where
// callers are not told apart.
func adminsOnly(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if c, checked := commands.CallerOf(r.Context()); checked && !c.May(commands.ScopeAdmin) {
			w.Header().Set("Content-Type", "application/json")
			w.WriteHeader(http.StatusForbidden)
			_ = json.NewEncoder(w).Encode(admin.Error{Kind: domain.Invalid, Text: "Administration needs a token with the scope " + commands.ScopeAdmin + "."}) // an error means that the client is gone
			return
		}
		next.ServeHTTP(w, r)
	})
}
