package groups_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"orderflow/domain/eventlog"
	"orderflow/infra/esdbserver/internal/engine"
	"orderflow/infra/esdbserver/internal/groups"
	"orderflow/infra/pebblelog"
)

const (
	crashRounds      = 60
	crashRoundsShort = 10
	crashLives       = 3  // of a computer in one round
	crashEvents      = 80 // of one life, more than two clients deal with in it
	// crashPatience bounds every wait of a round.
	crashPatience = 30 * time.Second
)

// TestPowerFailures lets clients acknowledge, park and retry on a log whose
// power fails again and again. Afterwards every event was acknowledged at some
// time, and none was ever parked twice.
func TestPowerFailures(t *testing.T) {
	rounds := uint64(crashRounds)
	if testing.Short() {
		rounds = crashRoundsShort
	}
	for seed := range rounds {
		if err := failPower(seed, crashPatience, func(api engine.API) engine.API { return api }); err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
	}
}

// TestPowerFailuresBite forgets to write parked links: that must be seen.
func TestPowerFailuresBite(t *testing.T) {
	for seed := range uint64(crashRounds) { // a checkpoint has to have passed the event before the power fails
		err := failPower(seed, time.Second, func(api engine.API) engine.API { return forgetful{api} })
		if err != nil {
			t.Logf("round %d noticed: %v", seed, err)
			return
		}
	}
	t.Error("no round noticed that parked links were not written")
}

// forgetful writes everything but the links.
type forgetful struct{ engine.API }

func (f forgetful) AppendTogether(ctx context.Context, writes ...engine.Write) ([]engine.Written, error) {
	if writes[0].Stream != ordersParked {
		return f.API.AppendTogether(ctx, writes...)
	}
	written := []engine.Written{{Number: int64(len(writes[0].Events)) - 1}}
	if len(writes) == 1 {
		return written, nil
	}
	others, err := f.API.AppendTogether(ctx, writes[1:]...)
	return append(written, others...), err
}

// computer is what runs between two failures.
type computer struct {
	log    *pebblelog.Log
	engine *engine.Engine
	groups *groups.Groups
}

func powerOn(fs vfs.FS, around func(engine.API) engine.API) (*computer, error) {
	log, err := pebblelog.Open("log", pebblelog.Options{FS: fs, MemTableBytes: 64 << 10, CacheBytes: 1 << 20, IndexIDs: true})
	if err != nil {
		return nil, err
	}
	c := &computer{log: log, engine: engine.New(log, engine.Options{})}
	c.groups, err = groups.Open(context.Background(), around(c.engine), groups.Options{})
	return c, err
}

func (c *computer) off() error {
	c.groups.Close()
	c.engine.Close()
	return c.log.Close()
}

// book is what the clients know: which events they have acknowledged or skipped.
type book struct {
	mu   sync.Mutex
	done map[string]bool
}

func (b *book) add(text string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.done[text] = true
}

func (b *book) count() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return len(b.done)
}

func failPower(seed uint64, patience time.Duration, around func(engine.API) engine.API) error {
	rng := rand.New(rand.NewPCG(seed, 1))
	fs := vfs.NewCrashableMem()
	known := &book{done: map[string]bool{}}
	c, err := powerOn(fs, around)
	if err != nil {
		return err
	}
	s := settings(func(s *groups.Settings) {
		s.MaxRetries, s.MinCheckpoint, s.MaxCheckpoint = rng.IntN(3), 1, 1+rng.IntN(5)
		s.Strategy = []groups.Strategy{groups.RoundRobin, groups.DispatchToSingle, groups.Pinned}[rng.IntN(3)]
	})
	if err := c.groups.Create(context.Background(), "tester", orders, s); err != nil {
		return err
	}
	for life := range crashLives {
		if err := c.append(life); err != nil {
			return err
		}
		clone, err := c.crash(fs, rng, known)
		if err != nil {
			return err
		}
		fs = clone
		if c, err = powerOn(fs, around); err != nil {
			return err
		}
		if err := c.parkedOnce(); err != nil {
			return err
		}
	}
	if err := c.finish(known, patience); err != nil {
		_ = c.off()
		return err
	}
	return c.off()
}

