package pebblelog

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/maphash"
	"math"

	"github.com/cockroachdb/pebble/v2"

	"orderflow/domain"
	"orderflow/domain/eventlog"
	"orderflow/infra/pebblelog/scrub"
)

// maxDamages bounds the damaged places that a report names; more are only counted.
const maxDamages = 20

// Report is the result of verifying a whole log.
type Report struct {
	End        eventlog.Position `json:"end"`        // of the last event
	Checkpoint eventlog.Position `json:"checkpoint"` // the least position that the log reached; 0 if unknown
	Events     int64             `json:"events"`     // read and whole
	Tables     int               `json:"tables"`
	Blocks     int               `json:"blocks"`
	Bytes      int64             `json:"bytes"` // of the tables
	// Loss is how the log differs from its checkpoint; empty if it does not.
	Loss string `json:"loss,omitempty"`
	// Damage describes up to maxDamages of the Broken places.
	Damage []string `json:"damage,omitempty"`
	Broken int      `json:"broken"`
}

// OK reports that the log is whole.
func (r *Report) OK() bool { return r.Loss == "" && r.Broken == 0 }

func (r *Report) add(err error) {
	if r.Broken++; r.Broken <= maxDamages {
		r.Damage = append(r.Damage, scrub.OneLine(err.Error()))
	}
}

// Verify reads everything in the log in dir, which must not be open, and changes
// nothing in it. Faults of the log are in the report; an error means that the log
// could not be read. It calls progress with the position read so far.
func Verify(ctx context.Context, dir string, opts Options, progress func(at, end eventlog.Position)) (r Report, err error) {
	l := &Log{opts: opts.withDefaults(), failed: make(chan struct{}), closing: make(chan struct{})}
	l.files = folder{l.opts.FS, dir}
	lock, err := l.files.fs.Lock(l.files.path(lockName))
	if err != nil {
		return r, errOpenElsewhere(dir, err)
	}
	defer func() { err = errors.Join(err, lock.Close()) }()
	database := databaseOptions(l.opts, l.opts.FS)
	database.ReadOnly = true
	database.Logger = pebbleLogger{debug: l.opts.Logger.Debug, complained: func(text string) { l.opts.Logger.Debug("pebble", "said", text) }}
	database.EventListener = &pebble.EventListener{DataCorruption: func(pebble.DataCorruptionInfo) {}} // it is in the report
	w, witnessErr := readSignedCheckpoint(l.files)
	r.Checkpoint = w.last.position
	if l.db, err = openDatabase(l.files.path(dbName), database); err != nil {
		r.add(fmt.Errorf("the database cannot be opened: %w", err))
		return r, nil
	}
	defer func() { err = errors.Join(err, l.db.Close()) }()
	if err := l.findScavenged(); err != nil {
		r.add(err)
	}
	if l.last, err = lastPosition(l.db); err != nil {
		r.add(fmt.Errorf("the end of the log cannot be read: %w", err))
		err = nil
	}
	r.End = l.last
	if err := l.inspect(ctx, &r, func(d *scrub.DamageError) { r.add(d) }, progress); err != nil {
		return r, err
	}
	if witnessErr == nil && r.Broken == 0 {
		witnessErr = l.compareWithCheckpoint(w)
	}
	if witnessErr != nil {
		r.Loss = scrub.OneLine(witnessErr.Error())
	}
	return r, nil
}

// Verify is [Verify] for a log that is open; appends go on meanwhile. Damage
// stops the log, as it does when it is met otherwise.
func (l *Log) Verify(ctx context.Context, progress func(at, end eventlog.Position)) (r Report, err error) {
	r.End, _ = l.tail.position()
	r.Checkpoint = eventlog.Position(l.checkpointer.last.Load())
	err = l.inspect(ctx, &r, func(d *scrub.DamageError) { r.add(d); l.damaged(d) }, progress)
	return r, err
}

