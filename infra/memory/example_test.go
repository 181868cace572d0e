package memory_test

import (
	"context"
	"fmt"

	"orderflow/domain/eventlog"
	"orderflow/infra/memory"
)

// The log in memory behaves as a log on disk does; its positions have gaps on purpose.
func Example() {
	ctx := context.Background()
	log := memory.New()
	for i := range 3 {
		stream := eventlog.Stream(fmt.Sprintf("note-%d", i))
		if _, err := log.Append(ctx, stream, 0, eventlog.Pending{ID: eventlog.NewEventID("c", stream, 0), Type: "note.noted.v1", Data: []byte("{}")}); err != nil {
			fmt.Println(err)
		}
	}
	var last eventlog.Position
	for r, err := range log.ReadAll(ctx, 0, "note") {
		fmt.Println(r.Stream, r.Position > last, err)
		last = r.Position
	}
	end, err := log.End(ctx)
	fmt.Println(end == last, err)
	// Output:
	// note-0 true <nil>
	// note-1 true <nil>
	// note-2 true <nil>
	// true <nil>
}
