package remote_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"orderflow/domain"
	"orderflow/infra/simulator"
	"orderflow/infra/simulator/remote"
)

// Every behaviour of the simulator has the same kind and reason over HTTP as in the
// process, and the same effect.
func TestEveryBehaviourIsTheSameOverHTTP(t *testing.T) {
	for _, c := range []struct {
		behaviour simulator.Behaviour
		kind      domain.Kind
		reason    string
		captures  int
	}{
		{simulator.Decline, domain.Rejected, "card_declined", 0},
		{simulator.InsufficientFunds, domain.Rejected, "insufficient_funds", 0},
		{simulator.Fail, domain.Unknown, "server_error", 0},
		{simulator.LoseReply, domain.Unknown, "connection_lost", 1},
		{simulator.Twice, 0, "", 1},
		{simulator.Unavailable, domain.Unavailable, "connection_refused", 0},
	} {
		t.Run(string(c.behaviour), func(t *testing.T) {
			s := serve(t)
			for where, g := range map[string]interface {
				call(*testing.T, simulator.Behaviour) error
			}{"in process": direct{s}, "over HTTP": overHTTP{s}} {
				err := g.call(t, c.behaviour)
				t.Log(where, err)
				want(t, err, c.kind, c.reason)
				if n := s.ledger(t).Captures[fmt.Sprintf("%T", g)]; n != c.captures {
					t.Errorf("%s: %d captures, want %d", where, n, c.captures)
				}
			}
		})
	}
}

type direct struct{ s *service }

func (d direct) call(t *testing.T, b simulator.Behaviour) error {
	return only(d.s.sim.Gateway(simulator.Default).Capture(t.Context(), charge(fmt.Sprintf("%T", d), "tok_"+string(b), 10)))
}

type overHTTP struct{ s *service }

func (o overHTTP) call(t *testing.T, b simulator.Behaviour) error {
	return only(o.s.Gateway(simulator.Default).Capture(t.Context(), charge(fmt.Sprintf("%T", o), "tok_"+string(b), 10)))
}

// A reply that is lost on a connection that was used before is the moment at which
// net/http sends a request again, if it can: each call arrives once.
func TestALostReplyIsNotSentAgain(t *testing.T) {
	s := serve(t)
	g, c := s.Gateway(simulator.Default), s.Carrier(simulator.Second)
	for n := range 50 {
		key := fmt.Sprint(n)
		want(t, only(g.Lookup(t.Context(), key)), domain.NotFound, "unknown_key") // leaves a connection to be used again
		want(t, only(g.Capture(t.Context(), charge(key, "tok_lose_reply", 10))), domain.Unknown, "connection_lost")
		want(t, c.Cancel(t.Context(), key), 0, "")
		s.sim.Next(simulator.Cancel, simulator.Second, simulator.AnyKey, simulator.LoseReply)
		want(t, c.Cancel(t.Context(), key), domain.Unknown, "connection_lost")
	}
	if sum := s.ledger(t); sum.Rows != 200 {
		t.Errorf("200 calls are %d rows", sum.Rows)
	}
}

// A server that breaks off a connection at every place: nothing is sent twice.
func TestABrokenConnectionIsNotSentAgain(t *testing.T) {
	const body = `{"key":"a","reference":"ch_1","amount":{"minor":10,"currency":"GBP"}}`
	whole := fmt.Sprintf("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s", len(body), body)
	var requests, cut atomic.Int64
	listener, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var running sync.WaitGroup
	running.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			running.Go(func() {
				defer conn.Close() //nolint:errcheck // it is broken on purpose
				in := bufio.NewReader(conn)
				for {
					r, err := http.ReadRequest(in)
					if err != nil {
						return
					}
					if _, err := io.Copy(io.Discard, r.Body); err != nil {
						return
					}
					requests.Add(1)
					n := cut.Load()
					if _, err := io.WriteString(conn, whole[:n]); err != nil || n < int64(len(whole)) {
						return
					}
				}
			})
		}
	})
	c := client(t, "http://"+listener.Addr().String())
	defer running.Wait()
	defer c.Close()
	defer listener.Close() //nolint:errcheck // the test is over
	g := c.Gateway(simulator.Default)
	sent := int64(0)
	for n := range len(whole) {
		cut.Store(int64(len(whole)))
		want(t, only(g.Capture(t.Context(), charge("a", "x", 10))), 0, "") // the next call uses this connection
		cut.Store(int64(n))
		err := only(g.Capture(t.Context(), charge("a", "x", 10)))
		if sent += 2; requests.Load() != sent {
			t.Fatalf("cut at %d: %d requests arrived, and %d were made", n, requests.Load(), sent)
		}
		if domain.KindOf(err) != domain.Unknown {
			t.Fatalf("cut at %d: %v is %s", n, err, domain.KindOf(err))
		}
	}
}

