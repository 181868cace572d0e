package node

import (
	"cmp"
	"os"
	"path/filepath"
	"time"

	"orderflow/domain"
	"orderflow/infra/httpapi"
	"orderflow/infra/simulator"
)

// The addresses of a node unless it is told others.
const (
	DefaultListen     = "127.0.0.1:8080"
	DefaultPrivate    = "127.0.0.1:9090"
	DefaultEventstore = "127.0.0.1:2113"
	AnyPort           = "127.0.0.1:0"
	DefaultServer     = "http://" + DefaultListen
)

// drainTimeout bounds how long a node that was told to end waits for requests
// that are being answered.
const drainTimeout = 10 * time.Second

// Config is what a node is started with.
type Config struct {
	Data         string            // the folder everything is kept in
	Flag         string            // the flag that names the log where it is neither --data nor --eventstore, such as --from
	EventStore   string            // the connection string of an EventStoreDB that has the log; empty keeps it in Data. A secret: never printed
	Listen       string            // of the API; empty serves none
	Private      string            // of metrics and administration; empty serves none
	PrivateToken string            // the bearer token for metrics; needed where Private is reachable from elsewhere. A secret
	DrainWait    time.Duration     // how long the process says that it is not ready before it takes no more requests
	BreakerOpen  time.Duration     // how long a provider's breaker stays open; 0 is resilience.DefaultOpenFor
	Simulator    simulator.Options // how the gateway and the carrier behave
	Providers                      // the gateways and carriers
	Auth         AuthConfig        // who may use the API; the zero value is everybody on this machine
	Fleet
}

// LogDir returns the folder of the embedded log.
func (c Config) LogDir() string { return filepath.Join(c.Data, "log") }

// ViewsDir returns the folder of the views in SQLite.
func (c Config) ViewsDir() string { return filepath.Join(c.Data, "views") }

// SimulatorDir returns the folder of the simulator's ledger.
func (c Config) SimulatorDir() string { return filepath.Join(c.Data, "simulator") }

// Check refuses what cannot be served.
func (c Config) Check() error {
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
	if err := c.Providers.check(c.Roles); err != nil {
		return err
	}
	return c.Fleet.check(c.EventStore)
}

// checkPrivate lets others than this machine read metrics only with a token.
func (c Config) checkPrivate() error {
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

// Exists refuses a folder in which no node has worked yet.
func (c Config) Exists() error {
	if c.EventStore != "" && c.Postgres != "" {
		return nil // nothing is in the folder
	}
	if c.EventStore != "" {
		if _, err := os.Stat(c.ViewsDir()); err != nil {
			return domain.Wrap(domain.NotFound, err, "There are no views in %s; say with --data where the node keeps its data", c.Data)
		}
		return nil
	}
	if _, err := os.Stat(c.LogDir()); err != nil {
		return domain.Wrap(domain.NotFound, err, "There is no log in %s; say with %s where the node keeps its data", c.Data, c.DataFlag())
	}
	return nil
}

// DataFlag returns the flag with which another data directory is named.
func (c Config) DataFlag() string { return cmp.Or(c.Flag, "--data") }

// eventStoreFlag returns the flag that names the event store.
func (c Config) eventStoreFlag() string { return cmp.Or(c.Flag, "--eventstore") }

// DefaultDataDir is where a node keeps its data unless a flag says otherwise:
// what the environment names, or by the rules of XDG.
func DefaultDataDir(getenv func(string) string) string {
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
