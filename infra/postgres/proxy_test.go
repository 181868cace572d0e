package postgres_test

import (
	"context"
	"net"
	neturl "net/url"
	"sync"
	"sync/atomic"
	"testing"
)

// proxy stands between a client and the server, and cuts what passes.
type proxy struct {
	address  string
	upstream atomic.Value // of string
	socket   net.Listener
	passed   atomic.Int64 // bytes towards the client
	cutAfter atomic.Int64 // bytes towards the client, after which every connection is cut once; 0 never
	silent   atomic.Bool  // swallow what either side says

	mu    sync.Mutex
	conns map[net.Conn]struct{}
	wg    sync.WaitGroup
	cuts  atomic.Int64
}

// newProxy returns a proxy to the server of a URL, and the URL that leads through it.
func newProxy(t testing.TB, url string) (p *proxy, through string) {
	t.Helper()
	u, err := neturl.Parse(url)
	if err != nil {
		t.Fatal(err)
	}
	var lc net.ListenConfig
	socket, err := lc.Listen(context.Background(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p = &proxy{address: socket.Addr().String(), socket: socket, conns: map[net.Conn]struct{}{}}
	p.upstream.Store(u.Host)
	p.wg.Go(p.accept)
	t.Cleanup(func() {
		_ = socket.Close()
		p.cut()
		p.wg.Wait()
	})
	u.Host = p.address
	return p, u.String()
}

func (p *proxy) accept() {
	for {
		down, err := p.socket.Accept()
		if err != nil {
			return
		}
		up, err := new(net.Dialer).DialContext(context.Background(), "tcp", p.upstream.Load().(string))
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

func (p *proxy) copy(to, from net.Conn, counted bool) {
	defer p.drop(to, from)
	buffer := make([]byte, 4<<10)
	for {
		n, err := from.Read(buffer)
		if p.silent.Load() {
			n = 0
		}
		if n > 0 {
			if _, err := to.Write(buffer[:n]); err != nil {
				return
			}
		}
		if counted && n > 0 {
			passed, limit := p.passed.Add(int64(n)), p.cutAfter.Load()
			if limit > 0 && passed >= limit {
				p.passed.Store(0)
				p.cuts.Add(1)
				p.cut()
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

// cut ends every connection there is.
func (p *proxy) cut() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for c := range p.conns {
		_ = c.Close()
		delete(p.conns, c)
	}
}
