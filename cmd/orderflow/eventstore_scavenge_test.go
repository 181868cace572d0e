package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/EventStore/EventStore-Client-Go/v4/esdb"
	"github.com/google/uuid"

	"orderflow/cmd/orderflow/internal/terminal"
	"orderflow/infra/esdbserver/userclient"
	"orderflow/infra/memory"
)

// slowLog is a log that is long in giving space back: until it is let, or the
// scavenge is stopped.
type slowLog struct {
	*memory.Log
	entered chan struct{}
	fails   atomic.Pointer[error] // at once, with this
}

func (l *slowLog) GiveBack(ctx context.Context) error {
	if err := l.fails.Load(); err != nil {
		return *err
	}
	l.entered <- struct{}{}
	<-ctx.Done()
	return ctx.Err()
}

// scavengeCmd runs the command as a user, and returns its exit code and what it
// printed, and complained of.
func scavengeCmd(t *testing.T, connection string, flags ...string) (code int, out, complaint string) {
	t.Helper()
	var o, e bytes.Buffer
	code = run(append([]string{"eventstore", "scavenge", "--connection", connection}, flags...), &o, &e)
	return code, o.String(), e.String()
}

// slowStore is a node whose scavenges last, with something to remove, and a user
// ada of no group.
func slowStore(t *testing.T) (*secureStore, *slowLog) {
	t.Helper()
	log := &slowLog{Log: memory.NewDense(), entered: make(chan struct{}, 10)}
	s := newSecureStoreOn(t, log)
	configuration, err := esdb.ParseConnectionString(s.connection("admin:changeit"))
	if err != nil {
		t.Fatal(err)
	}
	configuration.Logger = esdb.NoopLogging()
	client, err := esdb.NewClient(configuration)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = client.Close() }()
	event := esdb.EventData{EventID: uuid.New(), EventType: "tested.v1", ContentType: esdb.ContentTypeJson, Data: []byte(`{}`)}
	other := event
	other.EventID = uuid.New()
	var m esdb.StreamMetadata
	m.SetMaxCount(1)
	_, appended := client.AppendToStream(t.Context(), "s", esdb.AppendToStreamOptions{}, event, other)
	_, limited := client.SetStreamMetadata(t.Context(), "s", esdb.AppendToStreamOptions{}, m)
	if err := errors.Join(appended, limited, s.admin(t).Add(t.Context(), userclient.User{Login: "ada"}, "secret")); err != nil {
		t.Fatal(err)
	}
	return s, log
}

