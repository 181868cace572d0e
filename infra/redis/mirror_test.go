package redis_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	goredis "github.com/redis/go-redis/v9"

	"orderflow/domain"
	"orderflow/domain/eventlog"
	"orderflow/infra/deploy/servicestest"
	"orderflow/infra/redis"
	"orderflow/projections"
	"orderflow/projections/projectionstest"
	"orderflow/readmodels"
)

const article, place = domain.SKU("a b"), domain.Warehouse("main")

// stockAt returns a row whose figures say at which position it was written.
func stockAt(at eventlog.Position) readmodels.Stock {
	return readmodels.Stock{Warehouse: place, SKU: article, Received: int64(at) * 10, Position: int64(at)}
}

func batch(above, to eventlog.Position, rows ...readmodels.Stock) projections.Batch {
	return projections.Batch{Above: above, To: projectionstest.At(to), Rows: readmodels.StockView.Rows(rows...)}
}

// pair is a projector and a reader with clients of their own.
type pair struct {
	projector, reader *redis.Redis
	at                fixed // where the reader saw the view
	stocks            readmodels.Stocks
	bare              goredis.UniversalClient
}

func newPair(t testing.TB, urls []string) *pair {
	t.Helper()
	prefix := servicestest.Prefix()
	p := &pair{projector: openAs(t, prefix, patient, urls...), bare: bare(t, urls...)}
	p.join(t, prefix, urls)
	return p
}

func (p *pair) join(t testing.TB, prefix string, urls []string) {
	p.reader = openAs(t, prefix, patient, urls...)
	p.stocks = p.reader.Stocks(nowhere{}, p.at.of)
}

// wrote shows a batch and waits until the article's tag was told.
func (p *pair) wrote(t testing.TB, b projections.Batch) {
	t.Helper()
	p.projector.Mirror().Wrote(projections.Stock, b)
	p.stands(t, b.To.Position())
}

// stands waits until the article's tag is at a position.
func (p *pair) stands(t testing.TB, at eventlog.Position) {
	t.Helper()
	state, _, _ := p.projector.StockKeys(place, article)
	want := redis.StateAt("", at)
	eventually(t, fmt.Sprint("at ", at), func() bool {
		return strings.HasSuffix(p.bare.Get(t.Context(), state).Val(), want)
	})
}

// epoch names the life of the article's tag.
func (p *pair) epoch(t testing.TB) string {
	t.Helper()
	state, _, _ := p.projector.StockKeys(place, article)
	text := p.bare.Get(t.Context(), state).Val()
	if len(text) < 16 {
		t.Fatalf("the state of the tag is %q", text)
	}
	return text[:16]
}

// answers checks what Redis says of the article; 0 is nothing.
func (p *pair) answers(t testing.TB, want eventlog.Position) {
	t.Helper()
	row, err := p.stocks.Stock(t.Context(), place, article)
	figures, failed := p.reader.Available().Read(t.Context(), place, article)
	if failed != nil {
		t.Fatal(failed)
	}
	figure, known := figures[article]
	switch {
	case want == 0 && !errors.Is(err, errNowhere):
		t.Errorf("Redis answers %+v, %v; it must not", row, err)
	case want == 0 && known && p.at.of("") <= eventlog.Position(row.Position):
		t.Errorf("Redis knows of %d available; it must not", figure)
	case want > 0 && (err != nil || row != stockAt(want)):
		t.Errorf("Redis answers %+v, %v; want %+v", row, err, stockAt(want))
	case want > 0 && figure != stockAt(want).Available():
		t.Errorf("Redis has %d available (%v); want %d", figure, known, stockAt(want).Available())
	}
}

func TestBatchesFollowOneAnother(t *testing.T) {
	onBoth(t, func(t *testing.T, urls []string) {
		p := newPair(t, urls)
		p.answers(t, 0)
		p.wrote(t, batch(0, 5, stockAt(5)))
		p.answers(t, 5)
		first := p.epoch(t)
		p.wrote(t, batch(5, 7))
		p.answers(t, 5)
		p.wrote(t, batch(7, 9, stockAt(9)))
		p.answers(t, 9)
		if p.epoch(t) != first {
			t.Error("a batch that followed began a new epoch")
		}
		p.projector.Mirror().Wrote(projections.Stock, batch(5, 7, stockAt(7))) // again, and late
		p.wrote(t, batch(9, 11))
		p.answers(t, 9)
		if p.epoch(t) != first {
			t.Error("an old batch began a new epoch")
		}
	})
}

