package main

import (
	"cmp"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"orderflow/cmd/orderflow/internal/client"
	"orderflow/cmd/orderflow/internal/terminal"
	"orderflow/domain"
	"orderflow/infra/edge"
	"orderflow/infra/httpapi"
)

// tokenCmd gives out a token of the development issuer.
type tokenCmd struct {
	Customer string        `help:"The customer whose orders the token is for." placeholder:"NAME"`
	Subject  string        `help:"Who asks; the customer if left out." placeholder:"NAME"`
	Scope    []string      `help:"What the token is good for: orders, support, catalogue, reports or admin; may be repeated." default:"orders" placeholder:"NAME"`
	TTL      time.Duration `help:"How long it counts." default:"1h" name:"ttl"`
	Data     string        `help:"The data directory of the server that is to take it." default:"${data}" type:"path" placeholder:"DIR" env:"ORDERFLOW_DATA"`
	JSON     bool          `help:"Print JSON for programs."`
}

// tokenView is a token as it is printed for programs.
type tokenView struct {
	Token    string    `json:"token"`
	Issuer   string    `json:"issuer"`
	Subject  string    `json:"subject"`
	Customer string    `json:"customer,omitempty"`
	Scopes   []string  `json:"scopes"`
	Expires  time.Time `json:"expires"`
}

// Help is shown under the subcommand's own --help.
func (c *tokenCmd) Help() string {
	return terminal.Usage("A server takes it that runs with --auth=dev on the same data directory; other commands send what is in " + client.TokenVariable + ": " +
		"export ORDERFLOW_TOKEN=$(orderflow token --customer ada). There is no such issuer in production (ENV=prod or ORDERFLOW_ENV=production).")
}

// Run prints the token.
func (c *tokenCmd) Run(s terminal.Streams) error {
	subject := cmp.Or(c.Subject, c.Customer)
	if subject == "" {
		return domain.Errorf(domain.Invalid, "Say for whom the token is: with --customer NAME, or with --subject NAME for one that is no customer.")
	}
	for _, scope := range c.Scope {
		if known := httpapi.Scopes(); !slices.Contains(known, scope) {
			return domain.Errorf(domain.Invalid, "There is no scope %q; there are %s.", scope, strings.Join(known, ", "))
		}
	}
	if c.Data == "" {
		return domain.Errorf(domain.Invalid, "There is no data directory: say which with --data DIR.")
	}
	issuer, err := edge.OpenDevIssuer(c.Data)
	if err != nil {
		return err
	}
	expires := time.Now().Add(c.TTL).UTC().Truncate(time.Second)
	token, err := issuer.Token(subject, domain.CustomerID(c.Customer), c.Scope, c.TTL)
	if err != nil {
		return err
	}
	if c.JSON {
		return terminal.PrintJSON(s.Out, tokenView{Token: token, Issuer: edge.DevName, Subject: subject, Customer: c.Customer, Scopes: c.Scope, Expires: expires})
	}
	fmt.Fprintln(s.Out, token)
	if terminal.IsTerminal(os.Stdout) {
		fmt.Fprintf(s.Err, "It counts until %s.\n", expires.Format(time.RFC3339))
	}
	return nil
}
