package clustertest

import (
	"net"
	"sync"
)

// valve holds up all that passes while it is closed. The zero value is open.
type valve struct {
	mu      sync.Mutex
	blocked chan struct{} // closed when the valve is opened; nil while it is open
}

func (v *valve) close() {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.blocked == nil {
		v.blocked = make(chan struct{})
	}
}

func (v *valve) open() {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.blocked != nil {
		close(v.blocked)
		v.blocked = nil
	}
}

// pass waits until the valve is open; false says that ended came first.
func (v *valve) pass(ended <-chan struct{}) bool {
	for {
		v.mu.Lock()
		blocked := v.blocked
		v.mu.Unlock()
		if blocked == nil {
			return true
		}
		select {
		case <-blocked:
		case <-ended:
			return false
		}
	}
}

// listener lets connections in while its node runs. As with a process that is
// stopped, the system goes on accepting them: clients connect, and hear nothing.
type listener struct {
	net.Listener
	node   *node
	once   sync.Once
	closed chan struct{}
}

func (l *listener) Accept() (net.Conn, error) {
	socket, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	c := &conn{Conn: socket, node: l.node, closed: make(chan struct{})}
	n := l.node
	n.add(func(count *Count) { count.Connections++; n.conns[c] = struct{}{} })
	if !n.valve.pass(l.closed) {
		c.reset()
		return nil, net.ErrClosed
	}
	return c, nil
}

func (l *listener) Close() error {
	err := net.ErrClosed
	l.once.Do(func() {
		close(l.closed)
		err = l.Listener.Close()
	})
	return err
}

// conn is one connection of a client.
type conn struct {
	net.Conn
	node   *node
	once   sync.Once
	closed chan struct{}
}

// Read implements net.Conn. What came before the node was stopped waits too.
func (c *conn) Read(p []byte) (int, error) {
	if !c.node.valve.pass(c.closed) {
		return 0, net.ErrClosed
	}
	n, err := c.Conn.Read(p)
	if !c.node.valve.pass(c.closed) {
		return 0, net.ErrClosed
	}
	return n, err
}

func (c *conn) Write(p []byte) (int, error) {
	if !c.node.valve.pass(c.closed) {
		return 0, net.ErrClosed
	}
	if c.node.muted.Load() {
		return len(p), nil
	}
	return c.Conn.Write(p)
}

func (c *conn) Close() error {
	err := net.ErrClosed
	c.once.Do(func() {
		close(c.closed)
		err = c.Conn.Close()
		n := c.node
		n.add(func(count *Count) { count.Connections--; delete(n.conns, c) })
	})
	return err
}

// reset closes the connection as the system does for a process that was killed.
func (c *conn) reset() {
	if tcp, ok := c.Conn.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0) // what was not sent is not sent any more
	}
	_ = c.Close()
}
