package groups_test

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"reflect"
	"testing"
	"time"

	"orderflow/domain/eventlog"
	"orderflow/infra/esdbserver/internal/engine"
	"orderflow/infra/esdbserver/internal/groups"
)

var update = flag.Bool("update", false, "write the golden files anew")

var configured = []groups.Configured{
	{
		Key: groups.Key{Stream: "orders-/ä\n", Group: "a::b"}, Begin: 41,
		Settings: groups.Settings{
			Start: groups.Start{At: 42}, ResolveLinks: true, ExtraStatistics: true, MessageTimeout: 30 * time.Second, MaxRetries: 10,
			HistoryBuffer: 500, LiveBuffer: 501, ReadBatch: 20, CheckpointAfter: 2 * time.Second, MinCheckpoint: 10, MaxCheckpoint: 1000,
			MaxClients: 3, Strategy: groups.PinnedByCorrelation,
		},
	},
	{
		Key: groups.Key{Stream: groups.AllStream, Group: "types"}, Begin: 7_000,
		Settings: groups.Settings{Start: groups.Start{End: true}, Filter: &groups.Filter{EventType: true, Regex: "^(?!\\$).*,"}, Strategy: groups.RoundRobin},
	},
	{
		Key: groups.Key{Stream: groups.AllStream, Group: "streams"}, Begin: groups.Nowhere,
		Settings: groups.Settings{Filter: &groups.Filter{Prefixes: []string{"order-", "a,b"}}, Strategy: groups.DispatchToSingle},
	},
}

var parked = groups.Park{
	Reason: "Client explicitly NAK'ed message.\nno \"such\" item",
	Event: groups.Event{Place: 1_234, Resolved: engine.Resolved{
		Event: &engine.Event{Stream: "orders-1@x", Number: 3}, Link: &engine.Event{Stream: "$ce-orders", Number: 17, Data: []byte("3@orders-1@x")},
	}},
}

// TestStoredForms compares with what earlier versions stored. The files may
// gain lines and never change.
func TestStoredForms(t *testing.T) {
	at := time.Date(2026, 3, 1, 9, 0, 0, 123_456_700, time.UTC)
	config, err := groups.EncodeConfig(configured, at, "admin")
	if err != nil {
		t.Fatal(err)
	}
	link, err := groups.ParkedLink(eventlog.EventID{1}, parked, at)
	if err != nil {
		t.Fatal(err)
	}
	for name, got := range map[string][]byte{
		"config.json": config, "checkpoint.json": groups.EncodeCheckpoint(12, false), "checkpoint_all.json": groups.EncodeCheckpoint(12, true),
		"parked.txt": link.Data, "parked_metadata.json": link.Metadata,
	} {
		file := filepath.Join("testdata", name)
		if *update {
			if err := os.WriteFile(file, append(got, '\n'), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(append(got, '\n'), want) {
			t.Errorf("%s:\n got %s\nwant %s", name, got, want)
		}
	}
	back, err := groups.DecodeConfig(config)
	if err != nil || !reflect.DeepEqual(back, configured) {
		t.Errorf("read back (err %v):\n got %+v\nwant %+v", err, back, configured)
	}
	if p := groups.ParkedPlace(link.Metadata); p != 1_234 {
		t.Errorf("the parked event is at %d", p)
	}
}

// TestWhatEventStoreDBStored reads forms that only it writes.
func TestWhatEventStoreDBStored(t *testing.T) {
	got, err := groups.DecodeConfig([]byte(`{"Version":"1","Entries":[
		{"Stream":"s","Group":"old","PreferRoundRobin":true,"StartFrom":5},
		{"Stream":"s","Group":"older","StartFrom":-1},
		{"Stream":"$all","Group":"f","StartPosition":"C:9/P:8","NamedConsumerStrategy":"Pinned","Filter":{"Context":"streamId","Type":"prefix","Data":"a,b","IsAllStream":true}}]}`))
	if err != nil || len(got) != 3 {
		t.Fatalf("%+v, %v", got, err)
	}
	if s := got[0].Settings; s.Strategy != groups.RoundRobin || s.Start.At != 5 || got[0].Begin != 4 {
		t.Errorf("%+v", got[0])
	}
	if s := got[1].Settings; s.Strategy != groups.DispatchToSingle || !s.Start.End {
		t.Errorf("%+v", got[1])
	}
	if s := got[2].Settings; s.Start.At != 9 || !reflect.DeepEqual(s.Filter.Prefixes, []string{"a", "b"}) {
		t.Errorf("%+v", got[2])
	}
	if p, err := groups.DecodeCheckpoint([]byte("17"), false); err != nil || p != 17 {
		t.Errorf("the checkpoint 17 is %d (err %v)", p, err)
	}
}

func FuzzConfig(f *testing.F) {
	data, err := groups.EncodeConfig(configured, time.Unix(0, 0), "admin")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(data)
	f.Add([]byte(`{"version":"1","entries":[{"stream":"s","group":"g","startFrom":-7}]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		first, err := groups.DecodeConfig(data)
		if err != nil {
			return
		}
		again, err := groups.EncodeConfig(first, time.Unix(0, 0), "")
		if err != nil {
			t.Fatal(err)
		}
		second, err := groups.DecodeConfig(again)
		if err != nil {
			t.Fatalf("%s\ncannot be read: %v", again, err)
		}
		if len(second) != len(first) {
			t.Fatalf("%d groups became %d", len(first), len(second))
		}
		for i := range first {
			if first[i].Key != second[i].Key || first[i].Begin != second[i].Begin || first[i].Settings.Start != second[i].Settings.Start {
				t.Fatalf("%+v became %+v", first[i], second[i])
			}
		}
	})
}

func FuzzCheckpoint(f *testing.F) {
	f.Add([]byte(`"12"`), false)
	f.Add([]byte(`"C:12/P:12"`), true)
	f.Add([]byte(`12`), false)
	f.Fuzz(func(t *testing.T, data []byte, all bool) {
		p, err := groups.DecodeCheckpoint(data, all)
		if err != nil {
			return
		}
		if p < groups.Nowhere {
			t.Fatalf("%s is %d", data, p)
		}
		if again, err := groups.DecodeCheckpoint(groups.EncodeCheckpoint(p, all), all); err != nil || again != p {
			t.Fatalf("%d became %d (err %v)", p, again, err)
		}
	})
}

func FuzzParkedLink(f *testing.F) {
	f.Add([]byte(`{"added":"2026-03-01T09:00:00Z","reason":"x","subscriptionEventNumber":1,"subscriptionPosition":7}`), "because")
	f.Fuzz(func(t *testing.T, metadata []byte, reason string) {
		p := groups.ParkedPlace(metadata)
		if p < groups.Nowhere {
			t.Fatalf("%s is %d", metadata, p)
		}
		park := parked
		park.Event.Place, park.Reason = p, reason
		link, err := groups.ParkedLink(eventlog.EventID{1}, park, time.Unix(0, 0))
		if err != nil {
			t.Fatal(err)
		}
		if again := groups.ParkedPlace(link.Metadata); again != p {
			t.Fatalf("%d became %d", p, again)
		}
	})
}
