package eventlog_test

import (
	"testing"
	"time"

	"orderflow/domain/eventlog"
)

// TestMetaFormsStay holds the bytes that stand in stores of others.
func TestMetaFormsStay(t *testing.T) {
	all := eventlog.Meta{Command: "c", Correlation: "ord_1", Causation: "e", Actor: "a", Trace: "t"}
	copied := all
	copied.Recorded = eventlog.RecordedText(time.Date(2026, 3, 1, 10, 0, 0, 120, time.FixedZone("", 3600)))
	for want, m := range map[string]eventlog.Meta{
		`{}`: {},
		`{"command":"c","$correlationId":"ord_1","$causationId":"e","actor":"a","trace":"t"}`:                                            all,
		`{"command":"c","$correlationId":"ord_1","$causationId":"e","actor":"a","trace":"t","recorded":"2026-03-01T09:00:00.00000012Z"}`: copied,
		`{"recorded":"2026-03-01T09:00:00.00000012Z"}`:                                                                                   {Recorded: copied.Recorded},
	} {
		if got := string(m.Encode()); got != want {
			t.Errorf("the metadata %+v is written as\n%s\nnot\n%s", m, got, want)
		}
		if back, exact := eventlog.DecodeMeta([]byte(want)); back != m || !exact {
			t.Errorf("%s is read as %+v, %t", want, back, exact)
		}
	}
}
