package peers_test

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"go.uber.org/goleak"

	"orderflow/commands"
	"orderflow/domain"
	"orderflow/infra/peers"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const secret = "0123456789abcdef0123456789abcdef"

// busFunc is a bus as a func.
type busFunc func(context.Context, commands.Command) (commands.Reply, error)

func (f busFunc) Send(ctx context.Context, c commands.Command) (commands.Reply, error) {
	return f(ctx, c)
}

// serve starts a process that takes commands for bus.
func serve(t *testing.T, bus commands.Bus) *httptest.Server {
	t.Helper()
	h, err := peers.Handler(bus, secret, slog.New(slog.DiscardHandler), nil)
	if err != nil {
		t.Fatal(err)
	}
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	return s
}

// to returns a bus that sends cancel_order to processes.
func to(t *testing.T, urls ...string) *peers.Bus {
	t.Helper()
	b, err := peers.NewBus(peers.Options{Secret: secret, Peers: map[string][]string{"cancel_order": urls}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(b.Close)
	return b
}

func cancel(n int) commands.CancelOrder {
	return commands.CancelOrder{Order: domain.OrderID(fmt.Sprint("ord_", n)), Reason: domain.CustomerAsked}
}

func TestCommandsAndAnswersTravelWhole(t *testing.T) {
	want := commands.Reply{Stream: "order-ord_1", Version: 3, Position: 7, Events: 1, Order: "ord_1"}
	s := serve(t, busFunc(func(ctx context.Context, c commands.Command) (commands.Reply, error) {
		if c != commands.Command(cancel(1)) {
			t.Errorf("%+v arrived", c)
		}
		if o := commands.OriginOf(ctx); o.Actor != "ada" || o.Trace != "00-1" {
			t.Errorf("the origin became %+v", o)
		}
		return want, nil
	}))
	ctx := commands.WithOrigin(t.Context(), commands.Origin{Actor: "ada", Trace: "00-1"})
	got, err := to(t, s.URL).Send(ctx, cancel(1))
	if err != nil || got.Stream != want.Stream || got.Version != want.Version || got.Position != want.Position || got.Events != 1 || got.Order != want.Order {
		t.Errorf("%+v, %v", got, err)
	}
}

func TestErrorsKeepTheirKind(t *testing.T) {
	for kind := domain.Internal; kind <= domain.ReadOnly; kind++ {
		s := serve(t, busFunc(func(context.Context, commands.Command) (commands.Reply, error) {
			return commands.Reply{}, domain.Wrap(kind, io.ErrUnexpectedEOF, "for the person")
		}))
		_, err := to(t, s.URL).Send(t.Context(), cancel(1))
		if domain.KindOf(err) != kind {
			t.Errorf("%v arrives as %v", kind, err)
		}
		if strings.Contains(err.Error(), io.ErrUnexpectedEOF.Error()) || kind != domain.Internal && !strings.Contains(err.Error(), "for the person") {
			t.Errorf("%v says %q", kind, err)
		}
	}
}

func TestCommandsAboutOneOrderGoToOneProcess(t *testing.T) {
	const orders = 200
	var at [2]map[domain.OrderID]int
	var urls []string
	for i := range at {
		at[i] = map[domain.OrderID]int{}
		urls = append(urls, serve(t, busFunc(func(_ context.Context, c commands.Command) (commands.Reply, error) {
			at[i][c.(commands.CancelOrder).Order]++
			return commands.Reply{}, nil
		})).URL)
	}
	for range 3 {
		b := to(t, urls...) // another sender sends alike
		for n := range orders {
			if _, err := b.Send(t.Context(), cancel(n)); err != nil {
				t.Fatal(err)
			}
		}
	}
	for id := range at[0] {
		if at[1][id] > 0 {
			t.Errorf("%s went to both", id)
		}
	}
	if share := len(at[0]); share < orders/4 || share > orders*3/4 {
		t.Errorf("one of two processes got %d of %d orders", share, orders)
	}
}

func TestAnotherProcessIsAskedWhereOneIsGone(t *testing.T) {
	var asked atomic.Int64
	alive := serve(t, busFunc(func(context.Context, commands.Command) (commands.Reply, error) {
		asked.Add(1)
		return commands.Reply{}, nil
	}))
	cutting := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }))
	defer cutting.Close()
	older := serve(t, busFunc(func(context.Context, commands.Command) (commands.Reply, error) { return commands.Reply{}, nil }))
	older.Config.Handler = http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusNotImplemented)
		fmt.Fprint(w, `{"kind":"unavailable","text":"There is no command."}`)
	})
	draining := serve(t, busFunc(func(context.Context, commands.Command) (commands.Reply, error) {
		return commands.Reply{}, domain.Errorf(domain.Unavailable, "This node is shutting down.")
	}))
	for name, other := range map[string]string{"refuses connections": nobody(t), "cuts": cutting.URL, "is older": older.URL, "drains": draining.URL} {
		asked.Store(0)
		b := to(t, other, alive.URL)
		for n := range 20 {
			if _, err := b.Send(t.Context(), cancel(n)); err != nil {
				t.Errorf("with one that %s: %v", name, err)
			}
		}
		if asked.Load() != 20 {
			t.Errorf("with one that %s, the other was asked %d times", name, asked.Load())
		}
	}
}

