package eventlogtest

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"orderflow/domain/eventlog"
)

// FuzzDecode decodes whatever bytes as whatever event, beginning with the
// stored forms in testdata. What can be read must be written again, and read
// as the same; fold takes it on any state without a panic.
func FuzzDecode[E eventlog.Typed](f *testing.F, codec eventlog.Codec[E], fold func(E)) {
	for _, file := range []struct{ name, separator string }{{eventsGolden, " "}, {oldGolden, "\t"}} {
		text, err := os.ReadFile(filepath.Join("testdata", file.name))
		if err != nil {
			continue // a package has not both
		}
		for line := range strings.Lines(string(text)) {
			if fields := strings.SplitN(strings.TrimSuffix(line, "\n"), file.separator, 3); len(fields) > 1 {
				_, data, _ := strings.Cut(strings.TrimSuffix(line, "\n"), file.separator)
				data, _, _ = strings.Cut(data, "\t")
				f.Add(fields[0], []byte(data))
			}
		}
	}
	for name := range codec {
		f.Add(name, []byte("{}"))
		f.Add(name, []byte("null"))
	}
	f.Fuzz(func(t *testing.T, name string, data []byte) {
		e, ok, err := codec.Decode(eventlog.Recorded{Type: name, Data: data})
		if !ok {
			if _, known := codec[name]; known && err == nil {
				t.Fatalf("%s is neither read nor refused: %q", name, data)
			}
			return
		}
		fold(e)
		once, err := codec.Encode(e)
		if err != nil {
			t.Fatalf("%s was read from %q and cannot be written: %v", name, data, err)
		}
		back, ok, err := codec.Decode(eventlog.Recorded{Type: once.Type, Data: once.Data})
		if err != nil || !ok {
			t.Fatalf("%s was written as %q and cannot be read: %v", name, once.Data, err)
		}
		if again, err := codec.Encode(back); err != nil || string(again.Data) != string(once.Data) {
			t.Fatalf("%s was written as\n%s\nand then as\n%s, %v", name, once.Data, again.Data, err)
		}
	})
}
