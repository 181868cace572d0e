package postgres_test

import (
	"testing"

	"orderflow/infra/postgres"
	"orderflow/infra/servicestest"
)

func TestNotesAreShared(t *testing.T) {
	url := servicestest.Postgres(t)
	var servers []*postgres.Server
	for range 2 {
		s, err := postgres.Open(t.Context(), postgres.Options{URL: url})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = s.Close() })
		servers = append(servers, s)
	}
	if text, found, err := servers[0].Note(t.Context(), "log"); found || text != "" || err != nil {
		t.Errorf("before it was written: %q, %v, %v", text, found, err)
	}
	for _, want := range []string{`{"first_event":"a"}`, "b", ""} {
		if err := servers[0].SetNote(t.Context(), "log", want); err != nil {
			t.Fatal(err)
		}
		if text, found, err := servers[1].Note(t.Context(), "log"); !found || text != want || err != nil {
			t.Errorf("after %q was written: %q, %v, %v", want, text, found, err)
		}
	}
}
