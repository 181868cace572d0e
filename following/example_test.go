package following_test

import (
	"context"
	"errors"
	"fmt"

	"orderflow/domain/eventlog"
	"orderflow/following"
	"orderflow/infra/memory"
)

// A reader follows the log, says what it has handled, and saves the checkpoint. Its
// next start resumes there.
func Example() {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	log := memory.New()
	for i := range 3 {
		stream := eventlog.Stream(fmt.Sprintf("note-%d", i))
		_, err := log.Append(ctx, stream, 0, eventlog.Pending{ID: eventlog.NewEventID("c", stream, 0), Type: "note.noted.v1", Data: []byte("{}")})
		if err != nil {
			fmt.Println(err)
		}
	}

	reader := following.New(following.Config{Name: "example", Log: log, Categories: []string{"note"}})
	var saved eventlog.Checkpoint
	for r, err := range reader.Follow(ctx, saved.Position(), nil) {
		if err != nil {
			fmt.Println(errors.Is(err, context.Canceled))
			break
		}
		fmt.Println("handled", r.Stream)
		reader.Applied(r.Position)
		if saved.Event = eventlog.MarkOf(r); r.Stream == "note-2" {
			cancel()
		}
	}
	above, err := reader.Resume(context.Background(), saved)
	fmt.Println("resumes at the last event:", above.Event == saved.Event, err)
	// Output:
	// handled note-0
	// handled note-1
	// handled note-2
	// true
	// resumes at the last event: true <nil>
}
