package main

import (
	"context"
	"fmt"

	"orderflow/domain"
	"orderflow/infra/esdbserver/userclient"
)

// eventstoreScavengeCmd starts and stops scavenges.
type eventstoreScavengeCmd struct {
	Stop       string `help:"Stop the scavenge with this id instead; what it removed stays removed." placeholder:"ID"`
	Connection string `help:"Ask this node or EventStoreDB, as a user of $$admins or $$ops. The string holds a password: better set the variable." placeholder:"esdb://ops:…" env:"ORDERFLOW_EVENTSTORE_ADMIN"`
	JSON       bool   `help:"Print JSON for programs."`
}

// Help is shown under the subcommand's own --help.
func (eventstoreScavengeCmd) Help() string {
	return usage("A scavenge removes for good what no reader is shown any more: events before $tb, beyond $maxCount, older than $maxAge, and those of deleted streams. " +
		"The server goes on serving. The command returns when the scavenge has begun; its result is in the server's log, and in the stream $scavenges.\n\n" +
		"What was removed cannot be brought back: look at `orderflow audit replay` first, which names the streams of orders that are limited. " +
		"Once a node has scavenged a data directory, older versions of orderflow cannot open it.")
}

type scavengeView struct {
	ID     string `json:"id"`
	Result string `json:"result"` // started, in progress, stopped
}

// Run asks the server once.
func (c *eventstoreScavengeCmd) Run(ctx context.Context, s streams) (err error) {
	if c.Connection == "" {
		return domain.Errorf(domain.Invalid, "Say which server: a running node or an EventStoreDB, with --connection esdb://ops:…@HOST:2113 or ORDERFLOW_EVENTSTORE_ADMIN.")
	}
	client, err := userclient.Open(c.Connection)
	if err != nil {
		return err
	}
	defer func() { err = firstErr(err, client.Close()) }()
	view, text := scavengeView{ID: c.Stop, Result: "stopped"}, "The scavenge %s is stopped; what it removed stays removed.\n"
	if c.Stop != "" {
		err = client.StopScavenge(ctx, c.Stop)
	} else {
		var running bool
		view.Result, text = "started", "The scavenge %s has begun; the server's log and the stream $scavenges tell how it ends.\n"
		if view.ID, running, err = client.StartScavenge(ctx); running {
			view.Result, text = "in progress", "The scavenge %s is under way already; no other was begun.\n"
		}
	}
	if err != nil {
		return troubled(ctx, c.Connection, err)
	}
	if c.JSON {
		return printJSON(s.out, view)
	}
	_, err = fmt.Fprintf(s.out, text, view.ID)
	return err
}