// TestScavengeFromTheCommandLine starts a scavenge, finds it under way, and stops
// it; then one fails.
func TestScavengeFromTheCommandLine(t *testing.T) {
	s, log := slowStore(t)
	ops := s.connection("ops:changeit")
	want := func(what string, code, wantCode int, said string, words ...string) {
		t.Helper()
		if code != wantCode {
			t.Errorf("%s: exit code %d, want %d: %s", what, code, wantCode, said)
		}
		for _, w := range words {
			if !strings.Contains(said, w) {
				t.Errorf("%s: no %q in %s", what, w, said)
			}
		}
	}
	code, _, complaint := scavengeCmd(t, s.connection("admin:changeit"), "--state")
	want("none was ever begun", code, terminal.ExitNotFound, complaint, "tells of no scavenge", s.address)
	code, _, complaint = scavengeCmd(t, ops, "--state")
	want("none was ever begun, and no administrator asks", code, terminal.ExitRejected, complaint, "one of $admins if no scavenge was ever begun")
	code, _, complaint = scavengeCmd(t, ops, "--stop", "nothing")
	want("none is under way", code, terminal.ExitNotFound, complaint, "The scavenge nothing is not under way at", s.address)

	code, out, complaint := scavengeCmd(t, ops, "--json")
	var said struct {
		ID, Result string
		Saved      *int64 `json:"saved_bytes"`
		Before     int64  `json:"bytes_before"`
		After      int64  `json:"bytes_after"`
		Removed    int64  `json:"removed_events"`
	}
	if err := json.Unmarshal([]byte(out), &said); err != nil || code != terminal.ExitOK || said.Result != "started" {
		t.Fatalf("start: %d, %s%s", code, out, complaint)
	}
	<-log.entered
	id := said.ID
	code, out, _ = scavengeCmd(t, ops)
	want("a second one", code, terminal.ExitOK, out, "The scavenge "+id+" is under way already; no other was begun.")
	code, out, _ = scavengeCmd(t, ops, "--state")
	want("the state of one under way", code, terminal.ExitOK, out, "The scavenge "+id+" is under way; --stop "+id, "The log had ")
	code, _, complaint = scavengeCmd(t, ops, "--stop", "another")
	want("another is under way", code, terminal.ExitNotFound, complaint, "The scavenge another is not under way")
	code, out, _ = scavengeCmd(t, ops, "--stop", id)
	want("stop", code, terminal.ExitOK, out, "The scavenge "+id+" is stopped; what it removed stays removed. It gave back 0 bytes.", "1 events were removed: the log had ", " bytes before and ")
	code, _, complaint = scavengeCmd(t, ops, "--stop", id)
	want("stopped already", code, terminal.ExitNotFound, complaint, "has ended")
	code, out, _ = scavengeCmd(t, ops, "--state", "--json")
	if err := json.Unmarshal([]byte(out), &said); err != nil || code != terminal.ExitOK || said.ID != id || said.Result != "Stopped" || said.Saved == nil || said.Before == 0 || said.After == 0 || said.Removed != 1 {
		t.Errorf("the state of one that was stopped: %d, %s", code, out)
	}

	broken := errors.New("the disk is slow today")
	log.fails.Store(&broken)
	if _, out, _ = scavengeCmd(t, ops, "--json"); json.Unmarshal([]byte(out), &said) != nil || said.Result != "started" {
		t.Fatal(out)
	}
	s.stop() // it waits for the scavenge
	s.start(t)
	code, out, _ = scavengeCmd(t, ops, "--state")
	want("the state of one that failed", code, terminal.ExitOK, out, "The scavenge "+said.ID+" ended: Errored", "slow today")
	code, _, complaint = scavengeCmd(t, ops, "--state", "--stop", id)
	want("both", code, terminal.ExitUsage, complaint, "--stop", "--state")
}

// TestScavengeIsRefused says what to do to those that may not scavenge, or
// reach nobody.
func TestScavengeIsRefused(t *testing.T) {
	s, _ := slowStore(t)
	flags := map[string][]string{"start": nil, "stop": {"--stop", "x"}, "state": {"--state"}}
	for name, flags := range flags {
		for who, c := range map[string]struct {
			connection string
			code       int
			says       []string
		}{
			"a user of no group": {s.connection("ada:secret"), terminal.ExitRejected, []string{"denies this to the user", "(ada)", "$ops"}},
			"a wrong password":   {s.connection("ops:wrong"), terminal.ExitUsage, []string{"refuses the user or password"}},
			"no node":            {"esdb://ops:changeit@127.0.0.1:1?tls=false", terminal.ExitUnavailable, []string{"127.0.0.1:1 cannot be reached"}},
			"nobody named":       {"", terminal.ExitUsage, []string{"--connection", "ORDERFLOW_EVENTSTORE_ADMIN"}},
		} {
			code, out, complaint := scavengeCmd(t, c.connection, flags...)
			if code != c.code || out != "" || strings.Contains(complaint, "secret") || strings.Contains(complaint, "changeit") {
				t.Errorf("%s by %s: exit code %d, want %d: %s%s", name, who, code, c.code, out, complaint)
			}
			for _, w := range c.says {
				if !strings.Contains(complaint, w) {
					t.Errorf("%s by %s: no %q in %s", name, who, w, complaint)
				}
			}
		}
	}
}
