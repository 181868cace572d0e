package projections

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"orderflow/domain"
	"orderflow/domain/eventlog"
	"orderflow/domain/order"
)

// FuzzDecode gives the views whatever bytes as whatever event, beginning with
// the stored forms of all aggregates: they read a fact, or say that the event
// cannot be projected, and read it as the sums do.
func FuzzDecode(f *testing.F) {
	goldens, err := filepath.Glob(filepath.Join("..", "domain", "*", "testdata", "events.golden"))
	if err != nil || len(goldens) < 6 {
		f.Fatal(goldens, err)
	}
	for _, golden := range goldens {
		text, err := os.ReadFile(golden)
		if err != nil {
			f.Fatal(err)
		}
		for line := range strings.Lines(string(text)) {
			name, data, _ := strings.Cut(strings.TrimSuffix(line, "\n"), " ")
			category, _, _ := strings.Cut(name, ".")
			f.Add(category+"-x", name, []byte(data))
		}
	}
	f.Add("other-x", "order.placed.v1", []byte("{}"))
	d := newDecoder()
	f.Fuzz(func(t *testing.T, stream, name string, data []byte) {
		r := eventlog.Recorded{Stream: eventlog.Stream(stream), Type: name, Data: data, Version: 1, Position: 1}
		e, err := d.decode(r)
		if err != nil {
			if domain.KindOf(err) != domain.Internal || e.fact != nil {
				t.Fatalf("%v, %+v", err, e)
			}
			return
		}
		if e.fact == nil || e.Data != nil || e.size != len(data) {
			t.Fatalf("%s is read as %+v", name, e)
		}
		if _, plain := d.plain[name]; plain {
			return
		}
		fact, err := decode(r)
		if err != nil {
			t.Fatalf("the views read %s, the sums do not: %v", name, err)
		}
		if f, ok := fact.(order.Event); ok {
			_ = Sums{}.order(f, 1, map[uint64]orderFacts{}) // an error or a sum, no panic
		}
	})
}
