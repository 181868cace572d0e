package eventstoredb_test

import (
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"orderflow/domain/eventlog"
	"orderflow/domain/eventlog/eventlogtest"
	"orderflow/infra/esdbserver"
	"orderflow/infra/esdbserver/userclient"
	"orderflow/infra/eventstoredb"
	"orderflow/infra/memory"
	"orderflow/infra/pebblelog"
)

// served returns a log of ours on a node of its own over kept.
func served(t testing.TB, kept esdbserver.Log) eventlog.Store {
	n := serve(t, kept, free, nil)
	t.Cleanup(func() { n.stop(t) })
	return connect(t, n.address, eventstoredb.Options{})
}

func TestContractOnMemory(t *testing.T) {
	eventlogtest.Run(t, func(t testing.TB) eventlog.Store { return served(t, memory.NewDense()) })
}

func TestContractOnPebble(t *testing.T) {
	eventlogtest.Run(t, func(t testing.TB) eventlog.Store {
		return served(t, pebble(t, "log", pebblelog.Options{FS: vfs.NewMem(), IndexIDs: true}))
	})
}

// TestContractOverTLS runs as a user of no group that may read $all: what the
// product is everywhere.
func TestContractOverTLS(t *testing.T) {
	certificate, path := certify(t)
	eventlogtest.Run(t, func(t testing.TB) eventlog.Store {
		n := serve(t, memory.NewDense(), free, certificate)
		t.Cleanup(func() { n.stop(t) })
		admin := n.admin(t, path)
		if err := admin.Add(t.Context(), userclient.User{Login: "orderflow"}, "secret"); err != nil {
			t.Fatal(err)
		}
		if _, err := admin.Grant(t.Context(), "orderflow"); err != nil {
			t.Fatal(err)
		}
		return open(t, "esdb://orderflow:secret@"+n.address+"?tlsCaFile="+path, eventstoredb.Options{})
	})
}

// TestDurable restarts the node and its log between the parts.
func TestDurable(t *testing.T) {
	var stop func()
	dir := t.TempDir()
	eventlogtest.RunDurable(t, func(t testing.TB) eventlog.Store {
		if stop != nil {
			stop()
		}
		kept, err := pebblelog.Open(dir, pebblelog.Options{IndexIDs: true})
		if err != nil {
			t.Fatal(err)
		}
		n := serve(t, kept, free, nil)
		stopped := false
		stop = func() {
			if stopped {
				return
			}
			stopped = true
			n.stop(t)
			if err := kept.Close(); err != nil {
				t.Error(err)
			}
		}
		t.Cleanup(stop)
		return connect(t, n.address, eventstoredb.Options{})
	})
}

func pebble(t testing.TB, dir string, opts pebblelog.Options) *pebblelog.Log {
	t.Helper()
	log, err := pebblelog.Open(dir, opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := log.Close(); err != nil {
			t.Error(err)
		}
	})
	return log
}
