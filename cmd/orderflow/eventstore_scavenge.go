package main

import (
	"context"
	"fmt"

	"orderflow/cmd/orderflow/internal/audit"
	"orderflow/cmd/orderflow/internal/node"
	"orderflow/cmd/orderflow/internal/terminal"
	"orderflow/domain"
	"orderflow/infra/esdbserver/userclient"
)

// eventstoreScavengeCmd starts and stops scavenges.
type eventstoreScavengeCmd struct {
	Stop       string `help:"Stop the scavenge with this id instead; what it removed stays removed." placeholder:"ID" xor:"instead"`
	State      bool   `help:"Tell how the scavenge stands that was begun last instead, and begin none." xor:"instead"`
	Connection string `help:"Ask this node or EventStoreDB, as a user of $$admins or $$ops. The string holds a password: better set the variable." placeholder:"esdb://ops:…" env:"ORDERFLOW_EVENTSTORE_ADMIN"`
	JSON       bool   `help:"Print JSON for programs."`
}

// Help is shown under the subcommand's own --help.
func (eventstoreScavengeCmd) Help() string {
	return terminal.Usage("A scavenge removes for good what no reader is shown any more: events before $tb, beyond $maxCount, older than $maxAge, and those of deleted streams. " +
		"The server goes on serving. The command returns when the scavenge has begun; --state tells how it stands, and so do the server's log and the stream $scavenges.\n\n" +
		"What was removed cannot be brought back: look at `orderflow audit replay` first, which names the streams of orders that are limited. " +
		"Once a node has scavenged a data directory, older versions of orderflow cannot open it.")
}

type scavengeView struct {
	ID     string `json:"id"`
	Result string `json:"result"` // started, in progress, stopped; of --state also how it ended, in the words of EventStoreDB
	Error  string `json:"error,omitempty"`
	Took   string `json:"took,omitempty"` // hh:mm:ss.fffffff
	Saved  *int64 `json:"saved_bytes,omitempty"`
}

// Run asks the server once.
func (c *eventstoreScavengeCmd) Run(ctx context.Context, s terminal.Streams) (err error) {
	if c.Connection == "" {
		return domain.Errorf(domain.Invalid, "Say which server: a running node or an EventStoreDB, with --connection esdb://ops:…@HOST:2113 or ORDERFLOW_EVENTSTORE_ADMIN.")
	}
	client, err := userclient.Open(c.Connection)
	if err != nil {
		return err
	}
	defer func() { err = audit.FirstErr(err, client.Close()) }()
	view, text, err := c.ask(ctx, client)
	if err != nil {
		return node.Troubled(ctx, c.Connection, err)
	}
	if c.JSON {
		return terminal.PrintJSON(s.Out, view)
	}
	_, err = fmt.Fprintln(s.Out, text)
	return err
}

// ask does what the flags say, and returns the answer for programs and people.
func (c *eventstoreScavengeCmd) ask(ctx context.Context, client *userclient.Client) (view scavengeView, text string, err error) {
	if c.State {
		return c.state(ctx, client)
	}
	if c.Stop != "" {
		err = client.StopScavenge(ctx, c.Stop)
		return scavengeView{ID: c.Stop, Result: "stopped"}, fmt.Sprintf("The scavenge %s is stopped; what it removed stays removed.", c.Stop), err
	}
	id, running, err := client.StartScavenge(ctx)
	if running {
		return scavengeView{ID: id, Result: "in progress"}, fmt.Sprintf("The scavenge %s is under way already; no other was begun.", id), err
	}
	return scavengeView{ID: id, Result: "started"}, fmt.Sprintf("The scavenge %s has begun; the server's log and the stream $scavenges tell how it ends.", id), err
}

// state tells of the scavenge that was begun last.
func (c *eventstoreScavengeCmd) state(ctx context.Context, client *userclient.Client) (view scavengeView, text string, err error) {
	last, err := client.NewestScavenge(ctx)
	if err != nil {
		return view, "", err
	}
	if last.Result == "" {
		return scavengeView{ID: last.ID, Result: "in progress"}, fmt.Sprintf("The scavenge %s is under way; --stop %s ends it.", last.ID, last.ID), nil
	}
	text = fmt.Sprintf("The scavenge %s ended: %s. It took %s and gave back %d bytes.", last.ID, last.Result, last.Took, last.Saved)
	if last.Error != "" {
		text += " The server says: " + last.Error
	}
	return scavengeView{ID: last.ID, Result: last.Result, Error: last.Error, Took: last.Took, Saved: &last.Saved}, text, nil
}
