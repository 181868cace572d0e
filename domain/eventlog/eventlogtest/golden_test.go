package eventlogtest_test

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"orderflow/domain/eventlog"
	"orderflow/domain/eventlog/eventlogtest"
)

// Opened is what is written today; "opened.v1", without currency, was before.
type Opened struct {
	Minor    int64  `json:"minor"`
	Currency string `json:"currency"`
}

func (Opened) EventType() string { return "opened.v2" }

// Renamed is Opened after a stored field was renamed.
type Renamed struct {
	Minor    int64  `json:"amount"`
	Currency string `json:"currency"`
}

func (Renamed) EventType() string { return "opened.v2" }

func codec() eventlog.Codec[Opened] {
	return eventlog.NewCodec(Opened{}).Upcast("opened.v1", func(data []byte) (Opened, error) {
		o := Opened{Currency: "GBP"}
		return o, json.Unmarshal(data, &o)
	})
}

func TestGolden(t *testing.T) {
	eventlogtest.Golden(t, codec(), Opened{5, "EUR"}, Opened{})
	eventlogtest.GoldenOld(t, codec())
}

// caseOf tells a child process which of the cases below to run.
const caseOf = "EVENTLOGTEST_GOLDEN_CASE"

// TestGoldenCase is what TestGoldenGuards runs in processes of their own,
// because it wants to see it fail.
func TestGoldenCase(t *testing.T) {
	switch os.Getenv(caseOf) {
	case "same":
		eventlogtest.Golden(t, codec(), Opened{5, "EUR"}, Opened{})
		eventlogtest.GoldenOld(t, codec())
	case "renamed field":
		eventlogtest.Golden(t, eventlog.NewCodec(Renamed{}), Renamed{5, "EUR"}, Renamed{})
	case "sample taken away":
		eventlogtest.Golden(t, codec(), Opened{5, "EUR"})
	case "new sample":
		eventlogtest.Golden(t, codec(), Opened{5, "EUR"}, Opened{}, Opened{6, "USD"})
	case "no sample":
		eventlogtest.Golden(t, codec())
	case "other upcast":
		c := codec().Upcast("opened.v1", func([]byte) (Opened, error) { return Opened{}, nil })
		eventlogtest.GoldenOld(t, c)
	case "no upcast":
		eventlogtest.GoldenOld(t, eventlog.NewCodec(Opened{}))
	}
}

func TestGoldenGuards(t *testing.T) {
	for _, c := range []struct {
		name         string
		update       bool
		fails, grows bool
	}{
		{name: "same"},
		{name: "same", update: true},
		{name: "renamed field", fails: true},
		{name: "renamed field", update: true, fails: true},
		{name: "sample taken away", fails: true},
		{name: "sample taken away", update: true, fails: true},
		{name: "new sample", fails: true},
		{name: "new sample", update: true, grows: true},
		{name: "no sample", update: true, fails: true},
		{name: "other upcast", fails: true},
		{name: "other upcast", update: true, fails: true},
		{name: "no upcast", fails: true},
	} {
		dir := t.TempDir()
		if err := os.CopyFS(filepath.Join(dir, "testdata"), os.DirFS("testdata")); err != nil {
			t.Fatal(err)
		}
		before := contents(t, dir)
		args := []string{"-test.run=^TestGoldenCase$"}
		if c.update {
			args = append(args, "-update")
		}
		child := exec.CommandContext(t.Context(), os.Args[0], args...)
		child.Dir, child.Env = dir, append(os.Environ(), caseOf+"="+c.name)
		out, err := child.CombinedOutput()
		if failed := err != nil; failed != c.fails {
			t.Errorf("%s, update %t: failed %t, want %t\n%s", c.name, c.update, failed, c.fails, out)
		}
		after := contents(t, dir)
		if !strings.HasPrefix(after, before) || (after != before) != c.grows {
			t.Errorf("%s, update %t: the files became\n%s\nand were\n%s", c.name, c.update, after, before)
		}
	}
}

// contents is the old forms and then the events, where lines may be appended.
func contents(t *testing.T, dir string) (text string) {
	t.Helper()
	for _, name := range []string{"old.golden", "events.golden"} {
		b, err := os.ReadFile(filepath.Join(dir, "testdata", name))
		if err != nil {
			t.Fatal(err)
		}
		text += string(b)
	}
	return text
}
