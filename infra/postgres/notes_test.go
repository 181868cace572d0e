package postgres_test

import (
	"testing"

	"orderflow/infra/deploy/servicestest"
)

func TestNotesAreShared(t *testing.T) {
	url := servicestest.Postgres(t)
	one, other := serve(t, url), serve(t, url)
	if text, found, err := one.Note(t.Context(), "log"); found || text != "" || err != nil {
		t.Errorf("before it was written: %q, %v, %v", text, found, err)
	}
	for _, want := range []string{`{"first_event":"a"}`, "b", ""} {
		if err := one.SetNote(t.Context(), "log", want); err != nil {
			t.Fatal(err)
		}
		if text, found, err := other.Note(t.Context(), "log"); !found || text != want || err != nil {
			t.Errorf("after %q was written: %q, %v, %v", want, text, found, err)
		}
	}
}
