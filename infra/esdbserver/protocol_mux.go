package esdbserver

import (
	"bufio"
	"context"
	"crypto/tls"
	"net"
	"sync"
	"time"
)

// The protocols that a client may choose during the TLS handshake.
const (
	protocolHTTP2 = "h2"
	protocolHTTP1 = "http/1.1"
)

// Limits of a connection whose protocol is not known yet.
const (
	helloTimeout   = 10 * time.Second
	maxUndecided   = 1_024 // connections at a time; more wait in the system's queue
	prefaceBytes   = 3     // enough of "PRI * HTTP/2.0" to tell it from a method
	sniffBytes     = 512
	queuedForServe = 64
)

// protocolMux accepts connections and passes each to the server of its protocol:
//
//	accept ─► TLS handshake, if any ─► h2, or it begins with PRI ─► gRPC
//	                                 └► anything else ────────────► HTTP/1.1
//
// So both are on one port and gRPC runs on its own transport: on that of
// net/http 64 writers were measured to append half as much.
type protocolMux struct {
	tls  *tls.Config
	rpc  *connListener
	web  *connListener
	open context.Context // done when the mux is closed
	shut context.CancelFunc

	mu sync.Mutex
	in net.Listener
}

func newProtocolMux(config *tls.Config) *protocolMux {
	d := &protocolMux{tls: config}
	d.open, d.shut = context.WithCancel(context.Background())
	d.rpc = &connListener{conns: make(chan net.Conn, queuedForServe), mux: d}
	d.web = &connListener{conns: make(chan net.Conn, queuedForServe), mux: d}
	return d
}

// serve accepts connections until the mux is closed.
func (d *protocolMux) serve(l net.Listener) error {
	d.mu.Lock()
	d.in = l
	d.mu.Unlock()
	if d.open.Err() != nil { // it was closed before it had a listener
		_ = l.Close()
		return nil
	}
	var wg sync.WaitGroup
	defer func() {
		d.close()
		wg.Wait()
		d.rpc.empty()
		d.web.empty()
	}()
	slots := make(chan struct{}, maxUndecided)
	pause := time.Millisecond
	for {
		select {
		case slots <- struct{}{}:
		case <-d.open.Done():
			return nil
		}
		conn, err := l.Accept()
		if err != nil {
			<-slots
			if e, ok := err.(interface{ Temporary() bool }); !ok || !e.Temporary() {
				return err
			}
			select { // out of file descriptors, say: others will be closed
			case <-time.After(pause):
				pause = min(2*pause, time.Second)
				continue
			case <-d.open.Done():
				return nil
			}
		}
		pause = time.Millisecond
		wg.Go(func() {
			defer func() { <-slots }()
			d.dispatch(conn)
		})
	}
}

// dispatch passes a connection to the server of its protocol, or closes it.
func (d *protocolMux) dispatch(conn net.Conn) {
	_ = conn.SetDeadline(time.Now().Add(helloTimeout))
	wake := context.AfterFunc(d.open, func() { _ = conn.SetDeadline(time.Unix(1, 0)) }) // closing interrupts handshakes
	to, known, err := d.route(conn)
	if !wake() || err != nil || known.SetDeadline(time.Time{}) != nil {
		_ = conn.Close()
		return
	}
	select {
	case to.conns <- known:
	case <-d.open.Done():
		_ = known.Close()
	}
}

// route returns the listener for a connection, and the connection to hand over.
func (d *protocolMux) route(conn net.Conn) (*connListener, net.Conn, error) {
	if d.tls != nil {
		secure := tls.Server(conn, d.tls)
		if err := secure.HandshakeContext(d.open); err != nil {
			return nil, conn, err
		}
		switch secure.ConnectionState().NegotiatedProtocol {
		case protocolHTTP2:
			return d.rpc, secure, nil
		case protocolHTTP1:
			return d.web, secure, nil
		}
		conn = secure
	}
	begun := &begunConn{Conn: conn, first: bufio.NewReaderSize(conn, sniffBytes)}
	preface, err := begun.first.Peek(prefaceBytes)
	if err != nil {
		return nil, conn, err
	}
	if string(preface) == "PRI" {
		return d.rpc, begun, nil
	}
	return d.web, begun, nil
}

func (d *protocolMux) close() {
	d.shut()
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.in != nil {
		_ = d.in.Close()
		d.in = nil
	}
}

// begunConn is a connection whose first bytes were peeked at.
type begunConn struct {
	net.Conn
	first *bufio.Reader // nil once it is read
}

func (c *begunConn) Read(p []byte) (int, error) {
	if c.first == nil {
		return c.Conn.Read(p)
	}
	n, err := c.first.Read(p[:min(len(p), max(1, c.first.Buffered()))])
	if c.first.Buffered() == 0 {
		c.first = nil
	}
	return n, err
}

// connListener is the net.Listener of one protocol's server.
type connListener struct {
	conns chan net.Conn
	mux   *protocolMux
}

func (c *connListener) Accept() (net.Conn, error) {
	select {
	case conn := <-c.conns:
		return conn, nil
	case <-c.mux.open.Done():
		return nil, net.ErrClosed
	}
}

// empty closes the connections that were accepted and not fetched.
func (c *connListener) empty() {
	for {
		select {
		case conn := <-c.conns:
			_ = conn.Close()
		default:
			return
		}
	}
}

func (c *connListener) Close() error {
	c.mux.close()
	return nil
}

func (c *connListener) Addr() net.Addr {
	c.mux.mu.Lock()
	defer c.mux.mu.Unlock()
	if c.mux.in == nil {
		return &net.TCPAddr{}
	}
	return c.mux.in.Addr()
}
