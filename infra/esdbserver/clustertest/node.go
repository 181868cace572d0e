package clustertest

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"orderflow/domain/eventlog"
	"orderflow/infra/esdbserver"
)

// Ports of nodes are below those that systems give to outgoing connections:
// while a node is down nobody else takes its port by chance, a client that
// connects to itself included.
const (
	firstPort = 20_000
	lastPort  = 29_999
	maxPorts  = 200 // tries to find a free one
)

// drainTimeout bounds how long Kill waits for appends that are being stored.
const drainTimeout = 5 * time.Second

// node is one server and all that can happen to it.
type node struct {
	cluster *Cluster
	number  int
	id      eventlog.EventID
	address string

	valve valve       // closed while the process is stopped
	muted atomic.Bool // what it says is lost

	power    sync.Mutex // held while the node is started or ended
	server   *esdbserver.Server
	listener *listener
	served   chan error

	// The rest is guarded by cluster.mu.
	running bool
	stopped bool
	missed  int // the term in which it was stopped
	storing int // appends that are being stored
	count   Count
	conns   map[*conn]struct{}
	told    []esdbserver.Member // what gossip goes on telling
	toldTil time.Time
}

func newNode(c *Cluster, number int) *node {
	return &node{
		cluster: c, number: number, id: eventlog.NewEventID("node", eventlog.Stream(fmt.Sprint(rand.Uint64())), number), //nolint:gosec // no secret
		conns: map[*conn]struct{}{},
	}
}

// start serves, at the address that the node had before if it had one.
func (n *node) start() error {
	n.power.Lock()
	defer n.power.Unlock()
	if n.server != nil {
		return errors.New("it runs already")
	}
	c := n.cluster
	socket, err := n.listen()
	if err != nil {
		return err
	}
	if n.address == "" { // before anybody knows of the node
		n.address = socket.Addr().String()
	}
	server, err := esdbserver.New(context.Background(), esdbserver.Options{
		Log: c.log, Certificate: c.opts.Certificate, Insecure: c.opts.Certificate == nil, Logger: c.opts.Logger, Cluster: n.hooks(),
	})
	if err != nil {
		return errors.Join(err, socket.Close())
	}
	n.valve.open()
	n.muted.Store(false)
	n.server, n.listener = server, &listener{Listener: socket, node: n, closed: make(chan struct{})}
	n.served = make(chan error, 1)
	c.mu.Lock()
	n.running, n.stopped = true, false
	c.touch()
	c.mu.Unlock()
	go func(l net.Listener, served chan<- error) { served <- server.Serve(l) }(n.listener, n.served)
	return nil
}

// listen takes a free port at the first time, and the same one ever after.
func (n *node) listen() (net.Listener, error) {
	var lc net.ListenConfig
	if n.address != "" {
		return lc.Listen(context.Background(), "tcp", n.address)
	}
	for tries := 1; ; tries++ {
		port := firstPort + rand.IntN(lastPort-firstPort+1) //nolint:gosec // no secret
		l, err := lc.Listen(context.Background(), "tcp", fmt.Sprintf("127.0.0.1:%d", port))
		if err == nil || tries == maxPorts {
			return l, err
		}
	}
}

// kill ends the node as SIGKILL does. Appends that are being stored are stored,
// and nobody is told; all others under way are not. It reports whether the node ran.
func (n *node) kill() bool {
	n.power.Lock()
	defer n.power.Unlock()
	if n.server == nil {
		return false
	}
	n.muted.Store(true)
	n.cluster.fell(n)
	limit, cancel := context.WithTimeout(context.Background(), drainTimeout)
	defer cancel()
	_ = n.cluster.Until(limit, func() bool { // those that hang in the log are given up with the connections
		n.cluster.mu.Lock()
		defer n.cluster.mu.Unlock()
		return n.storing == 0
	})
	n.cut()
	return true
}

// end is kill for the end of the test, which waits for nothing.
func (n *node) end() {
	n.power.Lock()
	defer n.power.Unlock()
	if n.server != nil {
		n.cluster.fell(n)
		n.cut()
	}
}

// cut closes the listener and every connection, and waits until all of the
// server has ended. The caller holds power.
func (n *node) cut() {
	_ = n.listener.Close()
	n.cluster.mu.Lock()
	open := n.conns
	n.conns = map[*conn]struct{}{}
	n.cluster.mu.Unlock()
	for c := range open {
		c.reset()
	}
	closed := n.server.Close()
	if err := <-n.served; closed != nil || !errors.Is(err, net.ErrClosed) && err != nil { // the listener was closed under it
		n.cluster.t.Errorf("node %d ended with: %v, %v", n.number, closed, err)
	}
	n.server, n.listener = nil, nil
}

// stepDown ends what only a leader runs.
func (n *node) stepDown() {
	n.power.Lock()
	defer n.power.Unlock()
	if n.server != nil {
		n.server.StepDown()
	}
}
