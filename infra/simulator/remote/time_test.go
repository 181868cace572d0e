package remote_test

import (
	"bufio"
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"orderflow/infra/simulator"
	"orderflow/infra/simulator/remote"
)

// pipes is a listener whose connections are in memory, so that time is a test's own.
type pipes struct {
	accepted chan net.Conn
	once     sync.Once
	closed   chan struct{}
}

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.accepted:
		return c, nil
	case <-p.closed:
		return nil, net.ErrClosed
	}
}

func (p *pipes) Close() error {
	p.once.Do(func() { close(p.closed) })
	return nil
}

func (p *pipes) Addr() net.Addr { return &net.TCPAddr{} }

// piped is a service in a bubble of its own time.
type piped struct {
	*pipes
	stop  func()
	ended chan error
}

func servePiped(t *testing.T, o simulator.Options) *piped {
	t.Helper()
	sim, err := simulator.Open(t.TempDir(), o)
	if err != nil {
		t.Fatal(err)
	}
	p := &piped{pipes: &pipes{accepted: make(chan net.Conn), closed: make(chan struct{})}, ended: make(chan error, 1)}
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	p.stop = cancel
	go func() { p.ended <- remote.Serve(ctx, p, sim, secret, slog.New(slog.DiscardHandler)) }()
	return p
}

// send sends a capture over a connection of its own and returns what comes back: a
// response, or the error of the connection.
func (p *piped) send(t *testing.T, body string) (conn net.Conn, reply <-chan result) {
	t.Helper()
	conn, theirs := net.Pipe()
	p.accepted <- theirs
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://simulator"+capture, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+secret)
	if err := r.Write(conn); err != nil {
		t.Fatal(err)
	}
	replies := make(chan result, 1)
	go func() {
		in := bufio.NewReader(conn)
		response, err := http.ReadResponse(in, r)
		if err != nil {
			replies <- result{err: err}
			return
		}
		data, err := io.ReadAll(response.Body)
		replies <- result{response.StatusCode, string(data), err}
	}()
	return conn, replies
}

type result struct {
	status int
	body   string
	err    error
}

const capture = "/simulator/capture"

func body(token string) string {
	return `{"name":"simulator","key":"a","order":"ord_1","amount":{"minor":10,"currency":"GBP"},"token":"` + token + `"}`
}

// A lost reply is a connection that breaks without a byte of a reply.
func TestALostReplyBreaksTheConnection(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := servePiped(t, simulator.Options{})
		defer func() { p.stop(); <-p.ended }()
		_, reply := p.send(t, body("tok_lose_reply"))
		if r := <-reply; !errors.Is(r.err, io.ErrUnexpectedEOF) && !errors.Is(r.err, io.EOF) {
			t.Errorf("got %+v", r)
		}
	})
}

// A call hangs longer than any limit on reading and writing, and ends for the service
// with its caller: the provider then ends within no time.
func TestAHangIsLimitedByItsCallerAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ended := make(chan time.Time, 1)
		sim, err := simulator.Open(t.TempDir(), simulator.Options{})
		if err != nil {
			t.Fatal(err)
		}
		defer sim.Close() //nolint:errcheck // not what is tried
		p := &piped{pipes: &pipes{accepted: make(chan net.Conn), closed: make(chan struct{})}}
		h := remote.Handler(sim, secret)
		server := &http.Server{ReadHeaderTimeout: remote.ReadTimeout, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			defer func() { ended <- time.Now() }()
			h.ServeHTTP(w, r)
		})}
		go server.Serve(p)   //nolint:errcheck // it is closed at the end
		defer server.Close() //nolint:errcheck // not what is tried
		begun := time.Now()
		conn, reply := p.send(t, body("tok_hang"))
		time.Sleep(remote.HangTimeout - time.Second) // of the bubble's time
		select {
		case r := <-reply:
			t.Fatalf("after %v it replies %+v", time.Since(begun), r)
		case at := <-ended:
			t.Fatalf("the hang ended after %v", at.Sub(begun))
		default:
		}
		if err := conn.Close(); err != nil {
			t.Fatal(err)
		}
		<-reply
		if at := <-ended; at.Sub(begun) != remote.HangTimeout-time.Second {
			t.Errorf("the hang ended after %v", at.Sub(begun))
		}
	})
}

// A caller that never gives up is let go in the end.
func TestAHangHasALimit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := servePiped(t, simulator.Options{})
		defer func() { p.stop(); <-p.ended }()
		begun := time.Now()
		_, reply := p.send(t, body("tok_hang"))
		if r := <-reply; r.err == nil || time.Since(begun) != remote.HangTimeout {
			t.Errorf("after %v: %+v", time.Since(begun), r)
		}
	})
}

// A reply may be later than the limit on writing one.
func TestALateReplyArrives(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const late = 3 * (remote.ReadTimeout + remote.WriteTimeout)
		p := servePiped(t, simulator.Options{LateBy: late})
		defer func() { p.stop(); <-p.ended }()
		begun := time.Now()
		_, reply := p.send(t, body("tok_late"))
		if r := <-reply; r.status != http.StatusOK || time.Since(begun) != late {
			t.Errorf("after %v: %+v", time.Since(begun), r)
		}
	})
}

// A request whose body does not come has a limit, with the secret and without.
func TestABodyThatDoesNotComeIsNotWaitedFor(t *testing.T) {
	for name, sent := range map[string]string{"with the secret": secret, "without": "nothing"} {
		t.Run(name, func(t *testing.T) { bodyDoesNotCome(t, sent) })
	}
}

func bodyDoesNotCome(t *testing.T, sent string) {
	synctest.Test(t, func(t *testing.T) {
		p := servePiped(t, simulator.Options{})
		defer func() { p.stop(); <-p.ended }()
		conn, theirs := net.Pipe()
		p.accepted <- theirs
		begun := time.Now()
		if _, err := io.WriteString(conn, "POST "+capture+" HTTP/1.1\r\nHost: simulator\r\nAuthorization: Bearer "+sent+"\r\nContent-Length: 100\r\n\r\n{"); err != nil {
			t.Fatal(err)
		}
		if _, err := io.ReadAll(conn); err != nil {
			t.Fatal(err)
		}
		if took := time.Since(begun); took > 2*remote.ReadTimeout {
			t.Errorf("it took %v", took)
		}
	})
}

// The service ends at once although a call hangs.
func TestADrainDoesNotWaitForWhatHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := servePiped(t, simulator.Options{})
		_, reply := p.send(t, body("tok_hang"))
		synctest.Wait()
		begun := time.Now()
		p.stop()
		if err := <-p.ended; err != nil {
			t.Error(err)
		}
		if took := time.Since(begun); took > time.Second {
			t.Errorf("the drain took %v", took)
		}
		if r := <-reply; r.err == nil {
			t.Errorf("the call that hung has the reply %+v", r)
		}
	})
}