func TestWhereNobodyAnswersTheErrorSaysWhatMayHaveHappened(t *testing.T) {
	if _, err := to(t, nobody(t), nobody(t)).Send(t.Context(), cancel(1)); domain.KindOf(err) != domain.Unavailable {
		t.Errorf("nobody could be connected to: %v", err)
	}
	cutting := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }))
	defer cutting.Close()
	if _, err := to(t, nobody(t), cutting.URL).Send(t.Context(), cancel(1)); domain.KindOf(err) != domain.Unknown {
		t.Errorf("the connection was cut after sending: %v", err)
	}
	if _, err := to(t).Send(t.Context(), cancel(1)); domain.KindOf(err) != domain.Unavailable {
		t.Errorf("nobody is configured: %v", err)
	}
}

func TestWithoutTheSecretNothingIsDone(t *testing.T) {
	s := serve(t, busFunc(func(context.Context, commands.Command) (commands.Reply, error) {
		t.Error("a command was carried out")
		return commands.Reply{}, nil
	}))
	for _, header := range []string{"", "Bearer ", "Bearer " + secret[1:], "Bearer " + secret + "x", secret, "Basic " + secret} {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.URL+peers.Path, strings.NewReader(`{"name":"cancel_order","data":{"order":"o"}}`))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Authorization", header)
		answer, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		answer.Body.Close()
		if answer.StatusCode != http.StatusUnauthorized {
			t.Errorf("%q answers %d", header, answer.StatusCode)
		}
	}
	http.DefaultClient.CloseIdleConnections()
	other, err := peers.NewBus(peers.Options{Secret: strings.ToUpper(secret), Peers: map[string][]string{"cancel_order": {s.URL}}})
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	if _, err := other.Send(t.Context(), cancel(1)); domain.KindOf(err) != domain.Unavailable || !strings.Contains(err.Error(), "secret") {
		t.Errorf("with another secret: %v", err)
	}
	if _, err := peers.NewBus(peers.Options{Secret: "short"}); domain.KindOf(err) != domain.Invalid {
		t.Errorf("a short secret: %v", err)
	}
}

func TestWhatAVersionDoesNotKnowIsNotDone(t *testing.T) {
	s := serve(t, busFunc(func(context.Context, commands.Command) (commands.Reply, error) {
		t.Error("a command was carried out")
		return commands.Reply{}, nil
	}))
	for _, body := range []string{
		`{"name":"cancel_order","data":{"order":"o","gently":true}}`, // a field of a newer version
		`{"name":"split_order","data":{"order":"o"}}`,                // a command of a newer version
	} {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.URL+peers.Path, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Authorization", "Bearer "+secret)
		answer, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		answer.Body.Close()
		if answer.StatusCode != http.StatusNotImplemented {
			t.Errorf("%s answers %d", body, answer.StatusCode)
		}
	}
	http.DefaultClient.CloseIdleConnections()
}

func TestBadBodiesAreRefused(t *testing.T) {
	s := serve(t, busFunc(func(context.Context, commands.Command) (commands.Reply, error) { return commands.Reply{}, nil }))
	for name, body := range map[string]string{
		"no JSON": "{", "two values": `{"name":"a"} {}`, "too large": `{"name":"` + strings.Repeat("x", peers.MaxBodyBytes) + `"}`,
	} {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.URL+peers.Path, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Authorization", "Bearer "+secret)
		answer, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		answer.Body.Close()
		if answer.StatusCode != http.StatusUnprocessableEntity {
			t.Errorf("%s answers %d", name, answer.StatusCode)
		}
	}
	http.DefaultClient.CloseIdleConnections()
}

// nobody returns an address at which connections are refused.
func nobody(t *testing.T) string {
	t.Helper()
	var lc net.ListenConfig
	l, err := lc.Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close() //nolint:errcheck // its address is all that is wanted
	return "http://" + l.Addr().String()
}
