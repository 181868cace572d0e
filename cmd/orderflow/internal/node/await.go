package node

import (
	"context"
	"errors"
	"slices"

	"orderflow/domain"
	"orderflow/projections"
)

// AwaitViews returns when every view has what is in the log now. It waits for
// as long as they come nearer.
func (a *App) AwaitViews(ctx context.Context) error {
	end, err := a.Log.End(ctx)
	if err != nil {
		return err
	}
	groups, err := a.ViewProgress.Status(ctx)
	if err != nil {
		return err
	}
	for _, group := range groups {
		for at := group.Position; ; {
			err := a.ViewProgress.Await(ctx, group.Group, end)
			if err == nil {
				break
			}
			now, statusErr := a.ViewProgress.Status(ctx)
			if statusErr != nil {
				return errors.Join(err, statusErr)
			}
			n := slices.IndexFunc(now, func(s projections.Status) bool { return s.Group == group.Group })
			if n < 0 || now[n].Position <= at && !now[n].Rebuilding {
				return domain.Wrap(domain.KindOf(err), err, "All is imported, but the views of %s do not follow", group.Group)
			}
			at = now[n].Position
		}
	}
	return nil
}
