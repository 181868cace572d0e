package main

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"time"

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
