package kafka_test

import (
	"fmt"
	"time"

	"orderflow/domain/eventlog"
	"orderflow/infra/kafka"
)

// An event of the log becomes a CloudEvent; its key keeps the events of one order in
// one partition.
func Example() {
	m := kafka.Event(eventlog.Recorded{
		ID: eventlog.EventID{6: 0x80, 8: 0x80}, Stream: "order-ord_1", Version: 1, Position: 42,
		Type: "order.confirmed.v1", Data: []byte(`{"tracking":"TRACK-1"}`), At: time.Date(2026, time.May, 1, 12, 0, 0, 0, time.UTC),
		Meta: eventlog.Meta{Correlation: "ord_1"},
	})
	fmt.Println(kafka.Key(m))
	for _, header := range []string{"ce_type", "ce_subject", "ce_streamversion", "ce_time", "ce_correlationid"} {
		fmt.Println(header, m.Metadata.Get(header))
	}
	fmt.Println(string(m.Payload))
	// Output:
	// ord_1
	// ce_type order.confirmed.v1
	// ce_subject order-ord_1
	// ce_streamversion 1
	// ce_time 2026-05-01T12:00:00Z
	// ce_correlationid ord_1
	// {"tracking":"TRACK-1"}
}
