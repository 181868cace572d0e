package main

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"orderflow/cmd/orderflow/internal/audit"
	"orderflow/cmd/orderflow/internal/node"
	"orderflow/cmd/orderflow/internal/terminal"
	"orderflow/domain"
	"orderflow/infra/esdbserver/userclient"
)

// eventstoreCommands are the node, which needs no word of its own, and what is
// done beside it.
type eventstoreCommands struct {
	Node     eventstoreCmd         `cmd:"" default:"withargs" help:"Run the node; the word node may be left out."`
	User     eventstoreUserCmd     `cmd:"" help:"Look after the users of a node, or of an EventStoreDB."`
	Check    eventstoreCheckCmd    `cmd:"" help:"Find out whether an EventStoreDB, or a node, fits orderflow, and in what its answers differ."`
	Scavenge eventstoreScavengeCmd `cmd:"" help:"Remove for good what a node, or an EventStoreDB, does not show any more."`
}

// Help is shown under the subcommand's own --help.
func (eventstoreCommands) Help() string {
	return terminal.Usage("`orderflow eventstore --data DIR …` runs the node; `orderflow eventstore node --help` shows its flags.")
}

// eventstoreUserCmd looks after users.
type eventstoreUserCmd struct {
	Add     userAddCmd     `cmd:"" help:"Make a user; the password comes from ${user_password} or standard input."`
	List    userListCmd    `cmd:"" help:"List the users."`
	Passwd  userPasswdCmd  `cmd:"" help:"Give a user another password, from ${user_password} or standard input."`
	Disable userDisableCmd `cmd:"" help:"Keep a user out until it is enabled again."`
	Enable  userEnableCmd  `cmd:"" help:"Let a user in again."`
	Rm      userRmCmd      `cmd:"" help:"Delete a user, and its right to read $$all."`
	Grant   userGrantCmd   `cmd:"" help:"Let a user read $$all, as orderflow must."`
	Revoke  userRevokeCmd  `cmd:"" help:"Take the right to read $$all away again."`
}

// Help is shown under the subcommand's own --help.
func (eventstoreUserCmd) Help() string {
	return terminal.Usage("Whose users: those of a running node or of a real EventStoreDB (--connection, with an administrator such as admin), " +
		"or those of a data directory that no node uses (--data DIR; also if the administrator's password is lost).\n\n" +
		"A user of no group may read and write ordinary streams. orderflow itself needs such a user and the right to read $all: " +
		"orderflow eventstore user add orderflow --reads-all.")
}

// userStore says whose users are meant.
type userStore struct {
	Connection string `help:"Ask this node or EventStoreDB, as an administrator. The string holds a password: better set the variable." placeholder:"esdb://admin:…" env:"ORDERFLOW_EVENTSTORE_ADMIN"`
	Data       string `help:"Work on this data directory instead; no node may use it." placeholder:"DIR" type:"path"`
}

// use does something with the users and closes what it opened.
func (u userStore) use(ctx context.Context, logger *slog.Logger, do func(*userclient.Client) error) (err error) {
	var c *userclient.Client
	switch {
	case u.Data != "":
		var end func() error
		if c, end, err = usersOf(ctx, u.Data, logger); err != nil {
			return err
		}
		defer func() { err = audit.FirstErr(err, end()) }()
	case u.Connection != "":
		if c, err = userclient.Open(u.Connection); err != nil {
			return err
		}
	default:
		return domain.Errorf(domain.Invalid, "Say whose users: those of a running node with --connection esdb://admin:…@HOST:2113 or ORDERFLOW_EVENTSTORE_ADMIN, or those of a data directory that no node uses with --data DIR.")
	}
	defer func() { err = audit.FirstErr(err, c.Close()) }()
	if err = do(c); err != nil && u.Data == "" {
		return node.Troubled(ctx, u.Connection, err)
	}
	return err
}

type userAddCmd struct {
	Login    string   `arg:"" help:"The login name."`
	Name     string   `help:"The full name (default: the login name)." placeholder:"NAME"`
	Group    []string `help:"A group it is in; $$admins may do everything, $$ops looks after the node; a shell wants them in quotes. May be repeated." placeholder:"GROUP"`
	ReadsAll bool     `help:"Let it read $$all too, as orderflow must."`
	userStore
}

// Run makes the user. A second time it changes nothing, if the password is the same.
func (c *userAddCmd) Run(ctx context.Context, s terminal.Streams, logger *slog.Logger) error {
	password, err := newPassword(s)
	if err != nil {
		return err
	}
	name := c.Name
	if name == "" {
		name = c.Login
	}
	return c.use(ctx, logger, func(users *userclient.Client) error {
		if err := users.Add(ctx, userclient.User{Login: c.Login, FullName: name, Groups: c.Group}, password); err != nil {
			return err
		}
		fmt.Fprintf(s.Out, "There is a user %s.\n", c.Login)
		if !c.ReadsAll {
			return nil
		}
		return grant(ctx, s, users, c.Login)
	})
}

