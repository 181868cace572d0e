package eventlog_test

import (
	"bytes"
	"testing"

	"orderflow/domain/eventlog"
)

// Whatever other programs wrote beside an event: what is read exactly is
// written as it was, and what is not is read the same once written by us.
func FuzzDecodeMeta(f *testing.F) {
	f.Add([]byte(nil))
	f.Add([]byte(`{}`))
	f.Add([]byte(`null`))
	f.Add(eventlog.Meta{Command: "c", Correlation: "ord_1", Causation: "e", Actor: "saga:<charging>", Trace: "00-1-2-01"}.Encode())
	f.Add([]byte(`{"$correlationId":"x","other":[1,2]}`))
	f.Add([]byte("{\"actor\":\"\xff\"}"))
	f.Fuzz(func(t *testing.T, data []byte) {
		m, exact := eventlog.DecodeMeta(data)
		once := m.Encode()
		if once == nil {
			t.Fatalf("%+v cannot be written", m)
		}
		if exact && !bytes.Equal(once, data) {
			t.Fatalf("%q is exact and is written as %q", data, once)
		}
		if again, ok := eventlog.DecodeMeta(once); !ok || again != m {
			t.Fatalf("%+v became %+v, %t", m, again, ok)
		}
	})
}
