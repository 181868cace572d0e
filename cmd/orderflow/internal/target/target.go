package target

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"strings"

	"orderflow/cmd/orderflow/internal/client"
	"orderflow/cmd/orderflow/internal/node"
	"orderflow/domain"
)

// Target is the system that a subcommand asks by the public API.
type Target struct {
	Source
	JSON bool `help:"Print JSON for programs."`

	begins bool // in a directory that is named and is not there yet, too
}

// Beginning is t for what fills an empty shop: it may make a data directory.
func (t Target) Beginning() Target {
	t.begins = true
	return t
}

// With calls use with a client. In process, a whole node works while use runs:
// orders that are placed are fulfilled.
func (t Target) With(ctx context.Context, logger *slog.Logger, use func(context.Context, *client.Client) error) error {
	n, err := t.Resolve(ctx, logger)
	if err != nil {
		return err
	}
	if base := strings.TrimRight(n.ServerURL(), "/"); base != "" {
		if !strings.HasPrefix(base, "http://") && !strings.HasPrefix(base, "https://") {
			return domain.Errorf(domain.Invalid, "%q is not the address of a server; write it as in --server %s.", t.Server, node.DefaultServer)
		}
		return use(ctx, &client.Client{Base: base, HTTP: &http.Client{}})
	}
	c := n.Config()
	if err := c.Exists(); err != nil && !t.begins {
		return err
	}
	app, err := node.New(ctx, c, logger)
	if err != nil {
		return err
	}
	err = app.While(ctx, func(ctx context.Context) error {
		if err := app.AwaitViews(ctx); err != nil { // what the last command did is to be seen
			return err
		}
		return use(ctx, app.Client())
	})
	return errors.Join(err, app.Close())
}
