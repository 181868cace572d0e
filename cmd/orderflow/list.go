package main

import (
	"cmp"
	"context"
	"fmt"

	"orderflow/cmd/orderflow/internal/client"
	"orderflow/cmd/orderflow/internal/terminal"
	"orderflow/domain"
)

// limit bounds what a list prints.
type limit struct {
	Limit int `help:"At most so many; 0 lists up to ${rows}." default:"50" placeholder:"N"`
}

// list reads a list up to its limit, and says so where it goes on after it.
func list[T any](ctx context.Context, c *client.Client, r client.Request, l limit, s terminal.Streams) ([]T, error) {
	if l.Limit < 0 || l.Limit > client.MaxRows {
		return nil, domain.Errorf(domain.Invalid, "--limit takes 0 to %d, not %d.", client.MaxRows, l.Limit)
	}
	rows, more, err := client.All[T](ctx, c, r, cmp.Or(l.Limit, client.MaxRows))
	if more {
		fmt.Fprintf(s.Err, "orderflow: there are more than these %d; see more with --limit, or fewer with a filter\n", len(rows))
	}
	return rows, err
}
