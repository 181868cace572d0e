package eventstoredb

import (
	"cmp"
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/EventStore/EventStore-Client-Go/v4/esdb"
	"github.com/maypok86/otter/v2"

	"orderflow/domain"
	"orderflow/domain/eventlog"
	"orderflow/internal/pause"
)

// Options tune a Log; the zero value is right.
type Options struct {
	// Timeout bounds an operation with all its repeats; 0 is DefaultTimeout.
	Timeout time.Duration
	// MaxAppendBytes is what the server takes in one append, if it was set to
	// take another amount than it does by default; 0 is [MaxAppendBytes].
	MaxAppendBytes int
	Hooks          Hooks
	Logger         *slog.Logger // nil for the default
}

// Log is an eventlog.Store in EventStoreDB. It is safe for concurrent use. Many
// processes may append to the same log.
type Log struct {
	opts  Options
	calls *clients // appends and pages
	subs  *clients // subscriptions, on connections of their own: they stay, and a server bounds the streams of one
	scans *clients // readings of $all, likewise
	lead  *leaderWatch

	slots   chan struct{} // one is held by each call under way
	held    chan struct{} // and by each subscription
	reading chan struct{} // and by each reading of $all

	undeleted *otter.Cache[eventlog.Stream, struct{}] // streams that are not there and never were

	closing sync.Mutex // held while something begins, and while closing does
	working sync.WaitGroup
	ctx     context.Context // done once the log is closed
	cancel  context.CancelFunc
}

// Open returns a log that connects when it is first used. The connection string
// is that of EventStoreDB's clients: esdb://user:password@host:2113?tls=true.
// One that cannot be used is Invalid.
func Open(connection string, opts Options) (*Log, error) {
	opts.Timeout = cmp.Or(opts.Timeout, DefaultTimeout)
	opts.MaxAppendBytes = cmp.Or(opts.MaxAppendBytes, MaxAppendBytes)
	opts.Hooks = opts.Hooks.withDefaults()
	if opts.Logger == nil {
		opts.Logger = slog.Default()
	}
	config, err := parse(connection, opts.Logger)
	if err != nil {
		return nil, err
	}
	l := &Log{
		opts: opts, slots: make(chan struct{}, maxCalls), held: make(chan struct{}, maxSubscriptions), reading: make(chan struct{}, maxReadings),
		undeleted: otter.Must(&otter.Options[eventlog.Stream, struct{}]{
			MaximumSize: maxAsked, ExpiryCalculator: otter.ExpiryWriting[eventlog.Stream, struct{}](askedFor),
		}),
	}
	watched := func(p *clients, c *client) {
		opts.Hooks.Connected()
		l.watchOver(p, c)
	}
	l.lead, err = newLeaderWatch(config, l.follow)
	if err != nil {
		return nil, domain.Wrap(domain.Invalid, err, "The certificate of userCertFile and userKeyFile cannot be read")
	}
	l.calls = newClients(config, l.lead, func(*clients, *client) { opts.Hooks.Connected() })
	l.subs, l.scans = newClients(config, l.lead, watched), newClients(config, l.lead, watched)
	l.ctx, l.cancel = context.WithCancel(context.Background())
	return l, nil
}

// Name returns the address of the server, without secrets.
func (l *Log) Name() string { return l.calls.name }

// Ping reads one event. It returns within [pingTimeout] whether the log can be
// read.
func (l *Log) Ping(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, min(pingTimeout, l.opts.Timeout))
	defer cancel()
	_, f, err := repeat(ctx, l, operationRead, l.page(esdb.Backwards, all{esdb.End{}}, 1))
	if err != nil {
		return l.give(operationRead, f, err)
	}
	return nil
}

func (l *Log) pools() []*clients { return []*clients{l.calls, l.subs, l.scans} }

// begin registers an operation; call working.Done when it ends. It returns false
// after Close.
func (l *Log) begin() bool {
	l.closing.Lock()
	defer l.closing.Unlock()
	if l.ctx.Err() != nil {
		return false
	}
	l.working.Add(1)
	return true
}

// Close ends all operations; subscriptions end with Unavailable.
func (l *Log) Close() error {
	l.closing.Lock()
	l.cancel()
	l.closing.Unlock()
	l.undeleted.StopAllGoroutines()
	l.lead.close()
	for _, p := range l.pools() {
		p.close()
	}
	done := make(chan struct{})
	go func() { l.working.Wait(); close(done) }()
	for range 2 { // what is still stuck after the first is freed by closing its client
		pause.Or(closeWait, nil, done)
		for _, p := range l.pools() {
			p.closeAll()
		}
	}
	return nil
}

var (
	_ eventlog.Store             = (*Log)(nil)
	_ eventlog.EndReader         = (*Log)(nil)
	_ eventlog.PositionFinder    = (*Log)(nil)
	_ eventlog.Watermarked       = (*Log)(nil)
	_ eventlog.Truncations       = (*Log)(nil)
	_ eventlog.TruncationWatcher = (*Log)(nil)
)
