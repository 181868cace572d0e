package simulator

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
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
	Seed     uint64                // of everything that happens by chance
	Payment  Rates                 // chances of a gateway's misbehaviours
	Shipping Rates                 // chances of a carrier's
	Named    map[string]NamedRates // by name, in place of Payment and Shipping
	Magic    bool                  // amounts and units that end in 9001 … 9008 misbehave, see the package comment
	Delay    time.Duration         // before every call is served; default none
	LateBy   time.Duration         // how late a late reply is; default 3 s
	Now      func() time.Time      // the providers' clock; default time.Now
	Recorded func(Row)             // called when the row of a call is on the disk and its reply is not sent yet; it must be quick; may be nil
}

// Simulator is the gateways and the carriers of all [Names] on one ledger. All its
// methods may be called at the same time.
type Simulator struct {
	options Options
	ledger  string // its path
	journal *journal
	lock    io.Closer
	closed  chan struct{}

	mu      sync.Mutex
	seq     int64
	states  map[string]*providerState // by name
	script  map[scene][]Behaviour
	outages map[outage]Behaviour
	ended   bool
}

// scene is the calls that a script is for.
type scene struct {
	op        Op
	name, key string
}

// outage is the provider that is out.
type outage struct {
	provider Provider
	name     string
}

// Open opens or creates the ledger in dir and brings back what it says. A
// ledger in use by another process is Conflict, a damaged one Internal, rates
// that make no sense Invalid.
func Open(dir string, opts Options) (*Simulator, error) {
	if err := opts.check(); err != nil {
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
		options: opts, ledger: filepath.Join(dir, LedgerFile), lock: lock, closed: make(chan struct{}),
		states: map[string]*providerState{}, script: map[scene][]Behaviour{}, outages: map[outage]Behaviour{},
	}
	for _, name := range Names() {
		s.states[name] = newProviderState()
	}
	s.journal, err = openJournal(s.ledger, func(row Row) error {
		s.seq = row.Seq
		return s.states[nameOf(row.Name)].replay(row)
	})
	if err != nil {
		return nil, errors.Join(err, lock.Close())
	}
	return s, nil
}

func (o Options) check() error {
	err := NamedRates{o.Payment, o.Shipping}.check()
	for name, rates := range o.Named {
		err = errors.Join(err, CheckName(name), rates.check())
	}
	return err
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

// Gateway returns the payment provider with that name. One that is not among
// [Names] is Unavailable for every call.
func (s *Simulator) Gateway(name string) charging.Gateway { return gateway{s, name} }

// Carrier returns the carrier with that name. One that is not among [Names] is
// Unavailable for every call.
func (s *Simulator) Carrier(name string) dispatching.Carrier { return carrier{s, name} }

// AnyKey in a script stands for whatever key the next call of the operation has.
const AnyKey = ""

// Next scripts the next calls of op at the provider with that name under key, one
// behaviour each; more calls to Next add to the script. A script for the key comes
// before one for [AnyKey].
func (s *Simulator) Next(op Op, name, key string, behaviours ...Behaviour) {
	s.mu.Lock()
	defer s.mu.Unlock()
	at := scene{op, name, key}
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

// SetOutage makes the provider with that name treat every call alike until it is
// set to [Work].
func (s *Simulator) SetOutage(p Provider, name string, b Behaviour) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.outages[outage{p, name}] = b
}

// Summary adds up the ledger; see [ReadLedger].
func (s *Simulator) Summary() (Summary, error) { return ReadLedger(s.ledger) }

// call serves one request: chosen behaviour, provider's rules, ledger, reply.
// It fills in row as it was recorded.
func (s *Simulator) call(ctx context.Context, name string, row *Row) *refusal {
	if ctx.Err() != nil {
		return &refusal{kind: domain.Unavailable, reason: ReasonCanceled} // never sent
	}
	if s.states[name] == nil {
		return &refusal{kind: domain.Unavailable, reason: ReasonUnknownProvider}
	}
	row.Provider, row.Name = row.Op.provider(), storedName(name)
	if ended := s.pause(ctx, s.options.Delay); ended != nil {
		return ended
	}
	how, answer, written, err := s.receive(row)
	if err == nil {
		err = written.wait()
	}
	switch {
	case errors.Is(err, errClosed):
		return &refusal{kind: domain.Unavailable, reason: ReasonClosed}
	case err != nil: // the ledger may or may not have the row: as with any provider's 5xx
		return &refusal{kind: domain.Unknown, reason: ReasonLedgerBroken}
	case s.options.Recorded != nil && row.Seq > 0:
		s.options.Recorded(*row)
	}
	switch how {
	case Hang:
		return s.pause(ctx, forever)
	case LoseReply:
		return &refusal{kind: domain.Unknown, reason: ReasonConnectionLost}
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
	if reason := malformed(row); reason != "" {
		return Work, &refusal{kind: domain.Rejected, reason: reason}, settled(), nil
	}
	row.Time = s.options.Now().UTC()
	asked, times := *row, 1
	for n := 0; n < times; n++ {
		*row = asked
		attempt := s.states[nameOf(row.Name)].count(*row)
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
		return &refusal{kind: domain.Unavailable, reason: ReasonConnectionRefused}
	case LoseReply:
		row.Reply = Lost
	case Late:
		row.Reply = Delay
	case Work, Decline, InsufficientFunds, Twice:
	}
	return s.states[nameOf(row.Name)].apply(row, how)
}

// choose follows the order of the package comment.
func (s *Simulator) choose(row *Row, attempt int) Behaviour {
	name := nameOf(row.Name)
	for _, at := range []scene{{row.Op, name, row.Key}, {row.Op, name, AnyKey}} {
		if left := s.script[at]; len(left) > 0 {
			if s.script[at] = left[1:]; len(left) == 1 {
				delete(s.script, at)
			}
			return left[0]
		}
	}
	if b := s.outages[outage{row.Provider, name}]; b != "" && b != Work {
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
	rates, named := s.options.Named[name]
	if !named {
		rates = NamedRates{s.options.Payment, s.options.Shipping}
	}
	return rates.of(row.Provider).draw(s.options.Seed, row.Op, name, row.Key, attempt)
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
		return &refusal{kind: domain.Unknown, reason: ReasonConnectionLost}
	case <-ctx.Done():
		if errors.Is(ctx.Err(), context.DeadlineExceeded) {
			return &refusal{kind: domain.Unknown, reason: ReasonTimeout}
		}
		return &refusal{kind: domain.Unknown, reason: ReasonCanceled}
	}
}

// malformed returns why a request cannot be stored in the ledger and read back, or "".
// Such a request is Rejected and leaves no row.
func malformed(row *Row) string {
	switch {
	case row.Key == "" || !WellFormed(row.Key, string(row.Order), row.Of, row.Token, string(row.Warehouse), row.Amount.Currency):
		return ReasonInvalidRequest
	case row.Amount.Minor < 0:
		return "invalid_amount"
	case row.Units < 0:
		return "invalid_units"
	}
	return ""
}

// WellFormed reports whether every name of a request is valid UTF-8 and no longer
// than [MaxNameBytes], so that it can be stored and sent unchanged.
func WellFormed(names ...string) bool {
	return !slices.ContainsFunc(names, func(name string) bool { return len(name) > MaxNameBytes || !utf8.ValidString(name) })
}

// settled returns a batch that needs no waiting.
func settled() *batch {
	b := newBatch(nil)
	close(b.done)
	return b
}
