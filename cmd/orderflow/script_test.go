package main

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/EventStore/EventStore-Client-Go/v4/esdb"
	"github.com/rogpeppe/go-internal/testscript"

	"orderflow/infra/esdbserver/conformance"
)

const (
	// awaitTime bounds how long a script waits for a file to say something.
	awaitTime = 30 * time.Second
	// awaitLook is the pause between two looks: a file cannot be waited for.
	awaitLook = 10 * time.Millisecond
)

// await waits until FILE matches PATTERN and sets VAR to what its group found:
//
//	await VAR FILE PATTERN
//
// It is how a script learns on which port its server listens.
func await(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 3 {
		ts.Fatalf("usage: await VAR FILE PATTERN")
	}
	pattern := compile(ts, args[2])
	for deadline := time.Now().Add(awaitTime); time.Now().Before(deadline); time.Sleep(awaitLook) {
		data, err := os.ReadFile(ts.MkAbs(args[1]))
		if err == nil {
			if found := pattern.FindSubmatch(data); found != nil {
				ts.Setenv(args[0], string(found[1]))
				return
			}
		}
	}
	ts.Fatalf("%s did not say %q within %s", args[1], args[2], awaitTime)
}

// hide hides the events of STREAM below a NUMBER, as any client of an event
// store may:
//
//	hide CONNECTION STREAM NUMBER
func hide(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 3 {
		ts.Fatalf("usage: hide CONNECTION STREAM NUMBER")
	}
	number, err := strconv.ParseUint(args[2], 10, 64)
	ts.Check(err)
	client := eventStoreClient(ts, args[0])
	defer client.Close() //nolint:errcheck // it was only asked
	var m esdb.StreamMetadata
	m.SetTruncateBefore(number)
	ctx, cancel := context.WithTimeout(context.Background(), awaitTime)
	defer cancel()
	_, err = client.SetStreamMetadata(ctx, args[1], esdb.AppendToStreamOptions{}, m)
	ts.Check(err)
}

func eventStoreClient(ts *testscript.TestScript, connection string) *esdb.Client {
	configuration, err := esdb.ParseConnectionString(connection)
	ts.Check(err)
	configuration.Logger = esdb.NoopLogging()
	client, err := esdb.NewClient(configuration)
	ts.Check(err)
	return client
}

// scavenged waits until the scavenge ID has ended, with RESULT:
//
//	scavenged CONNECTION ID RESULT
func scavenged(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 3 {
		ts.Fatalf("usage: scavenged CONNECTION ID RESULT")
	}
	client := eventStoreClient(ts, args[0])
	defer client.Close() //nolint:errcheck // it was only asked
	ctx, cancel := context.WithTimeout(context.Background(), awaitTime)
	defer cancel()
	told, err := client.SubscribeToStream(ctx, "$scavenges-"+args[1], esdb.SubscribeToStreamOptions{From: esdb.Start{}})
	ts.Check(err)
	for {
		e := told.Recv()
		if e.SubscriptionDropped != nil {
			ts.Fatalf("scavenge %s: %v", args[1], e.SubscriptionDropped.Error)
		}
		if e.EventAppeared == nil || e.EventAppeared.Event.EventType != "$scavengeCompleted" {
			continue
		}
		if data := string(e.EventAppeared.Event.Data); !strings.Contains(data, `"result":"`+args[2]+`"`) {
			ts.Fatalf("scavenge %s ended with %s, want %s", args[1], data, args[2])
		}
		return
	}
}

// capture sets VAR to what the group of PATTERN finds in the last stdout:
//
//	capture VAR PATTERN
func capture(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: capture VAR PATTERN")
	}
	out := ts.ReadFile("stdout")
	found := compile(ts, args[1]).FindStringSubmatch(out)
	if found == nil {
		ts.Fatalf("stdout does not match %q:\n%s", args[1], strings.TrimSpace(out))
	}
	ts.Setenv(args[0], found[1])
}

// code runs a program and demands an exit code:
//
//	code N PROGRAM ARG…
func code(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: code N PROGRAM ARG…")
	}
	got := "0"
	if err := ts.Exec(args[1], args[2:]...); err != nil {
		exit, ok := errors.AsType[*exec.ExitError](err)
		if !ok {
			ts.Fatalf("%v", err)
		}
		got = strconv.Itoa(exit.ExitCode())
	}
	if got != args[0] {
		ts.Fatalf("exit code %s, not %s", got, args[0])
	}
}

// flip flips a bit in the middle of every file that PATTERN matches:
//
//	flip PATTERN
func flip(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: flip PATTERN")
	}
	files, err := filepath.Glob(ts.MkAbs(args[0]))
	ts.Check(err)
	if len(files) == 0 {
		ts.Fatalf("no file matches %s", args[0])
	}
	for _, name := range files {
		data, err := os.ReadFile(name)
		ts.Check(err)
		data[len(data)/2] ^= 0x40
		ts.Check(os.Remove(name)) // a copy may share it
		ts.Check(os.WriteFile(name, data, 0o600))
	}
}

// certificates makes an authority and a certificate of this machine:
//
//	certificates DIR
//
// They are DIR/ca/ca.crt, DIR/node/node.crt and DIR/node/node.key.
func certificates(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: certificates DIR")
	}
	ts.Check(conformance.WriteCertificates(ts.MkAbs(args[0]), time.Now()))
}

func compile(ts *testscript.TestScript, pattern string) *regexp.Regexp {
	r, err := regexp.Compile("(?m)" + pattern)
	ts.Check(err)
	if r.NumSubexp() != 1 {
		ts.Fatalf("%q has no group", pattern)
	}
	return r
}
