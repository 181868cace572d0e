package peers

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"orderflow/commands"
	"orderflow/domain"
)

// Options say where the processes of a fleet are.
type Options struct {
	// Peers are the base URLs of the processes that take a command, by its name.
	Peers   map[string][]string
	Secret  string
	Observe Observer
}

// Bus sends each command to a process that takes it. It is a [commands.Bus].
type Bus struct {
	peers   map[string][]*peer // by command
	secret  string
	observe Observer
	http    *http.Client
}

// peer is one process.
type peer struct {
	url      string
	restless atomic.Int64 // until when it is asked last, in Unix nanoseconds
}

// NewBus checks the addresses; it does not connect yet.
func NewBus(o Options) (*Bus, error) {
	if err := CheckSecret(o.Secret); err != nil {
		return nil, err
	}
	b := &Bus{peers: map[string][]*peer{}, secret: o.Secret, observe: o.Observe, http: newHTTP()}
	known := map[string]*peer{}
	for command, urls := range o.Peers {
		for _, base := range urls {
			u, err := url.Parse(base)
			if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.User != nil {
				return nil, domain.Errorf(domain.Invalid, "%q is not the address of a process; write http://host:port.", base)
			}
			base = strings.TrimRight(base, "/")
			if known[base] == nil {
				known[base] = &peer{url: base + Path}
			}
			b.peers[command] = append(b.peers[command], known[base])
		}
	}
	return b, nil
}

func newHTTP() *http.Client {
	dial := &net.Dialer{Timeout: ConnectTimeout, KeepAlive: 15 * time.Second}
	return &http.Client{
		Timeout: Timeout,
		Transport: &http.Transport{
			DialContext: dial.DialContext, TLSHandshakeTimeout: 2 * ConnectTimeout,
			MaxIdleConnsPerHost: MaxIdlePerPeer, IdleConnTimeout: time.Minute,
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// Close lets go of idle connections.
func (b *Bus) Close() { b.http.CloseIdleConnections() }

// Send implements [commands.Bus]. Kinds besides the receiver's: Unavailable
// (no peer could be reached) and Unknown (no answer came).
func (b *Bus) Send(ctx context.Context, c commands.Command) (commands.Reply, error) {
	r, err := b.send(ctx, c)
	if b.observe != nil {
		kind := "ok"
		if err != nil {
			kind = domain.KindOf(err).String()
		}
		b.observe("sent", c.CommandName(), kind)
	}
	return r, err
}

func (b *Bus) send(ctx context.Context, c commands.Command) (commands.Reply, error) {
	name := c.CommandName()
	if len(b.peers[name]) == 0 {
		return commands.Nobody{}.Send(ctx, c)
	}
	e, err := commands.Seal(c, commands.OriginOf(ctx))
	if err != nil {
		return commands.Reply{}, err
	}
	body, err := json.Marshal(e)
	if err != nil {
		return commands.Reply{}, domain.Wrap(domain.Internal, err, "The command %s cannot be sent", name)
	}
	var worst error
	for _, p := range b.order(name, commands.StreamOf(c).ID()) {
		r, err := b.ask(ctx, p, body)
		if err == nil || !askAnother(err) {
			return r, err
		}
		if worst == nil || domain.KindOf(err) == domain.Unknown {
			worst = err // once something may have been done, it may have been done
		}
		if ctx.Err() != nil {
			break
		}
	}
	return commands.Reply{}, worst
}

// order returns the peers to try, in this order: the same for everything about one thing, and
// those that just failed last.
func (b *Bus) order(command, about string) []*peer {
	peers := slices.Clone(b.peers[command])
	slices.SortFunc(peers, func(x, y *peer) int { return strings.Compare(b.weight(x, about), b.weight(y, about)) })
	now := time.Now().UnixNano()
	slices.SortStableFunc(peers, func(x, y *peer) int { return resting(x, now) - resting(y, now) })
	return peers
}

// weight orders peers differently for different things, and the same in every process.
func (b *Bus) weight(p *peer, about string) string { return domain.Digest(p.url, about) }

func resting(p *peer, now int64) int {
	if p.restless.Load() > now {
		return 1
	}
	return 0
}

// another says of an error that another process may do better.
type another struct{ error }

func (a another) Unwrap() error { return a.error }

func askAnother(err error) bool {
	_, ok := errors.AsType[another](err)
	return ok
}

func (b *Bus) ask(ctx context.Context, p *peer, body []byte) (commands.Reply, error) {
	ask, err := http.NewRequestWithContext(ctx, http.MethodPost, p.url, bytes.NewReader(body))
	if err != nil {
		return commands.Reply{}, domain.Wrap(domain.Invalid, err, "%q is not the address of a process", p.url)
	}
	ask.Header.Set("Authorization", "Bearer "+b.secret)
	ask.Header.Set("Content-Type", "application/json")
	answer, err := b.http.Do(ask)
	if err != nil {
		return commands.Reply{}, b.unanswered(ctx, p, err)
	}
	defer answer.Body.Close()
	data, err := io.ReadAll(io.LimitReader(answer.Body, MaxBodyBytes))
	if err != nil {
		return commands.Reply{}, b.unanswered(ctx, p, err)
	}
	if answer.StatusCode != http.StatusOK {
		return commands.Reply{}, refusal(answer.StatusCode, data)
	}
	var r commands.Reply
	if err := json.Unmarshal(data, &r); err != nil {
		return commands.Reply{}, another{domain.Wrap(domain.Unknown, err, "The answer of another process cannot be read; send the request again")}
	}
	return r, nil
}

// unanswered returns what surely was not sent from what may have arrived.
func (b *Bus) unanswered(ctx context.Context, p *peer, err error) error {
	if ctx.Err() == nil {
		p.restless.Store(time.Now().Add(RestAfterFailure).UnixNano())
	}
	if e, ok := errors.AsType[*net.OpError](err); ok && e.Op == "dial" {
		return another{domain.Wrap(domain.Unavailable, err, "The process that takes this cannot be reached now")}
	}
	return another{domain.Wrap(domain.Unknown, err, "The process that takes this did not answer; send the request again to find out")}
}

// refusal is the receiver's error with its kind.
func refusal(status int, data []byte) error {
	var f fault
	if json.Unmarshal(data, &f) != nil || f.Kind == "" {
		return another{domain.Errorf(domain.Unavailable, "Another process answered %d, which is no answer to a command.", status)}
	}
	kind, _ := domain.KindNamed(f.Kind)
	err := domain.Errorf(kind, "%s", f.Text)
	switch {
	case status == http.StatusUnauthorized:
		return domain.Errorf(domain.Unavailable, "Another process of the fleet has another secret; give all of them the same.")
	case status == http.StatusNotImplemented, kind == domain.Unavailable:
		return another{err} // another version, or one that is shutting down
	}
	return err
}
