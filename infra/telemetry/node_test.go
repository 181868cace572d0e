package telemetry_test

import (
	"testing"
	"time"

	"orderflow/infra/telemetry"
)

// TestNode says under which names a node is seen, beside all others.
func TestNode(t *testing.T) {
	m := telemetry.New(telemetry.Sources{})
	n := telemetry.NewNode(m)
	n.Called("/event_store.client.streams.Streams/Append", "OK", time.Millisecond)
	n.Appended(3, 400)
	n.Subscribed(1)
	n.Scavenging(1)
	n.Removed(2)
	n.Removed(3)
	n.Scavenged("Success", 5, 600)
	families, err := m.Registry().Gather()
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]float64{}
	for _, f := range families {
		for _, metric := range f.GetMetric() {
			got[f.GetName()] = metric.GetCounter().GetValue() + metric.GetGauge().GetValue() + float64(metric.GetHistogram().GetSampleCount())
			for _, l := range metric.GetLabel() {
				if l.GetName() == "method" && f.GetName() == "orderflow_eventstore_node_calls_total" && l.GetValue() != "streams.Streams/Append" {
					t.Errorf("the method is %s", l.GetValue())
				}
			}
		}
	}
	for name, want := range map[string]float64{
		"orderflow_eventstore_node_calls_total":            1,
		"orderflow_eventstore_node_call_duration_seconds":  1,
		"orderflow_eventstore_node_appended_events_total":  3,
		"orderflow_eventstore_node_appended_bytes_total":   400,
		"orderflow_eventstore_node_subscribers":            1,
		"orderflow_eventstore_node_scavenging":             1,
		"orderflow_eventstore_node_scavenges_total":        1,
		"orderflow_eventstore_node_scavenged_events_total": 5,
		"orderflow_eventstore_node_scavenged_bytes_total":  600,
	} {
		if got[name] != want {
			t.Errorf("%s is %v; want %v", name, got[name], want)
		}
	}
}
