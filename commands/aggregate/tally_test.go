package aggregate_test

import (
	"encoding/json"
	"maps"
	"slices"

	"orderflow/commands/aggregate"
	"orderflow/domain"
	"orderflow/domain/decider"
	"orderflow/domain/eventlog"
)

// A tally adds numbers up, each under an id, and never goes below nought. It
// comes in two kinds: states as values, and one state changed in place.

type added struct {
	ID string `json:"id"`
	N  int    `json:"n"`
}

func (added) EventType() string { return "tally.added.v1" }

type tally struct {
	Sum int            `json:"sum"`
	IDs map[string]int `json:"ids"`
}

var (
	codec = eventlog.NewCodec(added{})

	byValue = decider.Decider[tally, added]{Evolve: func(t tally, e added) tally {
		ids := maps.Clone(t.IDs)
		if ids == nil {
			ids = map[string]int{}
		}
		ids[e.ID] = e.N
		return tally{Sum: t.Sum + e.N, IDs: ids}
	}}

	inPlace = decider.Decider[tally, added]{
		Evolve: func(t tally, e added) tally {
			if t.IDs == nil {
				t.IDs = map[string]int{}
			}
			t.IDs[e.ID] = e.N
			t.Sum += e.N
			return t
		},
		Clone: func(t tally) tally { return tally{Sum: t.Sum, IDs: maps.Clone(t.IDs)} },
	}
)

func kinds() map[string]decider.Decider[tally, added] {
	return map[string]decider.Decider[tally, added]{"by value": byValue, "in place": inPlace}
}

// add adds all numbers under one id, or none.
func add(id string, numbers ...int) decider.Decision[tally, added] {
	return func(t tally) ([]added, error) {
		if _, ok := t.IDs[id]; ok {
			return nil, nil
		}
		var events []added
		sum := t.Sum
		for _, n := range numbers {
			if sum += n; sum < 0 {
				return nil, domain.Errorf(domain.Rejected, "below nought")
			}
			events = append(events, added{ID: id, N: n})
		}
		return events, nil
	}
}

func newTally(store eventlog.Store, d decider.Decider[tally, added], o aggregate.Options[tally]) *aggregate.Aggregate[tally, added] {
	return aggregate.New(store, d, codec, o)
}

func snapshots(store eventlog.Snapshots, schema string, every eventlog.Version) *aggregate.Snapshotting[tally] {
	return &aggregate.Snapshotting[tally]{
		Store: store, Schema: schema, Every: every,
		Encode: func(t tally) ([]byte, error) { return json.Marshal(t) },
		Decode: func(data []byte) (t tally, err error) { return t, json.Unmarshal(data, &t) },
	}
}

// replay folds a stream with nothing but the log.
func replay(log eventlog.Store, s eventlog.Stream) (t tally, n eventlog.Version) {
	for r, err := range log.Read(ctx(), s, 0) {
		if err != nil {
			panic(err)
		}
		e, _, err := codec.Decode(r)
		if err != nil {
			panic(err)
		}
		t, n = byValue.Evolve(t, e), r.Version
	}
	return t, n
}

func same(a, b tally) bool { return a.Sum == b.Sum && maps.Equal(a.IDs, b.IDs) }

func sortedIDs(t tally) []string { return slices.Sorted(maps.Keys(t.IDs)) }
