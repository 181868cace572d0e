package userclient

import "context"

// Edit returns what Grant and Revoke do, with a change that may take its time.
func (c *Client) Edit(ctx context.Context, change func(readers []string, said bool) []string) (bool, error) {
	return c.edit(ctx, change)
}
