package target

import (
	"cmp"
	"context"
	"log/slog"

	"orderflow/cmd/orderflow/internal/node"
)

// Source names the log and the views that a subcommand works on: a running server's, or
// those of a data directory that it opens itself.
type Source struct {
	Server string `help:"Ask the server at this address (default ${server} if one answers there)." placeholder:"URL" env:"ORDERFLOW_SERVER"`
	Data   string `help:"Work on this data directory in process instead; no server may use it (default ${data} if it has a log and no server answers)." placeholder:"DIR" type:"path"`
	EventStoreFlag
	Postgres string `help:"The views are in this PostgreSQL. The URL may hold a password: better set the variable." placeholder:"postgres://…" env:"ORDERFLOW_POSTGRES"`

	Home string `hidden:"" default:"${data}"`
	Near string `hidden:"" default:"${server}"`
}

// ServerURL is the address of the server to ask, or empty: a directory that is
// named comes before a server that the environment names.
func (n Source) ServerURL() string {
	if n.Data != "" {
		return ""
	}
	return n.Server
}

// Config returns the configuration of a node on the data directory.
func (n Source) Config() node.Config {
	return node.Config{Data: cmp.Or(n.Data, n.Home), EventStore: n.EventStore, Fleet: node.Fleet{Postgres: n.Postgres}}
}

// OpenLog opens the log alone. A folder without one is refused: a question
// about a log does not want a new one.
func (n Source) OpenLog(ctx context.Context, logger *slog.Logger) (node.EventLog, error) {
	c := n.Config()
	if c.EventStore == "" {
		if err := c.Exists(); err != nil {
			return nil, err
		}
	}
	return node.OpenLog(ctx, c, logger, node.LogHooks{})
}

// EventStoreFlag names the event store that has the log, if it is not in the data directory.
type EventStoreFlag struct {
	EventStore string `name:"eventstore" help:"The log is in this EventStoreDB, or in a node that orderflow eventstore runs; views stay in the data directory. The string may hold a password: better set the variable." placeholder:"esdb://…" env:"ORDERFLOW_EVENTSTORE"`
}
