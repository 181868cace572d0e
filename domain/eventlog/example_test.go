package eventlog_test

import (
	"context"
	"fmt"

	"orderflow/domain"
	"orderflow/domain/eventlog"
	"orderflow/infra/memory"
)

type noted struct {
	Text string `json:"text"`
}

func (noted) EventType() string { return "note.noted.v1" }

// An append names the version that it expects. Repeating it stores nothing twice;
// another event at the same version is a conflict.
func Example() {
	ctx := context.Background()
	var store eventlog.Store = memory.New()
	codec := eventlog.NewCodec(noted{})

	const stream eventlog.Stream = "note-1"
	write := func(command, text string) {
		event, err := codec.Encode(noted{Text: text})
		if err != nil {
			fmt.Println(err)
		}
		event.ID = eventlog.NewEventID(command, stream, 0)
		done, err := store.Append(ctx, stream, 0, event)
		fmt.Println("version", done.Version, domain.KindOf(err) == domain.Conflict)
	}
	write("command-1", "first")
	write("command-1", "first")
	write("command-2", "other")
	for recorded, err := range store.Read(ctx, stream, 0) {
		event, ok, failed := codec.Decode(recorded)
		fmt.Println(event.Text, ok, err, failed)
	}
	// Output:
	// version 1 false
	// version 1 false
	// version 0 true
	// first true <nil> <nil>
}
