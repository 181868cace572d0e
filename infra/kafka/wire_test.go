package kafka_test

import (
	"context"
	"errors"
	"net"
	"sync"
	"time"
)

// wire is the network between one process and the brokers, which a test can cut.
type wire struct {
	mu     sync.Mutex
	conns  map[*cable]struct{}
	down   bool          // no new connection is made
	silent chan struct{} // not nil: nothing passes until it is closed
}

// Dial implements kafka.Dialer.
func (w *wire) Dial(network, address string) (net.Conn, error) {
	w.mu.Lock()
	down := w.down
	w.mu.Unlock()
	if down {
		return nil, errors.New("the wire is down")
	}
	c, err := (&net.Dialer{Timeout: 5 * time.Second}).DialContext(context.Background(), network, address)
	if err != nil {
		return nil, err
	}
	mine := &cable{Conn: c, wire: w, ended: make(chan struct{})}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.conns == nil {
		w.conns = map[*cable]struct{}{}
	}
	w.conns[mine] = struct{}{}
	return mine, nil
}

// cut ends every connection there is; with down, no new one is made.
func (w *wire) cut(down bool) {
	w.mu.Lock()
	w.down = down
	conns := w.conns
	w.conns = nil
	w.mu.Unlock()
	for c := range conns {
		_ = c.Close()
	}
}

// hush lets nothing pass until the function it returns is called.
func (w *wire) hush() (speak func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.silent = make(chan struct{})
	return sync.OnceFunc(func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		close(w.silent)
		w.silent = nil
	})
}

// cable is one connection.
type cable struct {
	net.Conn
	wire  *wire
	once  sync.Once
	ended chan struct{}
}

func (c *cable) wait() {
	c.wire.mu.Lock()
	silent := c.wire.silent
	c.wire.mu.Unlock()
	if silent == nil {
		return
	}
	select {
	case <-silent:
	case <-c.ended:
	}
}

func (c *cable) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	c.wait()
	return n, err
}

func (c *cable) Write(b []byte) (int, error) {
	c.wait()
	return c.Conn.Write(b)
}

func (c *cable) Close() error {
	c.once.Do(func() { close(c.ended) })
	return c.Conn.Close()
}
