package sagas_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"orderflow/domain"
	"orderflow/domain/eventlog"
	"orderflow/domain/order"
	"orderflow/infra/memory"
	"orderflow/sagas"
)

// interleaving is a driver under a random history. Its saga holds every look
// until the history lets it go.
type interleaving struct {
	t   *testing.T
	log *memory.Log

	mu      sync.Mutex
	open    map[domain.OrderID][]eventlog.Position // appended, and no look since has ended
	inLook  map[domain.OrderID][]eventlog.Position // of these, those from before the look that is under way
	release map[domain.OrderID]chan error
	at      eventlog.Checkpoint
	wrong   string
}

// few orders meet each other in the lanes.
const few = 3

// step is one thing that happens: to one of few orders.
type step struct {
	what  string
	order int
}

func (i *interleaving) fail(format string, args ...any) {
	if i.wrong == "" {
		i.wrong = fmt.Sprintf(format, args...)
	}
}

func (i *interleaving) react(ctx context.Context, id domain.OrderID, _ bool) (time.Time, error) {
	i.mu.Lock()
	i.inLook[id] = append([]eventlog.Position(nil), i.open[id]...)
	let := make(chan error, 1)
	i.release[id] = let
	i.mu.Unlock()
	var err error
	select {
	case err = <-let:
	case <-ctx.Done():
		return time.Time{}, ctx.Err()
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	i.open[id] = i.open[id][len(i.inLook[id]):]
	delete(i.release, id)
	return time.Time{}, err
}

func (i *interleaving) LoadCheckpoint(context.Context, string) (eventlog.Checkpoint, error) {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.at, nil
}

// SaveCheckpoint holds a checkpoint against the log, and against what was dealt with.
func (i *interleaving) SaveCheckpoint(ctx context.Context, _ string, c eventlog.Checkpoint) error {
	i.mu.Lock()
	defer i.mu.Unlock()
	for what, m := range map[string]eventlog.Mark{"event": c.Event, "passed": c.Passed} {
		if m.Position == 0 {
			continue
		}
		if r, ok, err := i.log.At(ctx, m.Position); err != nil || !ok || r.ID != m.ID {
			i.fail("the %s of %+v was not given out by the log: %t, %v", what, c, ok, err)
		}
	}
	if c.Position() < i.at.Position() {
		i.fail("%+v is below %+v, which was saved before", c, i.at)
	}
	for id, open := range i.open {
		if len(open) > 0 && open[0] <= c.Position() {
			i.fail("%+v is saved, and %s was not looked at since its event at %d", c, id, open[0])
		}
	}
	i.at = c
	return nil
}

// do lets the steps happen, with starts and stops among them.
func (i *interleaving) do(steps []step) {
	versions := map[eventlog.Stream]eventlog.Version{}
	put := func(s eventlog.Stream, eventType string) eventlog.Position {
		e := eventlog.Pending{ID: eventlog.NewEventID(fmt.Sprint(versions[s]), s, 0), Type: eventType, Data: []byte(`{}`)}
		at, err := i.log.Append(i.t.Context(), s, versions[s], e)
		if err != nil {
			i.fail("%v", err)
		}
		versions[s]++
		return at.Position
	}
	let := func(id domain.OrderID, err error) {
		i.mu.Lock()
		defer i.mu.Unlock()
		if c := i.release[id]; c != nil {
			select {
			case c <- err:
			default:
			}
		}
	}
	start := func() (stop func()) {
		ctx, cancel := context.WithCancel(i.t.Context())
		d := sagas.NewDriver(sagas.Driver{
			Saga: sagas.Saga{
				Name: "test", Categories: []string{order.Category}, React: i.react,
				Wakes: func(eventType string) bool { return eventType == "wakes.v1" },
			},
			Feed: i.log, Checkpoints: i, Lanes: 2,
		})
		done := make(chan error, 1)
		go func() { done <- d.Run(ctx) }()
		return func() {
			cancel()
			if err := <-done; !errors.Is(err, context.Canceled) {
				i.fail("the driver ended with %v", err)
			}
		}
	}
	stop := start()
	for _, s := range steps {
		id := domain.OrderID(fmt.Sprint("o", s.order))
		switch s.what {
		case "event":
			i.mu.Lock()
			i.open[id] = append(i.open[id], put(order.Stream(id), "wakes.v1"))
			i.mu.Unlock()
		case "idle event":
			put(order.Stream(id), "idle.v1")
		case "event of others":
			put(eventlog.Stream(fmt.Sprint("others-", s.order)), "happened.v1")
		case "look ends":
			let(id, nil)
		case "look fails":
			let(id, errors.New("no"))
		case "a second":
			time.Sleep(sagas.CheckpointEvery)
		case "restart":
			stop()
			stop = start()
		}
		synctest.Wait()
	}
	// In the end every look is let go, and all is dealt with.
	for range 200 {
		for o := range few {
			let(domain.OrderID(fmt.Sprint("o", o)), nil)
		}
		synctest.Wait()
	}
	time.Sleep(2 * sagas.CheckpointEvery)
	stop()
	end, err := i.log.End(i.t.Context())
	if err != nil || i.wrong == "" && i.at.Position() != end {
		i.fail("in the end the checkpoint is %+v, the log ends at %d, not dealt with are %v; %v", i.at, end, i.open, err)
	}
}

// Whatever comes in whatever order: a saved checkpoint holds only what the log
// gave out, never goes back, and never passes an event that was not dealt with.
func TestCheckpointsUnderEveryInterleaving(t *testing.T) {
	step := rapid.Custom(func(t *rapid.T) step {
		return step{
			what: rapid.SampledFrom([]string{
				"event", "event", "event", "idle event", "event of others", "look ends", "look ends", "look ends", "look fails", "a second", "a second", "restart",
			}).Draw(t, "what"),
			order: rapid.IntRange(0, few-1).Draw(t, "order"),
		}
	})
	rapid.Check(t, func(rt *rapid.T) {
		steps := rapid.SliceOfN(step, 1, 80).Draw(rt, "steps")
		var wrong string
		synctest.Test(t, func(t *testing.T) {
			i := &interleaving{
				t: t, log: memory.New(), open: map[domain.OrderID][]eventlog.Position{},
				inLook: map[domain.OrderID][]eventlog.Position{}, release: map[domain.OrderID]chan error{},
			}
			i.do(steps)
			wrong = i.wrong
		})
		if wrong != "" {
			rt.Fatal(wrong)
		}
	})
}
