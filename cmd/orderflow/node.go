package main

import (
	"log/slog"

	"orderflow/infra/pebblelog"
)

// node says whose log and views an operator's subcommand works on: a data
// directory that it opens itself, or a running server's through its private
// listener.
type node struct {
	Data  string `help:"The data directory to open; no server may use it." default:"${data}" type:"path" placeholder:"DIR"`
	Admin string `help:"Ask the running server whose private listener is at this address instead, as in ${admin}." placeholder:"URL" env:"ORDERFLOW_ADMIN"`
}

// openLog opens the log alone. A folder without one is refused: whoever asks
// about a log does not want a new one.
func (n node) openLog(logger *slog.Logger) (*pebblelog.Log, error) {
	c := config{Data: n.Data}
	if err := c.exists(); err != nil {
		return nil, err
	}
	return openLog(c, logger, pebblelog.Hooks{})
}