// What answers in the service's place decides nothing about money.
func TestRepliesOfOthersAreUnknown(t *testing.T) {
	for name, c := range map[string]struct {
		status int
		body   string
		kind   domain.Kind
	}{
		"a page":                    {200, "<html>welcome</html>", domain.Unknown},
		"an empty object":           {200, "{}", domain.Unknown},
		"null":                      {200, "null", domain.Unknown},
		"another key":               {200, `{"key":"b","reference":"ch_1","amount":{"minor":10,"currency":"GBP"}}`, domain.Unknown},
		"no reference":              {200, `{"key":"a"}`, domain.Unknown},
		"another status":            {201, `{"key":"a","reference":"ch_1"}`, domain.Unknown},
		"a redirect":                {307, "", domain.Unknown},
		"a redirect to a page":      {303, "", domain.Unknown},
		"a page that is not found":  {404, "404 page not found", domain.Unknown},
		"a conflict of others":      {409, "{}", domain.Unknown},
		"too many requests":         {429, "slow down", domain.Unknown},
		"a proxy without a server":  {502, "<html>bad gateway</html>", domain.Unknown},
		"a proxy that is overrun":   {503, "overrun", domain.Unknown},
		"a rejection as a failure":  {500, `{"kind":"rejected","reason":"card_declined"}`, domain.Unknown},
		"a kind of no port":         {422, `{"kind":"invalid","reason":"x"}`, domain.Unknown},
		"a rejection":               {409, `{"kind":"rejected","reason":"card_declined"}`, domain.Rejected},
		"a rejection without words": {409, `{"kind":"rejected"}`, domain.Rejected},
		"a refused connection":      {503, `{"kind":"unavailable","reason":"connection_refused"}`, domain.Unavailable},
		"a reply without end":       {200, `{"key":"a","reference":"` + strings.Repeat("x", remote.MaxReplyBytes), domain.Unknown},
	} {
		t.Run(name, func(t *testing.T) {
			calls := 0
			other := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				calls++
				w.Header().Set("Location", r.URL.String()+"/elsewhere")
				w.WriteHeader(c.status)
				_, _ = io.WriteString(w, c.body)
			}))
			defer other.Close()
			cl := client(t, other.URL)
			defer cl.Close()
			err := only(cl.Gateway(simulator.Default).Capture(t.Context(), charge("a", "x", 10)))
			if domain.KindOf(err) != c.kind || calls != 1 {
				t.Errorf("after %d calls: %v is %s, not %s", calls, err, domain.KindOf(err), c.kind)
			}
			if strings.Contains(err.Error(), secret) {
				t.Errorf("the error tells the secret: %v", err)
			}
		})
	}
}

func TestARefusedConnectionIsUnavailable(t *testing.T) {
	s := serve(t)
	want(t, s.Gateway(simulator.Default).Void(t.Context(), "a"), 0, "")
	s.stop()
	c := client(t, s.url)
	want(t, c.Gateway(simulator.Default).Void(t.Context(), "a"), domain.Unavailable, "connection_refused")
	want(t, c.Carrier(simulator.Second).Cancel(t.Context(), "a"), domain.Unavailable, "connection_refused")
	if err := c.Outage(t.Context(), simulator.Payment, simulator.Default, simulator.Work); domain.KindOf(err) != domain.Unavailable {
		t.Errorf("an outage: %v", err)
	}
}

// The service ends while calls hang: they lose their connection, and no call that was
// answered is forgotten.
func TestTheServiceEndsWhileCallsHang(t *testing.T) {
	s := serve(t)
	hung := make(chan error, 1)
	received := s.received(simulator.Capture)
	go func() {
		hung <- only(s.Gateway(simulator.Default).Capture(context.WithoutCancel(t.Context()), charge("a", "tok_hang", 10)))
	}()
	<-received
	want(t, only(s.Gateway(simulator.Second).Capture(t.Context(), charge("b", "tok_visa", 10))), 0, "")
	s.stop()
	want(t, <-hung, domain.Unknown, "connection_lost")
	if sum := s.ledger(t); sum.Captures["b"] != 1 || sum.Captures["a"] != 0 {
		t.Errorf("ledger %+v", sum)
	}
}

// A hang ends for the service when its caller gives up, and not before.
func TestAHangEndsWithItsCaller(t *testing.T) {
	s := serve(t)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	hung := make(chan error, 1)
	received := s.received(simulator.Book)
	if err := s.Outage(ctx, simulator.Shipping, simulator.Second, simulator.Hang); err != nil {
		t.Fatal(err)
	}
	go func() { hung <- s.Carrier(simulator.Second).Cancel(ctx, "a") }()
	select {
	case <-received:
	case err := <-hung:
		t.Fatal(err)
	case <-s.received(simulator.Cancel):
	}
	cancel()
	want(t, <-hung, domain.Unknown, "canceled")
}

