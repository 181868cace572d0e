package simulator

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/cockroachdb/pebble/v2/vfs"

	"orderflow/domain"
	"orderflow/sagas/charging"
	"orderflow/sagas/dispatching"
)

const (
	// LedgerFile is the name of the ledger within the simulator's folder.
	LedgerFile = "ledger.jsonl"
	// MaxNameBytes bounds every key, token and name in a request, so that a row fits [MaxLineBytes].
	MaxNameBytes = 256
	// defaultLateBy is beyond the 2 s that callers commonly wait.
	defaultLateBy = 3 * time.Second
	// deliveryTime is how long after its booking a parcel is promised to arrive.
	deliveryTime = 3 * 24 * time.Hour
)

// Options say how the providers behave; the zero value works at once and always.
type Options struct {
	Seed     uint64           // of everything that happens by chance
	Payment  Rates            // chances of the gateway's misbehaviours
	Shipping Rates            // chances of the carrier's
	Magic    bool             // amounts and units that end in 9001 … 9008 misbehave, see the package comment
	Delay    time.Duration    // before every call is served; default none
	LateBy   time.Duration    // how late a late reply is; default 3 s
	Now      func() time.Time // the providers' clock; default time.Now
}

// Simulator is a payment provider and a carrier on one ledger. All its methods
// may be called at the same time.
type Simulator struct {
	options Options
	journal *journal
	lock    io.Closer
	closed  chan struct{}

	mu      sync.Mutex
	seq     int64
	state   *providerState
	script  map[scene][]Behaviour
	outages map[Provider]Behaviour
	ended   bool
}

type scene struct {
	op  Op
	key string
}

// Open opens or creates the ledger in dir and brings back what it says. A
// ledger in use by another process is Conflict, a damaged one Internal, rates
// that make no sense Invalid.
func Open(dir string, opts Options) (*Simulator, error) {
	if err := errors.Join(opts.Payment.check(Payment), opts.Shipping.check(Shipping)); err != nil {
		return nil, domain.Wrap(domain.Invalid, err, "The simulator's options are wrong")
	}
	if opts.LateBy == 0 {
		opts.LateBy = defaultLateBy
	}
	if opts.Now == nil {
		opts.Now = time.Now
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, domain.Wrap(domain.Unavailable, err, "The simulator's folder cannot be made")
	}
	lock, err := vfs.Default.Lock(filepath.Join(dir, "ledger.lock"))
	if err != nil {
		return nil, domain.Wrap(domain.Conflict, err, "The simulator's ledger in %s is in use by another process", dir)
	}
	s := &Simulator{
		options: opts, lock: lock, closed: make(chan struct{}),
		state: newProviderState(), script: map[scene][]Behaviour{}, outages: map[Provider]Behaviour{},
	}
	s.journal, err = openJournal(filepath.Join(dir, LedgerFile), func(row Row) error {
		s.seq = row.Seq
		return s.state.replay(row)
	})
	if err != nil {
		return nil, errors.Join(err, lock.Close())
	}
	return s, nil
}

// Close ends the providers: calls that hang are let go, later ones are
// Unavailable. It may be called twice.
func (s *Simulator) Close() error {
	s.mu.Lock()
	if s.ended {
		s.mu.Unlock()
		return nil
	}
	s.ended = true
	close(s.closed)
	s.mu.Unlock()
	return errors.Join(s.journal.close(), s.lock.Close())
}

// Gateway returns the payment provider.
func (s *Simulator) Gateway() charging.Gateway { return gateway{s} }

// Carrier returns the carrier.
func (s *Simulator) Carrier() dispatching.Carrier { return carrier{s} }

// AnyKey in a script stands for whatever key the next call of the operation has.
const AnyKey = ""

// Next scripts the next calls of op under key, one behaviour each; more calls
// to Next add to the script. A script for the key comes before one for [AnyKey].
func (s *Simulator) Next(op Op, key string, behaviours ...Behaviour) {
	s.mu.Lock()
	defer s.mu.Unlock()
	at := scene{op, key}
	s.script[at] = append(s.script[at], behaviours...)
}

// Scripted returns how many scripted calls have not come yet; a test that asks for
// a fault asserts 0 at its end.
func (s *Simulator) Scripted() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := 0
	for _, left := range s.script {
		n += len(left)
	}
	return n
}

// SetOutage makes a provider treat every call alike until it is set to [Work].
func (s *Simulator) SetOutage(p Provider, b Behaviour) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.outages[p] = b
}

