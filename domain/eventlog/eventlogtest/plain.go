package eventlogtest

import (
	"bytes"
	"encoding/json"
	"reflect"

	"orderflow/domain/eventlog"
)

// Failer is what of a test the checks of plain events need: a property has it too.
type Failer interface {
	Helper()
	Fatalf(format string, args ...any)
}

// PlainWrite checks that an event is written as encoding/json writes it, and
// read as it was.
func PlainWrite[E eventlog.Typed](t Failer, c eventlog.Codec[E], e E) {
	t.Helper()
	want, err := json.Marshal(e)
	if err != nil {
		return // nothing that can be stored
	}
	got, err := c.Encode(e)
	if err != nil || !bytes.Equal(got.Data, want) {
		t.Fatalf("written as %s, %v; encoding/json writes %s", got.Data, err, want)
	}
	PlainRead(t, c, e, want)
}

// PlainRead checks that data is read, or not, as encoding/json reads it into
// an event of the type of e.
func PlainRead[E eventlog.Typed](t Failer, c eventlog.Codec[E], e E, data []byte) {
	t.Helper()
	want := reflect.New(reflect.TypeOf(e))
	wantErr := json.Unmarshal(data, want.Interface())
	got, _, err := c.Decode(eventlog.Recorded{Type: e.EventType(), Data: data})
	if (err == nil) != (wantErr == nil) {
		t.Fatalf("%s: read with %v; encoding/json with %v", data, err, wantErr)
	}
	if err == nil && !reflect.DeepEqual(any(got), want.Elem().Interface()) {
		t.Fatalf("%s: read as %+v; encoding/json reads %+v", data, got, want.Elem())
	}
}
