package edge

import (
	"log/slog"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"time"

	"orderflow/commands"
	"orderflow/domain"
)

// Limits of what the edge takes and keeps.
const (
	// MaxTokenBytes bounds a token; one with all our claims has a few hundred.
	MaxTokenBytes = 8 << 10
	// Leeway is how far the clocks of issuer and edge may differ.
	Leeway = 10 * time.Second
	// DefaultRefresh is how often the key set is fetched, and so how long a key
	// that was taken away still counts.
	DefaultRefresh = 5 * time.Minute
	// RefetchEvery bounds how often a kid that is not in the key set has it
	// fetched, however many such tokens come.
	RefetchEvery = 10 * time.Second
	// limiterWait bounds how long a request waits for the limiter; one that does
	// not answer must not stand in everybody's way.
	limiterWait = 100 * time.Millisecond
)

// The rates there are unless [Options] has others.
const (
	// DefaultRequests of one customer in [DefaultWindow].
	DefaultRequests = 1_000
	// DefaultWindow is the window of requests.
	DefaultWindow = time.Second
	// DefaultAddressRequests of one address without a caller in [DefaultWindow].
	DefaultAddressRequests = 100
	// DefaultFailures is how many bad tokens of one address in [DefaultFailureWindow]
	// are told that they are bad.
	DefaultFailures = 30
	// DefaultFailureWindow is the window of bad tokens.
	DefaultFailureWindow = time.Minute
)

// Rate is how many requests are taken in any interval as long as the window.
// The zero value takes the default.
type Rate struct {
	Requests int
	Window   time.Duration // at least a millisecond
}

// Options configure the edge. Refuse is needed, and JWKS or Dev, unless
// tokens are not checked.
type Options struct {
	// Unchecked passes every request without a caller and without limits: what
	// remains is CORS and the security headers.
	Unchecked bool

	Issuer   string     // whose tokens count: their iss; that of Dev if empty
	Audience string     // the audience that tokens must name in aud; that of Dev if empty
	JWKS     string     // the key set: an https address, http on loopback, or a file
	Dev      *DevIssuer // the development issuer, in place of JWKS

	Refresh   time.Duration     // how often the key set is fetched; DefaultRefresh if 0
	Transport http.RoundTripper // how it is fetched; a transport without anything kept alive if nil

	// Public are the paths that need no token; one that ends with a slash means
	// everything below it. They are limited by address.
	Public []string
	// Probes are public paths that are never limited: health must answer when
	// nothing else does.
	Probes []string

	Origins []string // of pages in browsers that may ask, as in https://shop.example
	TLS     bool     // all that come used TLS, as far as the front before us

	Limiter        commands.Limiter // nil means no limits
	PerCustomer    Rate             // of one customer, or of one subject that is none
	PerAddress     Rate             // of one address, without a caller
	Failures       Rate             // bad tokens of one address
	TrustedProxies []netip.Prefix   // whose X-Forwarded-For and -Proto are believed

	// Refuse answers with a problem of the API: unauthenticated, rate-limited or
	// unavailable. retryAfter is in seconds, 0 for none; headers that are set
	// already stay.
	Refuse   func(w http.ResponseWriter, problem, detail string, retryAfter int)
	Logger   *slog.Logger
	Observer Observer
}

// Observer is told what the edge does; nil funcs are not called.
type Observer struct {
	Authenticated func(cached bool)         // a token was good; cached: it had been seen
	Refused       func(reason Reason)       // a request without a good token
	Limited       func(policy string)       // a request over the limit of a policy: customer, subject, address or failures
	LimiterFailed func()                    // a request that passed because the limiter did not answer
	Fetched       func(keys int, err error) // the key set was fetched, or not
}

// complete fills in defaults and refuses what cannot be meant.
func (o *Options) complete() error {
	if o.Refuse == nil {
		return domain.Errorf(domain.Internal, "the edge has nothing to refuse with")
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Dev != nil && o.JWKS != "" {
		return domain.Errorf(domain.Invalid, "Tokens come from the development issuer or from a key set, not from both.")
	}
	if o.Dev != nil && o.Issuer == "" {
		o.Issuer = DevName
	}
	if o.Dev != nil && o.Audience == "" {
		o.Audience = DevAudience
	}
	if !o.Unchecked && (o.Issuer == "" || o.Audience == "" || o.Dev == nil && o.JWKS == "") {
		return domain.Errorf(domain.Invalid, "Checking tokens needs an issuer, an audience and a JWKS.")
	}
	if o.Refresh == 0 {
		o.Refresh = DefaultRefresh
	}
	if o.Refresh < time.Second {
		return domain.Errorf(domain.Invalid, "The key set is fetched at most once in a second, not every %s.", o.Refresh)
	}
	for _, origin := range o.Origins {
		if err := checkOrigin(origin); err != nil {
			return err
		}
	}
	for rate, otherwise := range map[*Rate]Rate{
		&o.PerCustomer: {DefaultRequests, DefaultWindow},
		&o.PerAddress:  {DefaultAddressRequests, DefaultWindow},
		&o.Failures:    {DefaultFailures, DefaultFailureWindow},
	} {
		if err := rate.complete(otherwise); err != nil {
			return err
		}
	}
	return nil
}

func (r *Rate) complete(otherwise Rate) error {
	if r.Requests == 0 {
		r.Requests = otherwise.Requests
	}
	if r.Window == 0 {
		r.Window = otherwise.Window
	}
	if r.Requests < 1 || r.Window < time.Millisecond {
		return domain.Errorf(domain.Invalid, "%d requests in %s is no limit: it takes at least 1 in a millisecond.", r.Requests, r.Window)
	}
	return nil
}

// checkOrigin refuses what is not exactly one origin: no pattern, no "null".
func checkOrigin(s string) error {
	u, err := url.Parse(s)
	if err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" || s != u.Scheme+"://"+u.Host || strings.ContainsAny(s, "* ") || s != strings.ToLower(s) {
		return domain.Errorf(domain.Invalid, "%q is not one origin such as https://shop.example: name each, in lower case and without a path.", s)
	}
	return nil
}
