package main

import (
	"log/slog"

	"orderflow/infra/pebblelog"
)

// node says whose log and views an operator's subcommand works on: a data
// directory that it opens itself, or a running server's.
type node struct {
	Server string `help:"Ask the server at this address, as in ${server}." placeholder:"URL" env:"ORDERFLOW_SERVER"`
	Data   string `help:"Open this data directory in process; no server may use it (default ${data})." placeholder:"DIR" type:"path"`
	Home   string `hidden:"" default:"${data}"`
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
	if n.Data == "" {
		return config{Data: n.Home}
	}
	return config{Data: n.Data}
}

// openLog opens the log alone. A folder without one is refused: whoever asks
// about a log does not want a new one.
func (n node) openLog(logger *slog.Logger) (*pebblelog.Log, error) {
	c := n.config()
	if err := c.exists(); err != nil {
		return nil, err
	}
	return openLog(c, logger, pebblelog.Hooks{})
}