// call serves one request: chosen behaviour, provider's rules, ledger, reply.
// It fills in row as it was recorded.
func (s *Simulator) call(ctx context.Context, row *Row) *refusal {
	if ctx.Err() != nil {
		return &refusal{kind: domain.Unavailable, reason: "canceled"} // never sent
	}
	row.Provider = row.Op.provider()
	if ended := s.pause(ctx, s.options.Delay); ended != nil {
		return ended
	}
	how, answer, written, err := s.receive(row)
	if err == nil {
		err = written.wait()
	}
	switch {
	case errors.Is(err, errClosed):
		return &refusal{kind: domain.Unavailable, reason: "closed"}
	case err != nil: // the ledger may or may not have the row: as with any provider's 5xx
		return &refusal{kind: domain.Unknown, reason: "ledger_broken"}
	}
	switch how {
	case Hang:
		return s.pause(ctx, forever)
	case LoseReply:
		return &refusal{kind: domain.Unknown, reason: "connection_lost"}
	case Late:
		if ended := s.pause(ctx, s.options.LateBy); ended != nil {
			return ended
		}
	case Work, Decline, InsufficientFunds, Fail, Twice, Unavailable:
	}
	return answer
}

// receive decides about a request and hands its rows to the ledger, under one
// lock: the ledger's order is the order of the decisions.
func (s *Simulator) receive(row *Row) (how Behaviour, answer *refusal, written *batch, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ended {
		return Work, nil, nil, errClosed
	}
	if !wellFormed(row) {
		return Work, &refusal{kind: domain.Rejected, reason: "invalid_request"}, settled(), nil
	}
	row.Time = s.options.Now().UTC()
	asked, times := *row, 1
	for n := 0; n < times; n++ {
		*row = asked
		attempt := s.state.count(*row)
		if n == 0 {
			if how = s.choose(row, attempt); how == Twice {
				times = 2
			}
		}
		answer = s.serve(row, how)
		s.seq++
		row.Seq = s.seq
		if written, err = s.journal.add(*row); err != nil {
			return how, nil, nil, err
		}
	}
	return how, answer, written, nil
}

// serve fills in what becomes of the request and of its reply.
func (s *Simulator) serve(row *Row, how Behaviour) *refusal {
	row.Reply = Sent
	switch how {
	case Hang:
		row.Result, row.Reply = "hung", Lost
		return nil
	case Fail:
		row.Result = "server_error"
		return &refusal{kind: domain.Unknown, reason: row.Result}
	case Unavailable:
		row.Result, row.Reply = "unavailable", Lost
		return &refusal{kind: domain.Unavailable, reason: "connection_refused"}
	case LoseReply:
		row.Reply = Lost
	case Late:
		row.Reply = Delay
	case Work, Decline, InsufficientFunds, Twice:
	}
	return s.state.apply(row, how)
}

// choose follows the order of the package comment.
func (s *Simulator) choose(row *Row, attempt int) Behaviour {
	for _, at := range []scene{{row.Op, row.Key}, {row.Op, AnyKey}} {
		if left := s.script[at]; len(left) > 0 {
			if s.script[at] = left[1:]; len(left) == 1 {
				delete(s.script, at)
			}
			return left[0]
		}
	}
	if b := s.outages[row.Provider]; b != "" && b != Work {
		return b
	}
	if row.Op == Capture {
		if b, ok := byToken(row.Token, attempt); ok {
			return b
		}
	}
	if s.options.Magic {
		if b, ok := byNumber(row.Amount.Minor + row.Units); ok {
			return b
		}
	}
	rates := s.options.Payment
	if row.Provider == Shipping {
		rates = s.options.Shipping
	}
	return rates.draw(s.options.Seed, row.Op, row.Key, attempt)
}

const forever time.Duration = 1<<63 - 1

// pause waits; it returns early, and says how, when the caller or the simulator ends.
func (s *Simulator) pause(ctx context.Context, d time.Duration) *refusal {
	if d == 0 {
		return nil
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-s.closed:
		return &refusal{kind: domain.Unknown, reason: "connection_lost"}
	case <-ctx.Done():
		if errors.Is(ctx.Err(), context.DeadlineExceeded) {
			return &refusal{kind: domain.Unknown, reason: "timeout"}
		}
		return &refusal{kind: domain.Unknown, reason: "canceled"}
	}
}

// wellFormed refuses names that would not come back from the ledger as they
// went in. Such a request is turned away at the door and leaves no row.
func wellFormed(row *Row) bool {
	for _, name := range []string{row.Key, string(row.Order), row.Of, row.Token, string(row.Warehouse)} {
		if len(name) > MaxNameBytes || !utf8.ValidString(name) {
			return false
		}
	}
	return row.Key != ""
}

// settled returns a batch that needs no waiting.
func settled() *batch {
	b := newBatch(nil)
	close(b.done)
	return b
}
