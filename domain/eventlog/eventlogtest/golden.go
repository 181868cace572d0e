package eventlogtest

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"orderflow/domain/eventlog"
)

var update = flag.Bool("update", false, "append what is new to golden files; what they hold never changes")

// Golden files of a package, under testdata.
const (
	eventsGolden = "events.golden" // type, space, data: what is written today
	oldGolden    = "old.golden"    // type, tab, data, and then, by tabs, type and data it is read as
)

// Golden checks that the samples, at least one for every type that codec
// writes, are still stored exactly as testdata/events.golden says, and that
// what it says can be read. With -update new samples are appended; a line that
// is there stays for ever, because somewhere it is stored.
func Golden[E eventlog.Typed](t *testing.T, codec eventlog.Codec[E], samples ...E) {
	t.Helper()
	var lines []string
	covered := map[string]bool{}
	for _, e := range samples {
		line := encode(t, codec, e, " ")
		name, data, _ := strings.Cut(line, " ")
		covered[name] = true
		lines = append(lines, line)
		if back := encode(t, codec, decode(t, codec, name, data), " "); back != line {
			t.Errorf("read and written again, the sample becomes\n%s\nnot\n%s", back, line)
		}
	}
	for _, line := range golden(t, oldGolden) {
		name, _, _ := strings.Cut(line, "\t")
		covered[name] = true
	}
	for name := range codec {
		if !covered[name] {
			t.Errorf("no sample of %s; a type that is only read needs a line in %s and GoldenOld", name, oldGolden)
		}
	}
	stored := golden(t, eventsGolden)
	for _, line := range stored {
		if !slices.Contains(lines, line) {
			name, _, _ := strings.Cut(line, " ")
			t.Errorf("the stored form of %s changed, or its sample went:\n%s\nsamples of today:\n%s", name, line, strings.Join(lines, "\n"))
		}
	}
	lines = slices.DeleteFunc(lines, func(line string) bool { return slices.Contains(stored, line) })
	switch {
	case len(lines) == 0:
	case *update && !t.Failed():
		write(t, eventsGolden, append(stored, lines...))
	default:
		t.Errorf("%s lacks these, and -update appends them once nothing else fails:\n%s", eventsGolden, strings.Join(lines, "\n"))
	}
}

// GoldenOld checks that every stored form of former days in testdata/old.golden
// is still read as it says. To add one, write its type, a tab and its data on a
// line of its own; -update completes the line with what it is read as today.
func GoldenOld[E eventlog.Typed](t *testing.T, codec eventlog.Codec[E]) {
	t.Helper()
	lines := golden(t, oldGolden)
	if len(lines) == 0 {
		t.Fatalf("%s holds no old form", oldGolden)
	}
	for i, line := range lines {
		fields := strings.SplitN(line, "\t", 3)
		if len(fields) < 2 {
			t.Fatalf("%s:%d is not a type, a tab and data", oldGolden, i+1)
		}
		got := encode(t, codec, decode(t, codec, fields[0], fields[1]), "\t")
		switch {
		case len(fields) == 2 && *update:
			lines[i] = line + "\t" + got
		case len(fields) == 2:
			t.Errorf("%s:%d does not say what it is read as; -update completes it", oldGolden, i+1)
		case got != fields[2]:
			t.Errorf("%s:%d is read as\n%s\nnot\n%s", oldGolden, i+1, got, fields[2])
		}
	}
	if *update && !t.Failed() {
		write(t, oldGolden, lines)
	}
}

func encode[E eventlog.Typed](t *testing.T, codec eventlog.Codec[E], e E, separator string) string {
	t.Helper()
	p, err := codec.Encode(e)
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf("%s%s%s", p.Type, separator, p.Data)
}

func decode[E eventlog.Typed](t *testing.T, codec eventlog.Codec[E], name, data string) E {
	t.Helper()
	e, ok, err := codec.Decode(eventlog.Recorded{Type: name, Data: []byte(data)})
	if err != nil || !ok {
		t.Fatalf("%s cannot be read: known %t, %v\n%s", name, ok, err, data)
	}
	return e
}

// golden returns the lines of a file under testdata, none if it does not exist.
func golden(t *testing.T, file string) []string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("testdata", file))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		t.Fatal(err)
	}
	return strings.Split(strings.TrimSuffix(string(text), "\n"), "\n")
}

func write(t *testing.T, file string, lines []string) {
	t.Helper()
	if err := os.MkdirAll("testdata", 0o755); err != nil {
		t.Fatal(err)
	}
	var text bytes.Buffer
	for _, line := range lines {
		fmt.Fprintln(&text, line)
	}
	if err := os.WriteFile(filepath.Join("testdata", file), text.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
}
