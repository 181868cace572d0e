package eventstoredb_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"orderflow/domain"
	"orderflow/domain/eventlog"
	"orderflow/infra/esdbserver/userclient"
	"orderflow/infra/eventstoredb"
	"orderflow/infra/memory"
)

// TestRights takes from the user of a log under way its right to $all, its
// password, and itself: each operation says what is missing, and goes on when
// it is given back.
func TestRights(t *testing.T) {
	certificate, ca := certify(t)
	n := serve(t, memory.NewDense(), free, certificate)
	t.Cleanup(func() { n.stop(t) })
	admin := n.admin(t, ca)
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	grant := func() { t.Helper(); _, err := admin.Grant(t.Context(), "orderflow"); must(err) }
	must(admin.Add(t.Context(), userclient.User{Login: "orderflow"}, "secret"))
	log := open(t, "esdb://orderflow:secret@"+n.address+"?tlsCaFile="+ca, eventstoredb.Options{})
	appended := eventlog.Version(0)
	appends := func() error {
		_, err := log.Append(t.Context(), "order-1", appended, eventlog.Pending{ID: eventlog.NewEventID("a", "s", int(appended)), Type: "Seen", Data: []byte("{}")})
		if err == nil {
			appended++
		}
		return err
	}
	reads := func() error {
		for _, err := range log.Read(t.Context(), "order-1", 0) {
			return err
		}
		return nil
	}
	all := func() error {
		for _, err := range log.ReadAll(t.Context(), 0) {
			return err
		}
		return nil
	}
	follows := func() error {
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		for _, err := range log.Subscribe(ctx, 0) {
			return err
		}
		return errors.New("it ended without a word")
	}
	check := func(state string, kind domain.Kind, says string, fails ...string) {
		t.Helper()
		for name, do := range map[string]func() error{
			"append": appends, "read": reads, "read all": all, "follow": follows,
			"ping": func() error { return log.Ping(t.Context()) },
			"end":  func() error { _, err := log.End(t.Context()); return err },
		} {
			err := do()
			wanted := strings.Contains(" "+strings.Join(fails, " ")+" ", " "+strings.ReplaceAll(name, " ", "-")+" ")
			if wanted != (err != nil) {
				t.Errorf("%s: %s: %v", state, name, err)
			}
			if err != nil && (domain.KindOf(err) != kind && domain.KindOf(err) != domain.ReadOnly || !strings.Contains(err.Error(), says) || strings.Contains(err.Error(), "secret")) {
				t.Errorf("%s: %s: kind %s: %v", state, name, domain.KindOf(err), err)
			}
		}
	}
	needAll := []string{"read-all", "follow", "ping", "end"}
	everything := append([]string{"append", "read"}, needAll...)
	const toDo, wrong = "the right to read $all (orderflow eventstore user grant)", "refuses the user or password"
	check("before the right is given", domain.Unavailable, toDo, needAll...)
	grant()
	check("with the right", 0, "")
	must(admin.SetPassword(t.Context(), "orderflow", "other"))
	check("with another password", domain.Unavailable, wrong, everything...)
	must(admin.SetPassword(t.Context(), "orderflow", "secret"))
	check("with the password again", 0, "")
	must(admin.Disable(t.Context(), "orderflow"))
	check("disabled", domain.Unavailable, wrong, everything...)
	must(admin.Enable(t.Context(), "orderflow"))
	check("enabled", 0, "")
	_, err := admin.Revoke(t.Context(), "orderflow")
	must(err)
	check("without the right", domain.Unavailable, toDo, needAll...)
	grant()
	must(admin.Remove(t.Context(), "orderflow"))
	check("deleted", domain.Unavailable, wrong, everything...)
}
