package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"time"

	"orderflow/cmd/orderflow/internal/node"
	"orderflow/cmd/orderflow/internal/target"
	"orderflow/cmd/orderflow/internal/terminal"
	"orderflow/domain"
	"orderflow/infra/edge"
)

// serveCmd runs a node until it is told to end.
type serveCmd struct {
	Data   string `help:"Where everything is kept." default:"${data}" type:"path" placeholder:"DIR" env:"ORDERFLOW_DATA"`
	Listen string `help:"Where the API listens: on this machine only, unless there is --auth; port 0 takes a free one." default:"${listen}" env:"ORDERFLOW_LISTEN"`
	target.EventStoreFlag
	node.RoleFlags
	node.ElsewhereFlags
	node.ProviderFlags
	node.AuthFlags
	Private      string        `help:"Where metrics and profiles listen, on this machine only; none if empty." default:"${private}" env:"ORDERFLOW_PRIVATE"`
	PrivateToken string        `help:"What whoever reads metrics and profiles must bring as a bearer token; probes need none. Better set the variable." placeholder:"TOKEN" env:"ORDERFLOW_PRIVATE_TOKEN"`
	DrainWait    time.Duration `help:"How long a process that was told to end says so on /healthz/ready before it takes no more requests." default:"0s" env:"ORDERFLOW_DRAIN_WAIT"`
	Tell         string        `help:"Write the addresses as JSON to this file once requests are taken, for scripts that let the system choose ports." type:"path" placeholder:"FILE"`
}

// Help is shown under the subcommand's own --help.
func (c *serveCmd) Help() string {
	return terminal.Usage("SIGINT or SIGTERM takes no more requests, answers those under way and ends; the second one ends at once. " +
		"Without --auth everybody who reaches it may do everything, so it listens on this machine only. With --auth=dev it takes the tokens of `orderflow token`.")
}

// Run serves.
func (c *serveCmd) Run(ctx context.Context, s terminal.Streams, logger *slog.Logger) error {
	begun := time.Now()
	if err := checkProviderKeys(os.Environ()); err != nil {
		return err
	}
	auth, err := c.Config()
	if err != nil {
		return err
	}
	others, err := c.RoleFlags.Fleet(c.ElsewhereFlags)
	if err != nil {
		return err
	}
	providers := c.Providers()
	if production := edge.Production(); production != "" {
		if err := providers.CheckNamed(others.Roles, production); err != nil {
			return err
		}
	}
	app, err := node.New(ctx, node.Config{
		Data: c.Data, EventStore: c.EventStore, Listen: c.Listen, Private: c.Private, PrivateToken: c.PrivateToken, DrainWait: c.DrainWait,
		Providers: providers, Auth: auth, Fleet: others,
	}, logger)
	if err != nil {
		return err
	}
	if app.API != nil {
		fmt.Fprintf(s.Out, "orderflow serves %s %s.\n", c.Data, auth.Says())
	} else {
		fmt.Fprintf(s.Out, "orderflow is %s of a fleet.\n", app.Config.Roles)
	}
	if remote, ok := app.Log.(node.Pinged); ok {
		fmt.Fprintf(s.Out, "The log is in EventStoreDB at %s.\n", remote.Name())
	}
	for _, text := range app.SimulatedSays() {
		fmt.Fprintln(s.Out, text)
	}
	app.ShowAddresses(s)
	if err := writeJSONFile(c.Tell, map[string]string{"api": app.URL(), "private": app.PrivateURL(), "peers": app.Peers.URL()}); err != nil {
		return errors.Join(err, app.Close())
	}
	logger.InfoContext(ctx, "serving", "data", c.Data, "started_in", time.Since(begun).Round(time.Millisecond).String())
	err = errors.Join(app.Config.Explained(app.Run(ctx)), app.Close())
	logger.InfoContext(context.WithoutCancel(ctx), "ended")
	return err
}

// writeJSONFile writes where the node is, whole or not at all, to a file if one is named.
func writeJSONFile(file string, v any) error {
	if file == "" {
		return nil
	}
	data, err := json.Marshal(v)
	if err != nil {
		return err
	}
	half := file + ".new"
	if err := os.WriteFile(half, data, 0o600); err != nil {
		return domain.Wrap(domain.Invalid, err, "The addresses cannot be written; choose another file with --tell")
	}
	return os.Rename(half, file)
}
