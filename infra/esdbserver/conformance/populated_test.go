package conformance_test

import (
	"path/filepath"
	"testing"

	"github.com/google/uuid"

	"orderflow/domain/eventlog"
	"orderflow/infra/esdbserver/conformance"
	"orderflow/infra/memory"
	"orderflow/infra/pebblelog"
)

// original is the populated data set as a node stores it. A client gives an
// event its id and its content; where and when it was stored, which the suite
// compares too, is put right around the node, see places and dated.
type original struct {
	events []eventlog.Recorded
	places places
}

// fill lets a node store the data set, as clients would, and takes what it
// stored, less what a node writes by itself into an empty log: the data set
// begins with what the original server wrote there.
func fill(t *testing.T, resources string) original {
	t.Helper()
	dataset, err := conformance.Dataset(resources)
	if err != nil {
		t.Fatalf("the data set cannot be rebuilt: %v", err)
	}
	log := memory.NewDense()
	address, stop := serve(t, log, nil, "")
	if err := conformance.Fill(t.Context(), "esdb://"+address+"?tls=false", dataset); err != nil {
		t.Fatalf("the data set cannot be stored: %v", err)
	}
	stop()
	wanted := make(map[eventlog.EventID]conformance.Event, len(dataset))
	for _, e := range dataset {
		wanted[eventlog.EventID(e.ID)] = e
	}
	var o original
	for r, err := range log.ReadAll(t.Context(), 0) {
		if err != nil {
			t.Fatal(err)
		}
		if e, ok := wanted[r.ID]; ok {
			o.events = append(o.events, r)
			o.places = append(o.places, place{eventlog.Position(e.Position), e.Created}) //nolint:gosec // bytes of a file
		}
	}
	if len(o.events) != len(dataset) {
		t.Fatalf("the node stored %d events of %d", len(o.events), len(dataset))
	}
	for i, e := range dataset {
		if got := uuid.UUID(o.events[i].ID); got != e.ID {
			t.Fatalf("event %d of the data set is %s; the node stored %s there", i, e.ID, got)
		}
	}
	return o
}

// serve starts a node that holds the data set and nothing else.
func (o original) serve(t *testing.T, certificates string) (address string, stop func()) {
	t.Helper()
	log, err := pebblelog.Open(filepath.Join(t.TempDir(), "log"), pebblelog.Options{IndexIDs: true, LongNames: true})
	if err != nil {
		t.Fatal(err)
	}
	versions := map[eventlog.Stream]eventlog.Version{}
	for left := o.events; len(left) > 0; {
		stream, n := left[0].Stream, 0
		var batch []eventlog.Pending
		for ; n < len(left) && left[n].Stream == stream; n++ {
			batch = append(batch, eventlog.Pending{ID: left[n].ID, Type: left[n].Type, Data: left[n].Data, Meta: left[n].Meta})
		}
		a, err := log.Append(t.Context(), stream, versions[stream], batch...)
		if err != nil {
			t.Fatal(err)
		}
		versions[stream], left = a.Version, left[n:]
	}
	address, stopServing := serve(t, dated{log, o.places}, o.places, certificates)
	return address, func() {
		stopServing()
		if err := log.Close(); err != nil {
			t.Errorf("the log of the populated node: %v", err)
		}
	}
}