func TestAGapHidesAllOlderRows(t *testing.T) {
	onBoth(t, func(t *testing.T, urls []string) {
		p := newPair(t, urls)
		p.wrote(t, batch(0, 5, stockAt(5)))
		p.wrote(t, batch(6, 8)) // 5 to 6 was lost, and with it who knows what
		p.answers(t, 0)
		p.wrote(t, batch(8, 9, stockAt(9)))
		p.answers(t, 9)
	})
}

func TestAFlushHidesAllOlderRows(t *testing.T) {
	onBoth(t, func(t *testing.T, urls []string) {
		p := newPair(t, urls)
		p.wrote(t, batch(0, 5, stockAt(5)))
		state, row, figure := p.projector.StockKeys(place, article)
		saved := p.bare.Get(t.Context(), row).Val()
		if n := p.bare.Del(t.Context(), state, row, figure).Val(); n != 3 {
			t.Fatalf("%d keys of 3 were there", n)
		}
		p.answers(t, 0)
		p.wrote(t, batch(5, 6))
		p.answers(t, 0)
		p.bare.Set(t.Context(), row, saved, 0) // one that the flush left out
		p.answers(t, 0)
		p.wrote(t, batch(6, 7, stockAt(7)))
		p.answers(t, 7)
	})
}

func TestAReaderIsNeverTakenBack(t *testing.T) {
	onBoth(t, func(t *testing.T, urls []string) {
		p := newPair(t, urls)
		p.wrote(t, batch(0, 5, stockAt(5)))
		p.at.set(6) // by an answer of the view
		if row, err := p.stocks.Stock(t.Context(), place, article); !errors.Is(err, errNowhere) {
			t.Errorf("Redis at 5 answers who has seen 6: %+v, %v", row, err)
		}
		p.wrote(t, batch(5, 6))
		p.answers(t, 5)
		if s := p.reader.Stats(); s.Older != 1 || s.Hits == 0 {
			t.Errorf("stats are %+v", s)
		}
	})
}

// TestAFailoverThatLosesWrites brings back the keys of a tag as they were.
func TestAFailoverThatLosesWrites(t *testing.T) {
	onBoth(t, func(t *testing.T, urls []string) {
		p := newPair(t, urls)
		p.wrote(t, batch(0, 5, stockAt(5)))
		state, row, figure := p.projector.StockKeys(place, article)
		dump := map[string]string{}
		for _, key := range []string{state, row, figure} {
			dump[key] = p.bare.Dump(t.Context(), key).Val()
		}
		p.wrote(t, batch(5, 6, stockAt(6)))
		p.answers(t, 6)
		for key, text := range dump {
			if err := p.bare.RestoreReplace(t.Context(), key, 0, text).Err(); err != nil {
				t.Fatal(err)
			}
		}
		p.answers(t, 0) // this reader has seen 6
		fresh := &pair{projector: p.projector, bare: p.bare}
		fresh.reader = p.projector // a process that has seen nothing
		fresh.stocks = p.projector.Stocks(nowhere{}, nil)
		fresh.answers(t, 5)
		p.wrote(t, batch(6, 7))
		p.answers(t, 0)
		fresh.answers(t, 0)
		p.wrote(t, batch(7, 8, stockAt(8)))
		p.answers(t, 8)
		fresh.answers(t, 8)
	})
}

func TestAResetHidesAllRows(t *testing.T) {
	onBoth(t, func(t *testing.T, urls []string) {
		p := newPair(t, urls)
		p.wrote(t, batch(0, 9, stockAt(9)))
		first := p.epoch(t)
		p.projector.Mirror().Reset(projections.Stock, 4) // the log is an older one now
		p.stands(t, 4)
		p.answers(t, 0)
		if p.epoch(t) == first {
			t.Error("the epoch is still the same")
		}
	})
}

