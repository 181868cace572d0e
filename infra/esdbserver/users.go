package esdbserver

import (
	"context"

	"orderflow/infra/esdbserver/engine"
)

// users are those that have a password.
type users struct{ engine engine.API }

func newUsers(e engine.API) *users { return &users{engine: e} }

// begin writes the users that a new node has.
func (u *users) begin(context.Context) error { return nil }
