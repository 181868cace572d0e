package bench

import (
	"context"
	"encoding/json"
	"fmt"
	"sync/atomic"
	"time"

	"orderflow/cmd/orderflow/internal/audit"
	"orderflow/cmd/orderflow/internal/terminal"
	"orderflow/domain"
	"orderflow/domain/eventlog"
	"orderflow/domain/order"
	"orderflow/infra/baseline"
	"orderflow/infra/pebblelog"
	"orderflow/infra/sqlite"
	"orderflow/projections"
)

// What the log is measured with.
const (
	appendWriters = 64
	appendRounds  = 5
	replayBudget  = 200_000 // events/s
	// eventsPerOrder is about what one fulfilled order leaves in the log.
	eventsPerOrder = 13
)

// append measures appends through the port against bare commits of the same
// bytes, in turns.
func (b *Bench) append(ctx context.Context) (Figure, error) {
	data, err := json.Marshal(Order("append", 0))
	if err != nil {
		return Figure{}, err
	}
	log, err := b.openLog(ctx, b.Folder())
	if err != nil {
		return Figure{}, err
	}
	defer log.Close() //nolint:errcheck // it is thrown away
	var value, limit float64
	for round := range appendRounds {
		bare, err := baseline.PebbleCommits(b.Folder(), pebblelog.DatabaseOptions(pebblelog.Options{}), data, appendWriters, roundTime)
		if err != nil {
			return Figure{}, err
		}
		appended, err := appendFor(ctx, log, round, data)
		if err != nil {
			return Figure{}, err
		}
		value, limit = value+appended/appendRounds, limit+bare/appendRounds
	}
	return Figure{
		Unit: "appends/s", Value: value, Limit: limit, Budget: 0.7,
		Detail: fmt.Sprintf("%d writers, one event of %d bytes each, fsync; limit: bare Pebble, same bytes, same settings", appendWriters, len(data)),
	}.Judge(true), nil
}

// appendFor keeps writers busy for roundTime and returns the appends per second.
func appendFor(ctx context.Context, log eventlog.Store, round int, data []byte) (float64, error) {
	limit, cancel := context.WithTimeout(ctx, roundTime)
	defer cancel()
	var appends atomic.Int64
	begun := time.Now()
	err := InParallel(ctx, appendWriters, appendWriters, func(w int) error {
		s := eventlog.Stream(fmt.Sprintf("%s-bench-%d-%d", order.Category, round, w))
		for v := eventlog.Version(0); limit.Err() == nil; v++ {
			e := eventlog.Pending{ID: eventlog.NewEventID("bench", s, int(v)), Type: "bench.v1", Data: data}
			if _, err := log.Append(ctx, s, v, e); err != nil {
				return err
			}
			appends.Add(1)
		}
		return nil
	})
	return terminal.PerSecond(appends.Load(), time.Since(begun)), err
}

// replay measures reading, decoding and folding the whole log.
func (b *Bench) replay(ctx context.Context) (Figure, error) {
	dir := b.Folder()
	if b.store == "" { // else what is there
		var err error
		if dir, err = b.stored(ctx, benchEvents/eventsPerOrder); err != nil {
			return Figure{}, err
		}
	}
	log, err := b.openLog(ctx, dir)
	if err != nil {
		return Figure{}, err
	}
	defer log.Close() //nolint:errcheck // it is thrown away
	r, err := audit.Replay(ctx, log, func(eventlog.Position, int64) {})
	if err != nil {
		return Figure{}, err
	}
	return Figure{
		Unit: "events/s", Value: r.EventsPerSecond, Limit: replayBudget, Budget: 1,
		Detail: fmt.Sprintf("%s events, every one decoded and folded", terminal.Grouped(r.Events)),
	}.Judge(true), nil
}

// rebuild measures the view of orders against the bare insert of its rows.
func (b *Bench) rebuild(ctx context.Context) (Figure, error) {
	dir, err := b.stored(ctx, benchEvents/eventsPerOrder)
	if err != nil {
		return Figure{}, err
	}
	app, err := b.Node(ctx, dir, "")
	if err != nil {
		return Figure{}, err
	}
	defer app.Close() //nolint:errcheck // it is thrown away
	g, err := projections.GroupOf(projections.Orders)
	if err != nil {
		return Figure{}, err
	}
	store, ok := app.Views.(*sqlite.Views)
	if !ok {
		return Figure{}, domain.Errorf(domain.Invalid, "rebuild is measured on the embedded views.")
	}
	bare, err := store.BaselineInsert(ctx, g)
	if err != nil {
		return Figure{}, err
	}
	rebuilt, err := app.Runner.Rebuild(ctx, g.Name, func(projections.Progress) {})
	if err != nil {
		return Figure{}, err
	}
	return Figure{
		Unit: "rows/s", Value: terminal.PerSecond(bare.Rows, rebuilt.Elapsed), Limit: terminal.PerSecond(bare.Rows, bare.Elapsed), Budget: 0.5,
		Detail: fmt.Sprintf("%s rows from %s events in %s; limit: bare insert of the same rows", terminal.Grouped(bare.Rows), terminal.Grouped(rebuilt.Events), rebuilt.Elapsed.Round(time.Millisecond)),
	}.Judge(true), nil
}
