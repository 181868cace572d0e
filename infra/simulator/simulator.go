package simulator

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"sync"
	"time"

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

// Ready returns nil, or Unavailable when the simulator is closed or its ledger cannot be
// written.
func (s *Simulator) Ready() error {
	if err := s.journal.failed(); err != nil {
		return domain.Wrap(domain.Unavailable, err, "The simulator cannot write its ledger %s; free space on its disk and start the simulator again", s.ledger)
	}
	return nil
}

// CutBytes returns the length of the unfinished last row that Open cut off the ledger.
// A crash leaves such a row; its call was not answered.
func (s *Simulator) CutBytes() int64 { return s.journal.cut }

// Summary adds up the ledger; see [ReadLedger].
func (s *Simulator) Summary() (Summary, error) { return ReadLedger(s.ledger) }
