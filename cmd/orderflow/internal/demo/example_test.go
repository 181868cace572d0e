package demo_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"strings"

	"orderflow/cmd/orderflow/internal/demo"
	"orderflow/cmd/orderflow/internal/node"
	"orderflow/cmd/orderflow/internal/terminal"
)

// The demonstration runs a whole system with an outage of the gateway, and compares the
// log with the gateway's ledger at the end.
func Example() {
	var said bytes.Buffer
	show := demo.Command{Orders: 20, Exit: true, Listen: node.AnyPort, Private: node.AnyPort, Seed: 1}
	err := show.Run(context.Background(), terminal.Streams{Out: &said, Err: io.Discard}, slog.New(slog.DiscardHandler))
	fmt.Println(strings.Contains(said.String(), "nobody charged twice"), err)
	// Output: true <nil>
}
