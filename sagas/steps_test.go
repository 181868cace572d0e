package sagas_test

import (
	"flag"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"orderflow/domain/catalog"
	"orderflow/domain/fulfilment"
	"orderflow/domain/inventory"
	"orderflow/domain/order"
	"orderflow/domain/payment"
	"orderflow/domain/shipment"
	"orderflow/sagas/charging"
	"orderflow/sagas/dispatching"
)

var update = flag.Bool("update", false, "write testdata/points.golden anew; look at what went")

// pointsGolden holds the points that every scenario passes without a fault: a
// step that vanishes from one of them shows.
const pointsGolden = "points.golden"

// matrix is what was struck so far.
type matrix struct {
	struck map[strike]bool
	passed []string // scenario and its points
	runs   int
}

// strike is a fault at a step: an event's type, or an outside call.
type strike struct{ step, how string }

// compensations are the calls that a provider may refuse.
func compensations() []string { return []string{"void", "refund", "cancel"} }

// faults lists what can go wrong at a point; in a fleet a process can also stand still
// there while the other goes on.
func faults(p point, fleet bool) []string {
	all := []string{crashBefore, crashAfter, replyLost, replyLate, twice, notMade}
	if fleet {
		all = append(all, stopBefore, stopAfter)
	}
	if p.call {
		all = append(all, failed)
	}
	if p.call && slices.Contains(compensations(), p.name) {
		all = append(all, refused)
	}
	return all
}

// skips says whether a fault need not be struck again. A crash or a stop is struck at
// every point of every scenario but before an order is there; how a log answers
// does not depend on the scenario.
func (m *matrix) skips(p point, how string) bool {
	setup := []string{catalog.Listed{}.EventType(), inventory.Received{}.EventType(), order.Placed{}.EventType()}
	everywhere := how == crashBefore || how == crashAfter || how == stopBefore || how == stopAfter
	if p.call || everywhere && !slices.Contains(setup, p.name) {
		return false
	}
	return m.struck[strike{p.name, how}]
}

func (m *matrix) strike(p point, how string) {
	m.runs++
	m.struck[strike{p.name, how}] = true
	for step := range strings.SplitSeq(p.name, "+") {
		m.struck[strike{step, how}] = true
	}
}

// steps lists what the system does, from the code that does it: the events
// that the codecs know, and the calls of the ports.
func steps() []point {
	var all []point
	for _, types := range [][]string{
		slices.Collect(maps.Keys(order.Codec)), slices.Collect(maps.Keys(inventory.Codec)), slices.Collect(maps.Keys(payment.Codec)),
		slices.Collect(maps.Keys(shipment.Codec)), slices.Collect(maps.Keys(catalog.Codec)), slices.Collect(maps.Keys(fulfilment.Codec)),
	} {
		for _, eventType := range types {
			all = append(all, point{name: eventType})
		}
	}
	for _, port := range []reflect.Type{reflect.TypeFor[charging.Gateway](), reflect.TypeFor[dispatching.Carrier]()} {
		for i := range port.NumMethod() {
			all = append(all, point{name: strings.ToLower(port.Method(i).Name), call: true})
		}
	}
	return all
}

// elsewhere are the events that no step of an order's way writes.
func elsewhere() []string {
	return []string{
		catalog.Repriced{}.EventType(), catalog.Delisted{}.EventType(), inventory.Adjusted{}.EventType(),
		shipment.Dispatched{}.EventType(), shipment.Delivered{}.EventType(),
	}
}

// check holds what was struck against the code, and what was passed against
// what was passed before.
func (m *matrix) check(t *testing.T) {
	t.Helper()
	for _, p := range steps() {
		for _, how := range faults(p, true) {
			switch hit := m.struck[strike{p.name, how}]; {
			case slices.Contains(elsewhere(), p.name):
				if hit {
					t.Errorf("%s is written on an order's way: it is no longer one of elsewhere", p.name)
				}
			case !hit:
				t.Errorf("%s was never struck by %q: a step was removed, or needs a scenario", p.name, how)
			}
		}
	}
	path, text := filepath.Join("testdata", pointsGolden), strings.Join(m.passed, "\n")+"\n"
	if *update {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	had, has := strings.Split(string(want), "\n"), strings.Split(text, "\n")
	for _, line := range had {
		if !slices.Contains(has, line) {
			t.Errorf("no scenario passes these points any more; -update once that is right\n%s\ntoday\n%s", line, text)
		}
	}
	if len(has) != len(had) {
		t.Errorf("%d scenarios, %d in %s; -update writes them", len(has)-1, len(had)-1, path)
	}
}

// names lists points by name, sorted: which of two sagas comes first may vary.
func names(points []point) string {
	var all []string
	for _, p := range points {
		all = append(all, p.name)
	}
	slices.Sort(all)
	return strings.Join(all, " ")
}
