package conformance

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
	"time"
)

// Limits of a node under test.
const (
	startWait = 30 * time.Second
	stopWait  = 15 * time.Second
	// probePause lies between two questions whether the node is ready.
	probePause = 20 * time.Millisecond
	// keptLogBytes of what a node printed last are kept.
	keptLogBytes = 64 << 10
)

// Node is a running orderflow eventstore.
type Node struct {
	Address string // host:port
	cmd     *exec.Cmd
	log     *tailBuffer
	ended   chan struct{} // closed when the process is gone
	err     error         // how it went
}

// BuildNode compiles the binary of this module. With race it is instrumented.
func BuildNode(ctx context.Context, module, to string, race bool) error {
	args := []string{"build", "-o", to}
	if race {
		args = append(args, "-race")
	}
	_, err := goTool(ctx, module, append(args, "./cmd/orderflow")...)
	return err
}

// StartNode starts a node on a free port of the loopback and waits until it is
// ready. certificates is a folder of [WriteCertificates], "" to go without TLS.
// The node is killed when ctx is done.
func StartNode(ctx context.Context, binary, data, certificates string) (*Node, error) {
	args := []string{"eventstore", "--data", data, "--listen", "127.0.0.1:0", "--json"}
	scheme := "http"
	if certificates == "" {
		args = append(args, "--insecure")
	} else {
		scheme = "https"
		node := filepath.Join(certificates, "node", "node")
		args = append(args, "--tls-cert", node+".crt", "--tls-key", node+".key")
	}
	n := &Node{log: &tailBuffer{}, ended: make(chan struct{})}
	n.cmd = exec.CommandContext(ctx, binary, args...)
	n.cmd.Stderr = n.log
	said, err := n.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := n.cmd.Start(); err != nil {
		return nil, err
	}
	addresses := make(chan string, 1)
	go n.listen(said, addresses)
	if err := n.ready(ctx, scheme, addresses); err != nil {
		return nil, errors.Join(err, n.Stop(), fmt.Errorf("the node printed:\n%s", n.log))
	}
	return n, nil
}

// listen passes on the address that the node prints first, keeps what follows
// for the log, and waits for the end.
func (n *Node) listen(said io.Reader, addresses chan<- string) {
	values := json.NewDecoder(said)
	var view struct{ Connection string }
	if values.Decode(&view) == nil {
		if connection, err := url.Parse(view.Connection); err == nil {
			addresses <- connection.Host
		}
	}
	_, _ = io.Copy(n.log, io.MultiReader(values.Buffered(), said))
	n.err = n.cmd.Wait()
	close(n.ended)
}

// ready returns when the node says where and that it lives.
func (n *Node) ready(ctx context.Context, scheme string, addresses <-chan string) error {
	ctx, cancel := context.WithTimeout(ctx, startWait)
	defer cancel()
	transport := &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}} //nolint:gosec // our own node, on the loopback
	defer transport.CloseIdleConnections()
	client := http.Client{Transport: transport}
	again := time.NewTicker(probePause)
	defer again.Stop()
	last := errors.New("it did not print where it listens")
	for {
		select {
		case n.Address = <-addresses:
		case <-again.C:
		case <-n.ended:
			return fmt.Errorf("the node ended before it was ready: %w", n.err)
		case <-ctx.Done():
			return fmt.Errorf("the node was not ready after %v: %w", startWait, last)
		}
		if n.Address == "" {
			continue
		}
		if last = probe(ctx, &client, scheme+"://"+n.Address+"/health/live"); last == nil {
			return nil
		}
	}
}

func probe(ctx context.Context, client *http.Client, url string) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
	if err != nil {
		return err
	}
	response, err := client.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if response.StatusCode/100 != 2 {
		return fmt.Errorf("%s answers %s", url, response.Status)
	}
	return nil
}

// Stop asks the node to end and waits for it. The error says that it ended by
// itself, badly, or not at all.
func (n *Node) Stop() error {
	select {
	case <-n.ended:
		return fmt.Errorf("the node had ended by itself: %w", n.err)
	default:
	}
	if err := n.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		return err
	}
	limit := time.NewTimer(stopWait)
	defer limit.Stop()
	select {
	case <-n.ended:
		return n.err
	case <-limit.C:
		return errors.Join(fmt.Errorf("the node did not end within %v", stopWait), n.cmd.Process.Kill())
	}
}

// Log returns what the node printed last.
func (n *Node) Log() string { return n.log.String() }

// tailBuffer keeps the last bytes written to it.
type tailBuffer struct {
	mu   sync.Mutex
	kept bytes.Buffer
}

func (b *tailBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.kept.Write(p)
	if b.kept.Len() > 2*keptLogBytes {
		b.kept.Next(b.kept.Len() - keptLogBytes)
	}
	return len(p), nil
}

func (b *tailBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.kept.String()
}
