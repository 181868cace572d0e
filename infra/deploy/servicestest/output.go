package servicestest

import (
	"io"
	"os"
	"strings"
	"testing"
)

// CheckOutput runs an Example and compares what it prints with want, without blanks at
// both ends. An Example that needs a server has no Output comment, since go test cannot
// give it one; a test of the package runs it here.
func CheckOutput(t *testing.T, example func(), want string) {
	t.Helper()
	read, write, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	printed := make(chan string, 1)
	go func() {
		text, err := io.ReadAll(read)
		if err != nil {
			text = append(text, err.Error()...)
		}
		printed <- string(text)
	}()
	func() {
		stdout := os.Stdout
		os.Stdout = write
		defer func() { os.Stdout = stdout; _ = write.Close() }()
		example()
	}()
	if got := strings.TrimSpace(<-printed); got != strings.TrimSpace(want) {
		t.Errorf("printed\n%s\nwant\n%s", got, want)
	}
	_ = read.Close()
}