// inspect reads all tables, all records and all indexes up to r.End.
func (l *Log) inspect(ctx context.Context, r *Report, found func(*scrub.DamageError), progress func(at, end eventlog.Position)) error {
	levels, err := scrub.LiveTables(l.db, describeKeys)
	if err != nil {
		return domain.Wrap(domain.Internal, err, "The tables of the log cannot be listed")
	}
	s := l.newScrub(scrub.NewestFirst(levels))
	defer s.Close()
	var buffer []byte
	for {
		if err := l.interrupted(ctx); err != nil {
			return err
		}
		sp, ok, err := s.Next(math.MaxInt64)
		if d, broken := errors.AsType[*scrub.DamageError](err); broken {
			found(d)
			continue
		}
		if err != nil {
			return err
		}
		if !ok {
			break
		}
		buffer = sp.Check(buffer, found)
	}
	totals := s.Totals()
	r.Tables, r.Blocks, r.Bytes = totals.Tables, totals.Blocks, totals.Bytes
	return l.inspectRecords(ctx, r, progress)
}

// interrupted returns the error that ends an inspection early, or nil.
func (l *Log) interrupted(ctx context.Context) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-l.closing:
		return errClosed()
	default:
		return nil
	}
}

// inspectRecords decodes every event, and adds up what the indexes must hold;
// the sums are equal if and, but for chance, only if the entries are.
func (l *Log) inspectRecords(ctx context.Context, r *Report, progress func(at, end eventlog.Position)) error {
	seed := maphash.MakeSeed()
	var streams, categories uint64
	for at := eventlog.Position(0); at < r.End; {
		if err := l.interrupted(ctx); err != nil {
			return err
		}
		var chunk []eventlog.Recorded
		err := l.reading(func() (err error) {
			chunk, at, err = l.logChunk(at, r.End)
			return err
		})
		for _, e := range chunk {
			key := binary.BigEndian.AppendUint64(streamKey(e.Stream, e.Version), uint64(e.Position))
			streams += maphash.Bytes(seed, key)
			categories += maphash.Bytes(seed, categoryKey(e.Stream.Category(), e.Position))
		}
		r.Events += int64(len(chunk))
		if err != nil {
			r.add(err)
			return nil // what follows cannot be held against the indexes
		}
		progress(at, r.End)
	}
	if r.Broken > 0 {
		return nil // the tables of an index may be among them
	}
	byStream, err := l.sum(ctx, kindStream, seed, func(it *pebble.Iterator) (eventlog.Position, []byte, error) {
		value, err := it.ValueAndErr()
		if err != nil || len(value) != positionBytes {
			return 0, nil, errors.Join(errIndex, err)
		}
		if v, _ := lastNumber(it.Key()); v == 1 {
			gone, err := l.wasScavenged(eventlog.Stream(it.Key()[3 : len(it.Key())-positionBytes]))
			if err != nil || gone {
				return math.MaxInt64, nil, err // an entry that stays without its event
			}
		}
		return eventlog.Position(binary.BigEndian.Uint64(value)), value, nil
	}, r.End)
	if err == nil && byStream != streams {
		err = errors.New("the index of streams does not agree with the events")
	}
	if err != nil {
		r.add(err)
	}
	byCategory, err := l.sum(ctx, kindCategory, seed, func(it *pebble.Iterator) (eventlog.Position, []byte, error) {
		p, ok := lastNumber(it.Key())
		if !ok {
			return 0, nil, errIndex
		}
		return eventlog.Position(p), nil, nil
	}, r.End)
	if err == nil && byCategory != categories {
		err = errors.New("the index of categories does not agree with the events")
	}
	if err != nil {
		r.add(err)
	}
	return l.interrupted(ctx)
}

// sum adds up the entries of an index that point to positions up to end.
func (l *Log) sum(
	ctx context.Context, kind byte, seed maphash.Seed,
	entry func(*pebble.Iterator) (eventlog.Position, []byte, error), end eventlog.Position,
) (sum uint64, err error) {
	err = l.reading(func() error {
		n, key := 0, []byte(nil)
		return l.index(&pebble.IterOptions{LowerBound: []byte{kind}, UpperBound: []byte{kind + 1}}, func(it *pebble.Iterator) (bool, error) {
			if n++; n%chunkEvents == 0 {
				if err := l.interrupted(ctx); err != nil {
					return false, err
				}
			}
			p, value, err := entry(it)
			if err != nil {
				return false, err
			}
			if p <= end {
				key = append(append(key[:0], it.Key()...), value...)
				sum += maphash.Bytes(seed, key)
			}
			return true, nil
		})
	})
	return sum, err
}
