package node

import (
	"slices"
	"testing"

	"orderflow/commands"
	"orderflow/domain"
	"orderflow/sagas/charging"
	"orderflow/sagas/dispatching"
	"orderflow/sagas/fulfilling"
)

func TestEveryCommandAndEverySagaHasOneRole(t *testing.T) {
	var decided, driven []string
	for _, d := range roleSpecs() {
		for _, c := range d.decides {
			decided = append(decided, c.CommandName())
		}
		if d.saga != "" {
			driven = append(driven, d.saga)
		}
	}
	slices.Sort(decided)
	if want := commands.Names(); !slices.Equal(decided, want) {
		t.Errorf("the roles decide\n%v, and there are\n%v", decided, want)
	}
	slices.Sort(driven)
	if want := []string{charging.Name, dispatching.Name, fulfilling.Name}; !slices.Equal(driven, want) {
		t.Errorf("the roles drive %v, and there are %v", driven, want)
	}
}

func TestRolesAreReadAndRefused(t *testing.T) {
	for _, bad := range [][]string{{"orders"}, {"order", "order"}, {""}, {"order ", "payment"}} {
		if r, err := parseRoles(bad); domain.KindOf(err) != domain.Invalid || err == nil {
			t.Errorf("%q is read as %v, %v", bad, r, err)
		}
	}
	r, err := parseRoles([]string{"order", "relay"})
	if err != nil || r.all() || !r.has(roleOrder) || r.has(rolePayment) || !r.relays() || r.serves() || r.projects() ||
		!r.decides("place_order") || r.decides("receive_stock") || !r.drives(fulfilling.Name) || r.drives(charging.Name) {
		t.Errorf("%v, %v", r, err)
	}
	all, err := parseRoles(nil)
	if err != nil || !all.all() || !all.serves() || !all.decides("receive_stock") || !all.drives(charging.Name) {
		t.Errorf("%v, %v", all, err)
	}
}
