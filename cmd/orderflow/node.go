package main

import (
	"cmp"
	"context"
	"log/slog"
)

// node says whose log and views a subcommand works on: a running server's, or
// a data directory that it opens itself.
type node struct {
	Server string `help:"Ask the server at this address (default ${server} if one answers there)." placeholder:"URL" env:"ORDERFLOW_SERVER"`
	Data   string `help:"Work on this data directory in process instead; no server may use it (default ${data} if it has a log and no server answers)." placeholder:"DIR" type:"path"`
	eventStore
	Postgres string `help:"The views are in this PostgreSQL. The URL may hold a password: better set the variable." placeholder:"postgres://…" env:"ORDERFLOW_POSTGRES"`

	Home string `hidden:"" default:"${data}"`
	Near string `hidden:"" default:"${server}"`
}

// server is the address of the server to ask, or empty: a directory that is
// named comes before a server that the environment names.
func (n node) server() string {
	if n.Data != "" {
		return ""
	}
	return n.Server
}

func (n node) config() config {
	return config{Data: cmp.Or(n.Data, n.Home), EventStore: n.EventStore, fleet: fleet{Postgres: n.Postgres}}
}

// openLog opens the log alone. A folder without one is refused: whoever asks
// about a log does not want a new one.
func (n node) openLog(ctx context.Context, logger *slog.Logger) (eventLog, error) {
	c := n.config()
	if c.EventStore == "" {
		if err := c.exists(); err != nil {
			return nil, err
		}
	}
	return openLog(ctx, c, logger, logHooks{})
}

// eventStore says that the log is not in the data directory.
type eventStore struct {
	EventStore string `name:"eventstore" help:"The log is in this EventStoreDB, or in a node that orderflow eventstore runs; views stay in the data directory. The string may hold a password: better set the variable." placeholder:"esdb://…" env:"ORDERFLOW_EVENTSTORE"`
}