func TestANextProcessGoesOnWhereTheLastOneStood(t *testing.T) {
	onBoth(t, func(t *testing.T, urls []string) {
		p := newPair(t, urls)
		p.wrote(t, batch(0, 5, stockAt(5)))
		prefix, _, _ := strings.Cut(func() string { s, _, _ := p.projector.StockKeys(place, article); return s }(), ":")
		p.projector = openAs(t, prefix, patient, urls...)
		p.wrote(t, batch(5, 6))
		p.answers(t, 5)

		p.projector = openAs(t, prefix, patient, urls...)
		p.join(t, prefix, urls) // one that has seen nothing
		p.wrote(t, batch(3, 4)) // of a log that was restored
		p.answers(t, 0)
	})
}

func TestASilentMirrorIsNotBelieved(t *testing.T) {
	p := newPair(t, []string{servicestest.Redis(t)})
	p.projector.SetTagLife(3*time.Second, 500*time.Millisecond)
	p.wrote(t, batch(0, 5, stockAt(5)))
	begun := time.Now()
	for time.Since(begun) < 6*time.Second { // idle, and there
		p.answers(t, 5)
		if t.Failed() {
			t.FailNow()
		}
		<-time.After(50 * time.Millisecond)
	}
	if err := p.projector.Close(); err != nil {
		t.Fatal(err)
	}
	begun = time.Now()
	eventually(t, "out of sight", func() bool {
		_, err := p.stocks.Stock(context.Background(), place, article)
		return errors.Is(err, errNowhere)
	})
	if took := time.Since(begun); took > 4*time.Second {
		t.Errorf("a mirror that is gone was believed for %v", took)
	}
}

// TestAnIdleMirrorHealsAFlush needs no batch to begin anew.
func TestAnIdleMirrorHealsAFlush(t *testing.T) {
	p := newPair(t, []string{servicestest.Redis(t)})
	p.projector.SetTagLife(time.Minute, time.Millisecond)
	p.wrote(t, batch(0, 5, stockAt(5)))
	state, _, _ := p.projector.StockKeys(place, article)
	p.bare.Del(t.Context(), state)
	p.stands(t, 5)
	p.answers(t, 0)
	p.wrote(t, batch(5, 6, stockAt(6)))
	p.answers(t, 6)
}

// TestAnyKeyMayBeEvicted deletes each key alone and looks at the answers.
func TestAnyKeyMayBeEvicted(t *testing.T) {
	p := newPair(t, []string{servicestest.Redis(t)})
	state, row, figure := p.projector.StockKeys(place, article)
	at := eventlog.Position(0)
	for _, gone := range []string{state, row, figure} {
		p.wrote(t, batch(at, at+1, stockAt(at+1)))
		at++
		p.answers(t, at)
		p.bare.Del(t.Context(), gone)
		have, err := p.stocks.Stock(t.Context(), place, article)
		if gone == figure != (err == nil && have == stockAt(at)) {
			t.Errorf("without %s Redis answers %+v, %v", gone, have, err)
		}
		figures, err := p.reader.Available().Read(t.Context(), place, article)
		if n, known := figures[article]; err != nil || (gone == row) != known || known && n != stockAt(at).Available() {
			t.Errorf("without %s Redis has %v, %v", gone, figures, err)
		}
	}
}

// TestLongRowsAreLeftToTheViews replaces a short one by a long one.
func TestLongRowsAreLeftToTheViews(t *testing.T) {
	r := open(t, patient, servicestest.Redis(t))
	o := readmodels.Order{ID: "o", Position: 1}
	r.Mirror().Wrote(projections.Orders, projections.Batch{To: projectionstest.At(1), Rows: readmodels.OrderView.Rows(o)})
	front := r.Orders(nowhere{}, nil)
	eventually(t, "the short row", func() bool { _, err := front.Order(context.Background(), "o"); return err == nil })
	o.Detail = strings.Repeat("x", 70_000)
	r.Mirror().Wrote(projections.Orders, projections.Batch{Above: 1, To: projectionstest.At(2), Rows: readmodels.OrderView.Rows(o)})
	eventually(t, "no row", func() bool { _, err := front.Order(context.Background(), "o"); return errors.Is(err, errNowhere) })
}
