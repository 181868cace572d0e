package clustertest

// role is the role of a node in the cluster, as the node sees it.
type role uint8

const (
	leads    role = iota
	deposed       // another one leads, and it does not know it
	follows       // another one leads
	orphaned      // it knows of no leader
)

// now is the role of a node at one moment.
type now struct {
	role    role
	leader  string          // its address, if the node follows
	changed <-chan struct{} // closed when the role may be another one
}

// role returns the node's role now.
func (n *node) role() now {
	n.cluster.mu.Lock()
	defer n.cluster.mu.Unlock()
	return n.roleLocked()
}

func (n *node) roleLocked() now {
	c := n.cluster
	of := now{role: follows, changed: c.changed}
	switch {
	case c.deposed == n.number:
		of.role = deposed
	case c.leader == noNode || !n.running:
		of.role = orphaned
	case c.leader == n.number:
		of.role = leads
	default:
		of.leader = c.nodes[c.leader].address
	}
	return of
}

// writing is an append that a node may store.
type writing struct {
	node     *node
	upheaval int
}

// beginWriting is role for an append, of which all has come. If the node may
// store it, w is not nil, and its end is called once; in the same moment no
// command takes effect.
func (n *node) beginWriting(forward bool) (w *writing, of now) {
	c := n.cluster
	c.mu.Lock()
	defer c.mu.Unlock()
	of = n.roleLocked()
	if of.role == leads || of.role == follows && forward {
		n.storing++
		w = &writing{n, c.upheaval}
	}
	return w, of
}

// end is called when the append is stored, or not. It says whether the answer
// is not to reach the client.
func (w *writing) end() (lost bool) {
	c := w.node.cluster
	c.mu.Lock()
	defer c.mu.Unlock()
	if w.node.storing--; w.node.storing == 0 && !w.node.running {
		c.touch() // Kill waits for it
	}
	return w.upheaval != c.upheaval
}
