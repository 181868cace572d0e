package redis_test

import (
	"context"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// proxy stands between clients and a server, and holds up or swallows what passes.
type proxy struct {
	t        testing.TB
	upstream string
	socket   net.Listener
	silent   atomic.Bool  // swallow what the server says
	delay    atomic.Int64 // ns before what the server says is passed on

	mu    sync.Mutex
	conns map[net.Conn]struct{}
	wg    sync.WaitGroup
}

func newProxy(t testing.TB, upstream string) *proxy {
	t.Helper()
	p := &proxy{t: t, upstream: strings.TrimPrefix(upstream, "redis://"), conns: map[net.Conn]struct{}{}}
	p.listen("127.0.0.1:0")
	t.Cleanup(p.down)
	return p
}

func (p *proxy) listen(address string) {
	var lc net.ListenConfig
	socket, err := lc.Listen(context.Background(), "tcp", address)
	if err != nil {
		p.t.Fatal(err)
	}
	p.socket = socket
	p.wg.Go(func() { p.accept(socket) })
}

func (p *proxy) url() string { return "redis://" + p.socket.Addr().String() }

// down refuses and ends all connections; up is the opposite.
func (p *proxy) down() {
	_ = p.socket.Close()
	p.mu.Lock()
	for c := range p.conns {
		_ = c.Close()
	}
	p.mu.Unlock()
	p.wg.Wait()
}

func (p *proxy) up() { p.listen(p.socket.Addr().String()) }

func (p *proxy) accept(socket net.Listener) {
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
		p.wg.Go(func() { p.copy(up, down, false) })
		p.wg.Go(func() { p.copy(down, up, true) })
	}
}

func (p *proxy) copy(to, from net.Conn, answers bool) {
	defer p.drop(to, from)
	buffer := make([]byte, 32<<10)
	for {
		n, err := from.Read(buffer)
		if answers && n > 0 {
			if p.silent.Load() {
				n = 0
			}
			if d := time.Duration(p.delay.Load()); d > 0 {
				time.Sleep(d)
			}
		}
		if n > 0 {
			if _, err := to.Write(buffer[:n]); err != nil {
				return
			}
		}
		if err != nil {
			return
		}
	}
}

func (p *proxy) drop(conns ...net.Conn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, c := range conns {
		_ = c.Close()
		delete(p.conns, c)
	}
}
