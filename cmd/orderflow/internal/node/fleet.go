package node

import (
	"context"
	"strings"

	"orderflow/commands"
	"orderflow/domain"
	"orderflow/infra/peers"
)

// Fleet is what a process knows of the others. The zero value is a node alone.
type Fleet struct {
	Roles       Roles             // nil for all
	Peers       map[role][]string // the base URLs of the processes that have a role
	PeerListen  string            // where commands of other processes are taken; none if empty
	PeerSecret  string            // never printed
	Postgres    string            // the URL of the views; empty keeps them in Data. A secret: never printed
	Redis       []string          // URLs; none does without
	Kafka       []string          // brokers; none has the sagas read the log itself
	Replication int16             // of topics that are made; 0 is 1
	Topics      string            // before the name of every topic and group, so that fleets share brokers
}

// ElsewhereFlags say where a process keeps what it shares with others, and
// where those are.
type ElsewhereFlags struct {
	Postgres    string            `help:"The views are in this PostgreSQL; the name of the database is the beginning of those that are made. The URL may hold a password: better set the variable." placeholder:"postgres://…" env:"ORDERFLOW_POSTGRES"`
	Redis       []string          `help:"Answers come from this Redis where it has them, and limits are shared in it; several addresses are a cluster." placeholder:"redis://…,…" env:"ORDERFLOW_REDIS"`
	Kafka       []string          `help:"The sagas are woken by these Kafka brokers." placeholder:"HOST:PORT,…" env:"ORDERFLOW_KAFKA"`
	Topics      string            `help:"What the names of Kafka topics and groups begin with, where fleets share brokers." placeholder:"PREFIX" env:"ORDERFLOW_TOPICS"`
	Replication int16             `help:"Copies of the Kafka topics that are made; a fleet on three brokers wants 3." default:"1" env:"ORDERFLOW_KAFKA_REPLICATION"`
	Peers       map[string]string `help:"The processes that have a role, such as order=http://a:8081,http://b:8081;inventory=http://c:8081." mapsep:";" placeholder:"ROLE=URL,…;…" env:"ORDERFLOW_PEERS"`
	PeerSecret  string            `help:"What the processes of a fleet know each other by, at least ${secret} bytes. Better set the variable." placeholder:"SECRET" env:"ORDERFLOW_PEER_SECRET"`
}

// RoleFlags say what a process is to the others.
type RoleFlags struct {
	Roles      []string `help:"What this process does: ${roles}. All if none is named; some need the log, the views and the other processes elsewhere." placeholder:"ROLE,…" env:"ORDERFLOW_ROLES"`
	PeerListen string   `help:"Where this process takes commands of the others; none if empty." placeholder:"HOST:PORT" env:"ORDERFLOW_PEER_LISTEN"`
}

// Fleet reads the flags of a process that has roles.
func (f RoleFlags) Fleet(e ElsewhereFlags) (c Fleet, err error) {
	if c, err = e.Fleet(); err != nil {
		return c, err
	}
	c.PeerListen = f.PeerListen
	c.Roles, err = parseRoles(f.Roles)
	return c, err
}

// Fleet reads the flags.
func (f ElsewhereFlags) Fleet() (c Fleet, err error) {
	c = Fleet{Peers: map[role][]string{}, PeerSecret: f.PeerSecret, Postgres: f.Postgres, Redis: f.Redis, Kafka: f.Kafka, Topics: f.Topics, Replication: f.Replication}
	for name, urls := range f.Peers {
		named, err := parseRoles([]string{name})
		if err != nil {
			return c, err
		}
		c.Peers[named[0]] = strings.Split(urls, ",")
	}
	return c, nil
}

// check refuses what no fleet can be made of.
func (c Fleet) check(eventStore string) error {
	switch {
	case !c.Roles.all() && (eventStore == "" || c.Postgres == ""):
		return domain.Errorf(domain.Invalid, "A process with some roles shares the log and the views with others: say where they are with --eventstore and --postgres.")
	case !c.Roles.all() && c.Roles.relays() && len(c.Kafka) == 0:
		return domain.Errorf(domain.Invalid, "The role relay tells Kafka what is in the log: say where it is with --kafka.")
	case c.PeerSecret != "" || c.PeerListen != "" || len(c.Peers) > 0:
		return peers.CheckSecret(c.PeerSecret)
	}
	return nil
}

// newBus routes commands: to this process those that its roles take, and
// the rest to the processes that have those roles.
func (a *App) newBus() (commands.Bus, error) {
	if a.Config.Roles.all() {
		return a.local, nil
	}
	at := map[string][]string{}
	for _, d := range roleSpecs() {
		for _, c := range d.decides {
			at[c.CommandName()] = a.Config.Peers[d.role]
		}
	}
	away := commands.Bus(commands.Nobody{})
	if len(a.Config.Peers) > 0 {
		b, err := peers.NewBus(peers.Options{Peers: at, Secret: a.Config.PeerSecret, Observe: a.metrics.Load().PeerCommand})
		if err != nil {
			return nil, err
		}
		a.onClose(func() error { b.Close(); return nil })
		away = b
	}
	return routed{here: a.Config.Roles.decides, local: a.local, away: away}, nil
}

// routed decides here or sends away, by the name of a command.
type routed struct {
	here  func(command string) bool
	local *commands.Local
	away  commands.Bus
}

// Send implements commands.Bus.
func (r routed) Send(ctx context.Context, c commands.Command) (commands.Reply, error) {
	if r.here(c.CommandName()) {
		return r.local.Send(ctx, c)
	}
	return r.away.Send(ctx, c)
}

// listenToPeers takes the commands of other processes, as far as this one's roles decide about them.
func (a *App) listenToPeers(ctx context.Context) error {
	if a.Config.PeerListen == "" {
		return nil
	}
	handler, err := peers.Handler(roleFilter{a}, a.Config.PeerSecret, a.Logger, a.metrics.Load().PeerCommand)
	if err != nil {
		return err
	}
	if a.Peers, err = ListenOn(ctx, a.Config.PeerListen, handler, a.Logger, "--peer-listen"); err != nil {
		return err
	}
	a.onClose(a.Peers.Close)
	return nil
}

// roleFilter refuses what this process has no role for, so that a command is never
// sent round in a circle.
type roleFilter struct{ *App }

// Send implements commands.Bus.
func (t roleFilter) Send(ctx context.Context, c commands.Command) (commands.Reply, error) {
	if !t.Config.Roles.decides(c.CommandName()) {
		return commands.Nobody{}.Send(ctx, c)
	}
	return t.local.Send(ctx, c)
}