func (c *computer) append(life int) error {
	w := engine.Write{Stream: "orders", Expected: engine.Any}
	for i := range crashEvents {
		w.Events = append(w.Events, engine.Proposed{
			ID: eventlog.EventID{0: 1, 14: byte(life), 15: byte(i)}, Type: "said", Data: fmt.Append(nil, life*crashEvents+i),
		})
	}
	_, err := c.engine.Append(context.Background(), w)
	return err
}

// crash lets two clients work until the power fails, and returns what is left.
func (c *computer) crash(fs *vfs.MemFS, rng *rand.Rand, known *book) (*vfs.MemFS, error) {
	ctx, cancel := context.WithTimeout(context.Background(), crashPatience)
	defer cancel()
	after := 5 + rng.IntN(30)
	reached := make(chan struct{})
	enough := sync.OnceFunc(func() { close(reached) })
	var wg sync.WaitGroup
	for i := range 2 {
		client, err := c.groups.Connect(ctx, orders, groups.Peer{}, 4)
		if err != nil {
			return nil, err
		}
		rng := rand.New(rand.NewPCG(rng.Uint64(), uint64(i)))
		wg.Go(func() {
			defer client.Close()
			work(ctx, client, rng, known, after, enough)
		})
	}
	select {
	case <-reached:
	case <-ctx.Done():
		return nil, fmt.Errorf("the clients did not get enough events: %w", ctx.Err())
	}
	left := fs.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: rng.IntN(101), RNG: rng})
	cancel() // what the clients do from here on is on the disk that is gone
	wg.Wait()
	return left, c.off()
}

// work deals with events in every way there is. Whoever has dealt with enough
// of them says so; others go on.
func work(ctx context.Context, client *groups.Client, rng *rand.Rand, known *book, after int, enough func()) {
	for n := 0; ; n++ {
		if n == after {
			enough()
		}
		var d groups.Delivery
		select {
		case d = <-client.Deliveries():
		case <-ctx.Done():
			return
		}
		text, ids := string(d.Event.Resolved.Event.Data), []eventlog.EventID{d.Event.ID}
		var err error
		switch rng.IntN(6) {
		case 0, 1:
			known.add(text)
			err = client.Ack(ctx, ids)
		case 2:
			known.add(text)
			err = client.Nack(ctx, ids, groups.ActionSkip, "not mine")
		case 3:
			err = client.Nack(ctx, ids, groups.ActionRetry, "not now")
		default:
			err = client.Nack(ctx, ids, groups.ActionPark, "not me")
		}
		if err != nil {
			return
		}
	}
}

// parkedOnce reports whether an event is parked more than once.
func (c *computer) parkedOnce() error {
	seen := map[string]bool{}
	for r, err := range c.engine.ReadStream(context.Background(), ordersParked, 0, engine.Span{Max: 1 << 20}) {
		if err != nil {
			return nil // nothing was parked
		}
		target := string(r.Event.Data)
		if seen[target] {
			return fmt.Errorf("%s is parked twice", target)
		}
		seen[target] = true
	}
	return nil
}

// finish acknowledges whatever comes, parked events included, until every
// event was acknowledged.
func (c *computer) finish(known *book, patience time.Duration) error {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	client, err := c.groups.Connect(ctx, orders, groups.Peer{}, 100)
	if err != nil {
		return err
	}
	defer client.Close()
	if err := c.groups.Replay(ctx, orders, nil); err != nil {
		return err
	}
	for {
		left := crashLives*crashEvents - known.count()
		if left == 0 {
			return nil
		}
		select {
		case d := <-client.Deliveries():
			known.add(string(d.Event.Resolved.Event.Data))
			if err := client.Ack(ctx, []eventlog.EventID{d.Event.ID}); err != nil {
				return err
			}
		case <-ctx.Done():
			return fmt.Errorf("%d events are lost", left)
		}
	}
}
