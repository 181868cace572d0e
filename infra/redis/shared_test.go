package redis_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"sync"
	"testing"
	"time"

	"orderflow/domain"
	"orderflow/infra/deploy/servicestest"
	"orderflow/infra/redis"
	"orderflow/projections"
	"orderflow/projections/projectionstest"
	"orderflow/readmodels"
)

func TestResults(t *testing.T) {
	onBoth(t, func(t *testing.T, urls []string) {
		r := open(t, patient, urls...)
		results, keys, c := r.Results(), r.ResultKeys("ord_1"), bare(t, urls...)
		if _, err := results.Load(t.Context(), "ord_1"); !errors.Is(err, redis.ErrMiss) {
			t.Errorf("nothing stored: %v, not ErrMiss", err)
		}
		want := redis.Result{Fingerprint: "f", Body: json.RawMessage(`{"status":"SUCCESS"}`)}
		if err := results.Store(t.Context(), "ord_1", want); err != nil {
			t.Fatal(err)
		}
		for _, key := range keys {
			const stored = `{"fingerprint":"f","body":{"status":"SUCCESS"}}`
			if text, life := c.Get(t.Context(), key).Val(), c.TTL(t.Context(), key).Val(); text != stored || life > 300*time.Second || life < 290*time.Second {
				t.Errorf("%s is %q for %v", key, text, life)
			}
		}
		have, err := results.Load(t.Context(), "ord_1")
		if err != nil || have.Fingerprint != "f" || string(have.Body) != string(want.Body) {
			t.Errorf("loaded %+v, %v", have, err)
		}
		if _, err := results.Load(t.Context(), "ord_2"); !errors.Is(err, redis.ErrMiss) {
			t.Errorf("another order: %v, not ErrMiss", err)
		}
		if err := results.Store(t.Context(), "ord_1", redis.Result{Body: json.RawMessage("{")}); domain.KindOf(err) != domain.Invalid {
			t.Errorf("what is no JSON: %v, not Invalid", err)
		}
		if err := results.Store(t.Context(), "ord_1", redis.Result{Body: json.RawMessage(`"` + string(make([]byte, redis.MaxResultBytes)) + `"`)}); domain.KindOf(err) != domain.Invalid {
			t.Errorf("what is too long: %v, not Invalid", err)
		}
	})
}

// TestACopyThatFailsStopsNoOther makes one of the three keys unusable.
func TestACopyThatFailsStopsNoOther(t *testing.T) {
	r := open(t, patient, servicestest.Redis(t))
	keys, c := r.ResultKeys("ord_1"), bare(t, servicestest.Redis(t))
	result := redis.Result{Fingerprint: "f", Body: json.RawMessage(`1`)}
	if err := r.Results().Store(t.Context(), "ord_1", result); err != nil {
		t.Fatal(err)
	}
	c.Del(t.Context(), keys[0])
	c.HSet(t.Context(), keys[0], "not", "a string")
	if have, err := r.Results().Load(t.Context(), "ord_1"); err != nil || have.Fingerprint != "f" {
		t.Errorf("the other copies are not asked: %+v, %v", have, err)
	}
}

// TestACopyOnADeadMasterStopsNoOther looks for an order whose copies lie on
// different masters, and kills the first one's.
func TestACopyOnADeadMasterStopsNoOther(t *testing.T) {
	masters := startCluster(t)
	for _, m := range masters {
		m.do("CONFIG", "SET", "cluster-require-full-coverage", "no")
	}
	r := open(t, patient, urlsOf(masters)...)
	c := masters[1].client()
	defer c.Close() //nolint:errcheck // it only asked
	third := func(key string) int64 { return c.ClusterKeySlot(context.Background(), key).Val() / 5_462 }
	var id domain.OrderID
	for i := 0; id == ""; i++ {
		if k := r.ResultKeys(idOf(i)); third(k[0]) == 0 && third(k[1]) == 1 && third(k[2]) == 2 {
			id = idOf(i)
		}
	}
	masters[0].kill()
	if err := r.Results().Store(t.Context(), id, redis.Result{Fingerprint: "f", Body: json.RawMessage(`1`)}); err != nil {
		t.Logf("storing: %v", err) // one copy of three, or none if its replica was fast
	}
	if have, err := r.Results().Load(t.Context(), id); err != nil || have.Fingerprint != "f" {
		t.Errorf("the copies on living masters are not found: %+v, %v", have, err)
	}
}