func TestAnotherSecretIsRefused(t *testing.T) {
	s := serve(t)
	stranger, err := remote.NewClient(s.url, strings.ToUpper(secret))
	if err != nil {
		t.Fatal(err)
	}
	defer stranger.Close()
	err = only(stranger.Gateway(simulator.Default).Capture(t.Context(), charge("a", "tok_visa", 10)))
	want(t, err, domain.Unavailable, "unauthorized")
	if !strings.Contains(err.Error(), "another secret") || !strings.Contains(err.Error(), "ORDERFLOW_SIMULATOR_SECRET") {
		t.Errorf("the error does not say what to do: %v", err)
	}
	want(t, stranger.Carrier(simulator.Default).Cancel(t.Context(), "a"), domain.Unavailable, "unauthorized")
	if err := stranger.Outage(t.Context(), simulator.Payment, simulator.Default, simulator.Fail); domain.KindOf(err) != domain.Unavailable {
		t.Errorf("an outage: %v", err)
	}
	if _, err := stranger.Summary(t.Context()); domain.KindOf(err) != domain.Unavailable {
		t.Errorf("a summary: %v", err)
	}
	if sum := s.ledger(t); sum.Rows != 0 {
		t.Errorf("a stranger's calls arrived: %+v", sum)
	}
	if _, err := remote.NewClient(s.url, secret[:remote.MinSecretBytes-1]); domain.KindOf(err) != domain.Invalid {
		t.Errorf("a short secret: %v", err)
	}
}

// A handler with a secret that could be guessed answers 401 to every caller, also to one with that secret.
func TestAHandlerWithoutASecretAnswersNoCall(t *testing.T) {
	s := serve(t)
	for _, short := range []string{"", "short"} {
		w := httptest.NewRecorder()
		r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/simulator/void", strings.NewReader(`{"name":"simulator","key":"a"}`))
		r.Header.Set("Authorization", "Bearer "+short)
		remote.Handler(s.sim, short).ServeHTTP(w, r)
		if w.Code != http.StatusUnauthorized {
			t.Errorf("secret %q: %d", short, w.Code)
		}
	}
}

func TestRequestsThatCannotBeReadHaveNoEffect(t *testing.T) {
	s := serve(t)
	h := remote.Handler(s.sim, secret)
	for name, body := range map[string]string{
		"no JSON": "{", "another field": `{"name":"simulator","key":"a","instalments":3}`, "two values": `{"name":"simulator","key":"a"}{}`,
		"too long": `{"name":"simulator","key":"a","token":"` + strings.Repeat("x", remote.MaxBodyBytes) + `"}`, "nothing": "",
	} {
		w := httptest.NewRecorder()
		r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/simulator/void", strings.NewReader(body))
		r.Header.Set("Authorization", "Bearer "+secret)
		h.ServeHTTP(w, r)
		if w.Code != http.StatusBadRequest || !strings.Contains(w.Body.String(), `"kind":"unavailable"`) {
			t.Errorf("%s: %d %s", name, w.Code, w.Body)
		}
	}
	g, long := s.Gateway(simulator.Default), strings.Repeat("\x01", simulator.MaxNameBytes)
	for _, key := range []string{"bad\xff", long + "x", ""} {
		want(t, g.Void(t.Context(), key), domain.Rejected, "invalid_request")
	}
	if sum := s.ledger(t); sum.Rows != 0 {
		t.Errorf("ledger %+v", sum)
	}
	c := charge(long, long, 10)
	c.Order, c.Amount.Currency = domain.OrderID(long), "GBP"
	want(t, only(g.Capture(t.Context(), c)), 0, "") // the longest names fit
}

func TestAnUnknownProviderIsUnavailable(t *testing.T) {
	s := serve(t)
	want(t, s.Gateway("stripe").Void(t.Context(), "a"), domain.Unavailable, "unknown_provider")
	want(t, s.Carrier("").Cancel(t.Context(), "a"), domain.Unavailable, "unknown_provider")
	for _, err := range []error{
		s.Outage(t.Context(), simulator.Payment, "stripe", simulator.Fail),
		s.Outage(t.Context(), "lottery", simulator.Default, simulator.Fail),
		s.Outage(t.Context(), simulator.Payment, simulator.Default, "sulk"),
	} {
		if domain.KindOf(err) != domain.Invalid || errors.Is(err, context.Canceled) {
			t.Errorf("got %v", err)
		}
	}
}

func TestNewClientRefusesWhatIsNoAddress(t *testing.T) {
	for _, base := range []string{"", "127.0.0.1:2115", "ftp://host", "http://", "http://user:pw@host", "http://host?x=1"} {
		if c, err := remote.NewClient(base, secret); domain.KindOf(err) != domain.Invalid || c != nil {
			t.Errorf("%q: %v", base, err)
		}
	}
}

func TestProbesNeedNoSecret(t *testing.T) {
	s := serve(t)
	h := remote.Handler(s.sim, secret)
	probe := func(which string) int {
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/healthz/"+which, nil))
		return w.Code
	}
	for _, which := range []string{"live", "ready", "started"} {
		if code := probe(which); code != http.StatusOK {
			t.Errorf("%s: %d", which, code)
		}
	}
	s.stop()
	if live, ready := probe("live"), probe("ready"); live != http.StatusOK || ready != http.StatusServiceUnavailable {
		t.Errorf("of a closed simulator: live %d, ready %d", live, ready)
	}
	if code := probe("secret"); code != http.StatusUnauthorized {
		t.Errorf("another path: %d", code)
	}
}
