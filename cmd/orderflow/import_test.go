package main_test

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// TestImport runs the binary itself, built once.
func TestImport(t *testing.T) {
	binary := program{path: filepath.Join(t.TempDir(), "orderflow")}
	build := exec.CommandContext(t.Context(), "go", "build", "-o", binary.path, ".")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	t.Run("sample", func(t *testing.T) { importAgrees(t, binary, sampleFile, 0) })
	t.Run("sample runs short", func(t *testing.T) { importAgrees(t, binary, sampleFile, scarce) })
	t.Run("refusals", func(t *testing.T) { importRefuses(t, binary) })
	t.Run("killed", func(t *testing.T) { importSurvivesKills(t, binary) })
	t.Run("event store", func(t *testing.T) { importOnEventStore(t, binary, sampleFile, 0) })
	t.Run("event store runs short", func(t *testing.T) { importOnEventStore(t, binary, sampleFile, scarce) })
	t.Run("event store killed", func(t *testing.T) { importSurvivesKillsInTurn(t, binary) })
	t.Run("event store with users", func(t *testing.T) { importAsAUser(t, binary) })
	t.Run("event store refuses the user", func(t *testing.T) { importIsRefused(t, binary) })
	t.Run("event store serves", func(t *testing.T) { serveSurvivesStops(t, binary) })
	t.Run("copies killed", func(t *testing.T) { copySurvivesKills(t, binary) })
	if testing.Short() {
		t.Log("in short form: the sample, and not the whole data set")
		return
	}
	whole := wholeFile(t)
	if whole == "" {
		t.Logf("the whole data set is not here; the sample was taken")
		return
	}
	t.Run("whole", func(t *testing.T) { importAgrees(t, binary, whole, 0) })
	t.Run("whole runs short", func(t *testing.T) { importAgrees(t, binary, whole, 100) })
	t.Run("whole on event store", func(t *testing.T) { importOnEventStore(t, binary, whole, 0) })
	t.Run("whole runs short as a user", func(t *testing.T) { asAUser(t, binary, whole, 100) })
}

const (
	sampleFile = "testdata/retail_sample.csv"
	// scarce is a --stock with which about half the orders of the sample run short.
	scarce = 20
)

// wholeFile is the data set the sample was taken from, "" where it is not. In
// CI it must be there.
func wholeFile(t *testing.T) string {
	t.Helper()
	path := filepath.Join("..", "..", "..", "shared", "data", "online-retail-2010-12_2011-10.csv.gz")
	if _, err := os.Stat(path); err != nil {
		if os.Getenv("CI") == "true" {
			t.Errorf("with CI=true the whole data set is needed: %v", err)
		}
		return ""
	}
	return path
}

// program is a built binary, run on one data directory. The log is in it, unless
// there is a store.
type program struct {
	path, data string
	store      *store
}

func (n program) on(dir string) program { return program{path: n.path, data: dir} }

func (n program) with(s *store) program {
	n.store = s
	return n
}

// command runs a subcommand on the node's data directory.
func (n program) command(t *testing.T, args ...string) *exec.Cmd {
	t.Helper()
	args = append(args, "--data", n.data)
	if n.store != nil {
		args = append(args, "--eventstore", n.store.connection)
	}
	return exec.CommandContext(t.Context(), n.path, args...)
}

// ask runs a subcommand that succeeds and prints one JSON object.
func (n program) ask(t *testing.T, into any, args ...string) {
	t.Helper()
	cmd := n.command(t, append(args, "--json")...)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("orderflow %v: %v\n%s%s", args, err, out, stderr.Bytes())
	}
	decoder := json.NewDecoder(bytes.NewReader(out))
	if err := decoder.Decode(into); err != nil || decoder.More() {
		t.Fatalf("orderflow %v printed %v: %s", args, err, out)
	}
}

// importRefuses checks what a person gets for wrong requests.
func importRefuses(t *testing.T, binary program) {
	n := binary.on(t.TempDir())
	bad := filepath.Join(t.TempDir(), "bad.csv")
	if err := os.WriteFile(bad, []byte("InvoiceNo,StockCode\n1,2\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for says, c := range map[string]struct {
		code int
		args []string
	}{
		"--data":     {2, []string{sampleFile, "--server", "http://127.0.0.1:8080"}},
		"--stock":    {2, []string{sampleFile, "--stock", "some"}},
		"CustomerID": {2, []string{bad}},
		"opened":     {3, []string{"testdata/none.csv"}},
	} {
		cmd := n.command(t, append([]string{"import", "online-retail"}, c.args...)...)
		out, err := cmd.CombinedOutput()
		if cmd.ProcessState.ExitCode() != c.code || !bytes.Contains(out, []byte(says)) {
			t.Errorf("import %v ends with %v and says %s; want code %d and a word of %s", c.args, err, out, c.code, says)
		}
	}
}