func TestAvailableKnowsWhatTheMirrorWrote(t *testing.T) {
	onBoth(t, func(t *testing.T, urls []string) {
		r := open(t, patient, urls...)
		var rows []readmodels.Stock
		var skus []domain.SKU
		want := map[domain.SKU]int64{}
		for i := range 200 {
			s := readmodels.Stock{Warehouse: place, SKU: domain.SKU(fmt.Sprint("SKU-", i)), Received: int64(i), Reserved: int64(i % 7), Position: 1}
			rows, skus, want[s.SKU] = append(rows, s), append(skus, s.SKU), s.Available()
		}
		r.Mirror().Wrote(projections.Stock, projections.Batch{To: projectionstest.At(1), Rows: readmodels.StockView.Rows(rows...)})
		eventually(t, "mirrored", func() bool { return r.Stats().Mirrored == 200 })
		have, err := r.Available().Read(t.Context(), place, append(skus, "unknown")...)
		if err != nil || !maps.Equal(have, want) {
			t.Errorf("available are %v, %v; want %v", have, err, want)
		}
		if have, err := r.Available().Read(t.Context(), "elsewhere", skus...); err != nil || len(have) != 0 {
			t.Errorf("in another warehouse are %v, %v", have, err)
		}
		if have, err := r.Available().Read(t.Context(), place); err != nil || len(have) != 0 {
			t.Errorf("nobody asked, and the answer is %v, %v", have, err)
		}
	})
}

func TestCounters(t *testing.T) {
	onBoth(t, func(t *testing.T, urls []string) {
		prefix := servicestest.Prefix()
		ours, theirs := openAs(t, prefix, patient, urls...), openAs(t, prefix, patient, urls...)
		day := time.Date(2026, 11, 27, 23, 59, 0, 0, time.UTC)
		ours.SetNow(func() time.Time { return day })
		theirs.SetNow(func() time.Time { return day.Add(2 * time.Minute) })
		add := func(r *redis.Redis, name string, n int64) {
			if err := r.Counters().Add(context.Background(), name, n); err != nil {
				t.Error(err)
			}
		}
		var wg sync.WaitGroup
		for range 100 {
			wg.Go(func() { add(ours, "orders.success", 2) })
		}
		add(ours, "orders.cache_hit", 3)
		add(theirs, "orders.success", 1) // the next day
		wg.Wait()
		want := map[string]int64{"orders.success": 200, "orders.cache_hit": 3}
		if have, err := ours.Counters().Read(t.Context()); err != nil || !maps.Equal(have, want) {
			t.Errorf("today are %v, %v; want %v", have, err, want)
		}
		if have, err := theirs.Counters().ReadDay(t.Context(), day); err != nil || !maps.Equal(have, want) {
			t.Errorf("yesterday were %v, %v; want %v", have, err, want)
		}
		if have, err := theirs.Counters().Read(t.Context()); err != nil || have["orders.success"] != 1 || len(have) != 1 {
			t.Errorf("the next day are %v, %v", have, err)
		}
	})
}

func TestOptionsThatCannotWork(t *testing.T) {
	for name, o := range map[string]redis.Options{
		"no URL":           {},
		"a foreign scheme": {URLs: []string{"http://secret@x"}},
		"no URL at all":    {URLs: []string{"redis://a:secret@%zz"}},
		"a cluster's db":   {URLs: []string{"redis://a:1/3", "redis://b:1/3"}},
		"a brace":          {URLs: []string{"redis://a:1"}, Prefix: "{x}"},
	} {
		r, err := redis.Open(t.Context(), o)
		if domain.KindOf(err) != domain.Invalid || r != nil {
			t.Errorf("%s: %v, not Invalid", name, err)
		} else if text := err.Error(); len(text) > 100 {
			t.Errorf("%s: the error may tell too much: %s", name, text)
		}
	}
}
