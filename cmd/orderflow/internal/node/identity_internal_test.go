package node

import (
	"context"
	"iter"
	"testing"

	"orderflow/domain/eventlog"
	"orderflow/infra/memory"
)

// asked is a log that counts how often all of it is read.
type asked struct {
	*memory.Log
	reads, events int
}

func (*asked) Close() error { return nil }

func (l *asked) ReadAll(ctx context.Context, above eventlog.Position, categories ...string) iter.Seq2[eventlog.Recorded, error] {
	l.reads++
	return func(yield func(eventlog.Recorded, error) bool) {
		for r, err := range l.Log.ReadAll(ctx, above, categories...) {
			if l.events++; !yield(r, err) {
				return
			}
		}
	}
}

// TestWhichLogItIsTakesOneRead: the first event is looked up where it was found.
func TestWhichLogItIsTakesOneRead(t *testing.T) {
	fill := func(id byte, system int) *asked {
		log := &asked{Log: memory.New()}
		for i := range system {
			p := eventlog.Pending{ID: eventlog.EventID{0xee, byte(i), byte(i >> 8)}, Type: "$statsCollected", Data: []byte("{}")}
			if _, err := log.Append(t.Context(), "$stats", eventlog.Version(i), p); err != nil {
				t.Fatal(err)
			}
		}
		p := eventlog.Pending{ID: eventlog.EventID{id}, Type: "product.listed.v1", Data: []byte(`{}`)}
		if _, err := log.Append(t.Context(), "product-A", 0, p); err != nil {
			t.Fatal(err)
		}
		return log
	}
	const system = 500
	log := fill(1, system)
	is, first, err := Identify(t.Context(), log)
	if err != nil || is.FirstEvent == "" || first == 0 || log.events != system+1 {
		t.Fatalf("it is %+v at %d after %d events, %v", is, first, log.events, err)
	}
	if log.reads = 0; !is.begins(t.Context(), log, first) || log.reads > 0 {
		t.Errorf("it is not known again, or was read %d times", log.reads)
	}
	for name, other := range map[string]*asked{"another event": fill(2, system), "elsewhere": fill(1, system+1), "none": {Log: memory.New()}} {
		if is.begins(t.Context(), other, first) {
			t.Errorf("%s passes for the log", name)
		}
	}
	if is.begins(t.Context(), log, 0) {
		t.Error("no position passes for that of the first event")
	}
}
