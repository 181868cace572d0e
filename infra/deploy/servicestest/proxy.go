package servicestest

import (
	"context"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// proxyReadBytes is how much a proxy passes on at a time: small, so that a cut
// comes in the middle of a message.
const proxyReadBytes = 4 << 10

// Proxy stands between clients and a server, and cuts, swallows or holds up
// what passes. Its fields may be changed while it works.
type Proxy struct {
	CutAfter atomic.Int64 // bytes of answers after which every connection is cut, again and again; 0 never
	Cuts     atomic.Int64 // how often that was
	Deaf     atomic.Bool  // swallow what clients say
	Mute     atomic.Bool  // swallow what the server says
	Delay    atomic.Int64 // nanoseconds before an answer is passed on

	t        testing.TB
	upstream string
	socket   net.Listener
	passed   atomic.Int64 // bytes of answers since the last cut

	mu    sync.Mutex
	conns map[net.Conn]struct{}
	wg    sync.WaitGroup
}

// NewProxy returns a proxy to a server, host:port, until t ends.
func NewProxy(t testing.TB, upstream string) *Proxy {
	t.Helper()
	p := &Proxy{t: t, upstream: upstream, conns: map[net.Conn]struct{}{}}
	p.listen("127.0.0.1:0")
	t.Cleanup(p.Down)
	return p
}

// Address returns where clients connect, host:port.
func (p *Proxy) Address() string { return p.socket.Addr().String() }

// Down ends all connections and refuses new ones, until Up.
func (p *Proxy) Down() {
	_ = p.socket.Close()
	p.Cut()
	p.wg.Wait()
}

// Up takes connections again, at the same address.
func (p *Proxy) Up() { p.listen(p.Address()) }

// Cut ends every connection there is.
func (p *Proxy) Cut() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for c := range p.conns {
		_ = c.Close()
		delete(p.conns, c)
	}
}

func (p *Proxy) listen(address string) {
	p.t.Helper()
	var lc net.ListenConfig
	socket, err := lc.Listen(context.Background(), "tcp", address)
	if err != nil {
		p.t.Fatal(err)
	}
	p.socket = socket
	p.wg.Go(func() { p.accept(socket) })
}

func (p *Proxy) accept(socket net.Listener) {
	for {
		down, err := socket.Accept()
		if err != nil {
			return
		}
		up, err := new(net.Dialer).DialContext(context.Background(), "tcp", p.upstream)
		if err != nil {
			_ = down.Close()
			continue
		}
		p.mu.Lock()
		p.conns[down], p.conns[up] = struct{}{}, struct{}{}
		p.mu.Unlock()
		p.wg.Go(func() { p.pass(up, down, false) })
		p.wg.Go(func() { p.pass(down, up, true) })
	}
}

// pass copies one direction until either side ends.
func (p *Proxy) pass(to, from net.Conn, answers bool) {
	defer p.drop(to, from)
	swallow := &p.Deaf
	if answers {
		swallow = &p.Mute
	}
	buffer := make([]byte, proxyReadBytes)
	for {
		n, err := from.Read(buffer)
		if answers && n > 0 {
			time.Sleep(time.Duration(p.Delay.Load()))
		}
		if n > 0 && !swallow.Load() {
			if _, err := to.Write(buffer[:n]); err != nil {
				return
			}
			if answers && p.due(n) {
				p.Cut()
				return
			}
		}
		if err != nil {
			return
		}
	}
}

// due counts answers, and says when the next cut is.
func (p *Proxy) due(n int) bool {
	passed, limit := p.passed.Add(int64(n)), p.CutAfter.Load()
	if limit == 0 || passed < limit {
		return false
	}
	p.passed.Store(0)
	p.Cuts.Add(1)
	return true
}

func (p *Proxy) drop(conns ...net.Conn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, c := range conns {
		_ = c.Close()
		delete(p.conns, c)
	}
}