func grant(ctx context.Context, s terminal.Streams, users *userclient.Client, login string) error {
	changed, err := users.Grant(ctx, login)
	return report(s, err, changed, "%s may read $all.", "%s may read $all already.", login)
}

// report says what was changed, or that it was so before.
func report(s terminal.Streams, err error, changed bool, did, before string, login string) error {
	if err != nil {
		return err
	}
	if !changed {
		did = before
	}
	_, err = fmt.Fprintf(s.Out, did+"\n", login)
	return err
}

type userListCmd struct {
	userStore
	JSON bool `help:"Print JSON for programs."`
}

type userView struct {
	Login    string     `json:"login"`
	Name     string     `json:"name"`
	Groups   []string   `json:"groups"`
	Disabled bool       `json:"disabled"`
	Changed  *time.Time `json:"changed,omitempty"`
}

// Run lists the users.
func (c *userListCmd) Run(ctx context.Context, s terminal.Streams, logger *slog.Logger) error {
	return c.use(ctx, logger, func(users *userclient.Client) error {
		all, err := users.List(ctx)
		if err != nil {
			return err
		}
		views := make([]userView, len(all))
		for i, u := range all {
			views[i] = userView{Login: u.Login, Name: u.FullName, Groups: append([]string{}, u.Groups...), Disabled: u.Disabled}
			if !u.Changed.IsZero() {
				views[i].Changed = &all[i].Changed
			}
		}
		if c.JSON {
			return terminal.PrintJSON(s.Out, views)
		}
		t := terminal.NewTable(s.Out, "login", "name", "groups", "state")
		for _, u := range views {
			t.Row(u.Login, u.Name, strings.Join(u.Groups, ","), map[bool]string{false: "enabled", true: "disabled"}[u.Disabled])
		}
		return t.Flush()
	})
}

// oneUser is the user that most subcommands are about.
type oneUser struct {
	Login string `arg:"" help:"The login name."`
	userStore
}

type userPasswdCmd struct{ oneUser }

// Run sets the password.
func (c *userPasswdCmd) Run(ctx context.Context, s terminal.Streams, logger *slog.Logger) error {
	password, err := newPassword(s)
	if err != nil {
		return err
	}
	return c.use(ctx, logger, func(users *userclient.Client) error {
		return report(s, users.SetPassword(ctx, c.Login, password), true, "%s has another password.", "", c.Login)
	})
}

type userDisableCmd struct{ oneUser }

// Run disables the user.
func (c *userDisableCmd) Run(ctx context.Context, s terminal.Streams, logger *slog.Logger) error {
	return c.use(ctx, logger, func(users *userclient.Client) error {
		return report(s, users.Disable(ctx, c.Login), true, "%s is disabled; what it has under way goes on.", "", c.Login)
	})
}

type userEnableCmd struct{ oneUser }

// Run enables the user.
func (c *userEnableCmd) Run(ctx context.Context, s terminal.Streams, logger *slog.Logger) error {
	return c.use(ctx, logger, func(users *userclient.Client) error {
		return report(s, users.Enable(ctx, c.Login), true, "%s is enabled.", "", c.Login)
	})
}

type userRmCmd struct{ oneUser }

// Run deletes the user. Its right to $all goes first: another one with the
// login must not find it.
func (c *userRmCmd) Run(ctx context.Context, s terminal.Streams, logger *slog.Logger) error {
	return c.use(ctx, logger, func(users *userclient.Client) error {
		if _, err := users.Revoke(ctx, c.Login); err != nil {
			return err
		}
		return report(s, users.Remove(ctx, c.Login), true, "%s is deleted.", "", c.Login)
	})
}

type userGrantCmd struct{ oneUser }

// Run gives the right.
func (c *userGrantCmd) Run(ctx context.Context, s terminal.Streams, logger *slog.Logger) error {
	return c.use(ctx, logger, func(users *userclient.Client) error { return grant(ctx, s, users, c.Login) })
}

type userRevokeCmd struct{ oneUser }

// Run takes the right away.
func (c *userRevokeCmd) Run(ctx context.Context, s terminal.Streams, logger *slog.Logger) error {
	return c.use(ctx, logger, func(users *userclient.Client) error {
		changed, err := users.Revoke(ctx, c.Login)
		return report(s, err, changed, "%s may not read $all any more.", "%s could not read $all by its name.", c.Login)
	})
}
