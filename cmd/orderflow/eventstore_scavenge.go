package main

import (
	"cmp"
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
	Took   string `json:"took,omitempty"`        // hh:mm:ss.fffffff
	Saved  *int64 `json:"saved_bytes,omitempty"` // so far

	Before  int64 `json:"bytes_before,omitempty"` // of the log; this and the following only of a node of ours
	After   int64 `json:"bytes_after,omitempty"`  // when it ended, or so far
	Removed int64 `json:"removed_events,omitempty"`
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
		return c.stop(ctx, client)
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
	view = scavengeViewOf(last)
	if last.Result == "" {
		return view, fmt.Sprintf("The scavenge %s is under way; --stop %s ends it.%s", last.ID, last.ID, figures(last)), nil
	}
	text = fmt.Sprintf("The scavenge %s ended: %s. It took %s and gave back %d bytes.%s", last.ID, last.Result, last.Took, last.Saved, figures(last))
	if last.Error != "" {
		text += " The server says: " + last.Error
	}
	return view, text, nil
}

// stop ends a scavenge, and says what it did until then if the server tells.
func (c *eventstoreScavengeCmd) stop(ctx context.Context, client *userclient.Client) (view scavengeView, text string, err error) {
	if err := client.StopScavenge(ctx, c.Stop); err != nil {
		return view, "", err
	}
	text = fmt.Sprintf("The scavenge %s is stopped; what it removed stays removed.", c.Stop)
	view = scavengeView{ID: c.Stop, Result: "stopped"}
	if last, err := client.Scavenge(ctx, c.Stop); err == nil && last.Result != "" {
		view, text = scavengeViewOf(last), fmt.Sprintf("%s It gave back %d bytes.%s", text, last.Saved, figures(last))
		view.Result = "stopped"
	}
	return view, text, nil
}

// scavengeViewOf returns a scavenge for programs.
func scavengeViewOf(s userclient.Scavenge) scavengeView {
	v := scavengeView{ID: s.ID, Result: cmp.Or(s.Result, "in progress"), Error: s.Error, Took: s.Took, Before: s.Before, After: s.After, Removed: s.Removed}
	if s.Result != "" || s.After > 0 {
		v.Saved = &s.Saved
	}
	return v
}

// figures says in a sentence what a scavenge did to the log, as far as the server tells.
func figures(s userclient.Scavenge) string {
	switch {
	case s.Before == 0:
		return ""
	case s.After == 0 && s.Result == "":
		return fmt.Sprintf(" The log had %d bytes when it began; how far it is, is told every few seconds.", s.Before)
	case s.After == 0:
		return fmt.Sprintf(" The log had %d bytes before; its size afterwards is not known.", s.Before)
	case s.Result == "":
		return fmt.Sprintf(" So far %d events are removed and %d bytes given back: the log had %d bytes when it began and has %d.", s.Removed, s.Saved, s.Before, s.After)
	case s.Removed == 0:
		return fmt.Sprintf(" The log had %d bytes before and %d after.", s.Before, s.After)
	}
	return fmt.Sprintf(" %d events were removed: the log had %d bytes before and %d after.", s.Removed, s.Before, s.After)
}
