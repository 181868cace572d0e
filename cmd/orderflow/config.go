package main

import (
	"os"
	"path/filepath"
	"time"

	"orderflow/domain"
	"orderflow/infra/httpapi"
	"orderflow/infra/simulator"
)

// The addresses of a node unless it is told others.
const (
	defaultListen     = "127.0.0.1:8080"
	defaultPrivate    = "127.0.0.1:9090"
	defaultEventstore = "127.0.0.1:2113"
	anyPort           = "127.0.0.1:0"
	defaultServer     = "http://" + defaultListen
)

// drainTimeout bounds how long a node that was told to end waits for requests
// that are being answered.
const drainTimeout = 10 * time.Second

// config is what a node is started with.
type config struct {
	Data         string            // the folder everything is kept in
	EventStore   string            // the connection string of an EventStoreDB that has the log; empty keeps it in Data. A secret: never printed
	Listen       string            // of the API; empty serves none
	Private      string            // of metrics and administration; empty serves none
	PrivateToken string            // whoever reads metrics brings it; needed where Private is reachable from elsewhere. A secret
	DrainWait    time.Duration     // how long the process says that it is not ready before it takes no more requests
	BreakerOpen  time.Duration     // how long a provider's breaker stays open; 0 is resilience.DefaultOpenFor
	Simulator    simulator.Options // how the gateway and the carrier behave
	Auth         authConfig        // who may use the API; the zero value is everybody on this machine
	fleet
}

// The folders within config.Data.
func (c config) logDir() string       { return filepath.Join(c.Data, "log") }
func (c config) viewsDir() string     { return filepath.Join(c.Data, "views") }
func (c config) simulatorDir() string { return filepath.Join(c.Data, "simulator") }

// check refuses what cannot be served.
func (c config) check() error {
	if c.Data == "" {
		return domain.Errorf(domain.Invalid, "There is no data directory: say which with --data DIR.")
	}
	if !c.Auth.on() && c.Listen != "" {
		if err := httpapi.CheckLoopback(c.Listen); err != nil {
			return err
		}
	}
	if err := c.checkPrivate(); err != nil {
		return err
	}
	return c.fleet.check(c.EventStore)
}

// checkPrivate lets others than this machine read metrics only with a token.
func (c config) checkPrivate() error {
	switch {
	case c.Private == "":
		return nil
	case c.PrivateToken == "":
		return httpapi.CheckLoopback(c.Private)
	case len(c.PrivateToken) < minTokenBytes:
		return domain.Errorf(domain.Invalid, "The token of the private listener has %d bytes; it needs at least %d, such as those of `openssl rand -hex 32`.", len(c.PrivateToken), minTokenBytes)
	}
	return nil
}

// exists refuses a folder in which no node has worked yet.
func (c config) exists() error {
	if c.EventStore != "" && c.Postgres != "" {
		return nil // nothing is in the folder
	}
	if c.EventStore != "" {
		if _, err := os.Stat(c.viewsDir()); err != nil {
			return domain.Wrap(domain.NotFound, err, "There are no views in %s; say with --data where the node keeps its data", c.Data)
		}
		return nil
	}
	if _, err := os.Stat(c.logDir()); err != nil {
		return domain.Wrap(domain.NotFound, err, "There is no log in %s; say with --data where the node keeps its data", c.Data)
	}
	return nil
}

// defaultDataDir is where a node keeps its data unless a flag says otherwise:
// what the environment names, or by the rules of XDG.
func defaultDataDir(getenv func(string) string) string {
	if dir := getenv("ORDERFLOW_DATA"); dir != "" {
		return dir
	}
	if dir := getenv("XDG_STATE_HOME"); filepath.IsAbs(dir) {
		return filepath.Join(dir, "orderflow")
	}
	if home := getenv("HOME"); home != "" {
		return filepath.Join(home, ".local", "state", "orderflow")
	}
	return ""
}
