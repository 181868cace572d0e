package node

import (
	"slices"
	"strings"

	"orderflow/commands"
	"orderflow/domain"
	"orderflow/sagas/charging"
	"orderflow/sagas/dispatching"
	"orderflow/sagas/fulfilling"
)

// role is a part of the system. A process has some; alone it has all.
type role string

// The roles.
const (
	roleGateway   role = "gateway"
	roleOrder     role = "order"
	roleInventory role = "inventory"
	rolePayment   role = "payment"
	roleShipping  role = "shipping"
	roleProjector role = "projector"
	roleRelay     role = "relay"
)

// roleSpec is what a process does that has a role.
type roleSpec struct {
	role     role
	help     string
	decides  []commands.Command // the commands it takes, by name, from any process
	saga     string             // it drives this one
	serves   bool               // the public API
	projects bool               // it keeps the views
	relays   bool               // it tells Kafka what is in the log
}

// roleSpecs is the one table of roles. Every command has one role, and every saga.
// See docs/adr/010.
func roleSpecs() []roleSpec {
	return []roleSpec{
		{role: roleGateway, help: "serves the public API", serves: true},
		{role: roleOrder, help: "decides about orders and carries them through", saga: fulfilling.Name, decides: []commands.Command{
			commands.PlaceOrder{},
			commands.ConfirmOrder{},
			commands.RejectOrder{},
			commands.CancelOrder{},
			commands.FinishCancel{},
			commands.ReturnLines{},
			commands.ResumeFulfilment{},
		}},
		{role: roleInventory, help: "decides about stock and products", decides: []commands.Command{
			commands.ReceiveStock{},
			commands.AdjustStock{},
			commands.ReserveStock{},
			commands.ReleaseStock{},
			commands.CommitStock{},
			commands.RestockReturn{},
			commands.ListProduct{},
			commands.RepriceProduct{},
			commands.DelistProduct{},
		}},
		{role: rolePayment, help: "takes the money and gives it back", saga: charging.Name},
		{role: roleShipping, help: "books parcels and calls them off", saga: dispatching.Name, decides: []commands.Command{
			commands.DispatchShipment{}, commands.DeliverShipment{},
		}},
		{role: roleProjector, help: "keeps the views", projects: true},
		{role: roleRelay, help: "tells Kafka what is in the log", relays: true},
	}
}

// Roles are those of one process; nil are all.
type Roles []role

// parseRoles reads a list such as "order,payment"; empty is all. Unknown and
// repeated names are Invalid.
func parseRoles(names []string) (Roles, error) {
	var r Roles
	for _, name := range names {
		i := slices.IndexFunc(roleSpecs(), func(d roleSpec) bool { return string(d.role) == name })
		switch {
		case i < 0:
			return nil, domain.Errorf(domain.Invalid, "There is no role %q; there are %s.", name, RoleNames())
		case slices.Contains(r, role(name)):
			return nil, domain.Errorf(domain.Invalid, "The role %s is named twice.", name)
		}
		r = append(r, role(name))
	}
	return r, nil
}

// RoleNames lists the roles.
func RoleNames() string {
	var all []string
	for _, d := range roleSpecs() {
		all = append(all, string(d.role))
	}
	return strings.Join(all, ", ")
}

// all says whether the process is the whole system.
func (r Roles) all() bool { return r == nil || len(r) == len(roleSpecs()) }

// has says whether a process has a role.
func (r Roles) has(want role) bool { return r.all() || slices.Contains(r, want) }

// roleSpecs are those of the process.
func (r Roles) duties() []roleSpec {
	return slices.DeleteFunc(roleSpecs(), func(d roleSpec) bool { return !r.has(d.role) })
}

// any says whether one of the duties is such.
func (r Roles) any(such func(roleSpec) bool) bool { return slices.ContainsFunc(r.duties(), such) }

func (r Roles) serves() bool   { return r.any(func(d roleSpec) bool { return d.serves }) }
func (r Roles) projects() bool { return r.any(func(d roleSpec) bool { return d.projects }) }
func (r Roles) relays() bool   { return r.any(func(d roleSpec) bool { return d.relays }) }

// decides says whether the process takes a command.
func (r Roles) decides(name string) bool {
	return r.any(func(d roleSpec) bool {
		return slices.ContainsFunc(d.decides, func(c commands.Command) bool { return c.CommandName() == name })
	})
}

// drives says whether the process drives a saga.
func (r Roles) drives(saga string) bool {
	return r.any(func(d roleSpec) bool { return d.saga == saga })
}

// String lists the roles.
func (r Roles) String() string {
	if r.all() {
		return "all roles"
	}
	var names []string
	for _, one := range r {
		names = append(names, string(one))
	}
	return strings.Join(names, ",")
}
