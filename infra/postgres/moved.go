package postgres

import (
	"context"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"

	"orderflow/domain"
	"orderflow/projections"
	"orderflow/readmodels"
)

// Limits of news.
const (
	// pollEvery is how long a lost notification keeps readers waiting.
	pollEvery = 250 * time.Millisecond
	// listenRetry is the pause before a lost connection is opened again.
	listenRetry = time.Second
	// listenPing is how often an idle listener is asked whether it still hears.
	listenPing = 5 * time.Second
)

// changing is the view whose changed rows readers are told of.
var changing readmodels.Table = readmodels.OrderView

// Changed implements [projections.ChangeSource]. Position comes before orders: orders
// named too early are named again.
func (v *Views) Changed(ctx context.Context, group string, since projections.Cursor, limit int) (projections.Change, projections.Cursor, error) {
	g, err := projections.GroupOf(group)
	if err != nil {
		return projections.Change{}, since, err
	}
	l := v.groups[g.Name]
	ctx, cancel := l.server.within(ctx)
	defer cancel()
	live, at, err := l.liveAt(ctx)
	if err != nil {
		return projections.Change{}, since, mapped(err)
	}
	mark := projections.Cursor{Version: live.id, Position: at}
	change := projections.Change{Group: g.Name, Position: at, Missed: mark.Version != since.Version || at < since.Position}
	if change.Missed || at == since.Position || v.of[changing] != l {
		return change, mark, nil
	}
	rows, err := l.pool.Query(ctx, "SELECT id FROM "+l.table(changing).name+" WHERE position > $1 ORDER BY position LIMIT $2", int64(since.Position), limit+1)
	if err != nil {
		return projections.Change{}, since, mapped(err)
	}
	change.Orders, err = pgx.CollectRows(rows, pgx.RowTo[domain.OrderID])
	if err != nil {
		return projections.Change{}, since, mapped(err)
	}
	if len(change.Orders) > limit {
		change.Orders, change.Missed = nil, true
	}
	return change, mark, nil
}

// Wait implements [projections.ChangeSource]: until something was written, as far as
// is heard, and no longer than a poll may wait.
func (v *Views) Wait(ctx context.Context) error {
	t := time.NewTimer(pollEvery)
	defer t.Stop()
	select {
	case <-v.news.next():
	case <-t.C:
	case <-ctx.Done():
		return mapped(ctx.Err())
	}
	return nil
}

// news listens to the databases of views, from the first question on.
type news struct {
	server *Server

	mu    sync.Mutex
	heard chan struct{} // closed and replaced by the next notification
	stop  context.CancelFunc
	wg    sync.WaitGroup
}

func newNews(s *Server) *news { return &news{server: s, heard: make(chan struct{})} }

func (n *news) next() <-chan struct{} {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.stop == nil {
		var ctx context.Context
		ctx, n.stop = context.WithCancel(context.Background())
		for _, service := range []string{orderService, inventoryService} {
			n.wg.Go(func() { n.listen(ctx, service) })
		}
	}
	return n.heard
}

func (n *news) tell() {
	n.mu.Lock()
	defer n.mu.Unlock()
	close(n.heard)
	n.heard = make(chan struct{})
}

func (n *news) close() {
	n.mu.Lock()
	if n.stop == nil {
		n.stop = func() {} // it does not begin any more
	}
	n.stop()
	n.mu.Unlock()
	n.wg.Wait()
}

// listen passes notifications on, and opens a lost connection again.
func (n *news) listen(ctx context.Context, service string) {
	for ctx.Err() == nil {
		c, err := n.server.dial(ctx, service)
		if err == nil {
			err = n.hear(ctx, c)
			_ = c.Close(context.WithoutCancel(ctx)) // it is of no more use
		}
		if ctx.Err() == nil {
			n.server.logger.Info("changes of views are polled until the connection is back", "database", n.server.database(service), "error", err)
			_ = pause(ctx, listenRetry)
		}
	}
}

func (n *news) hear(ctx context.Context, c *pgx.Conn) error {
	if _, err := c.Exec(ctx, "LISTEN orderflow_views"); err != nil {
		return err
	}
	n.tell() // what was said before
	for {
		heard, err := n.hearOne(ctx, c)
		if err != nil {
			return err
		}
		if heard {
			n.tell()
			continue
		}
		alive, cancel := context.WithTimeout(ctx, pingTimeout)
		err = c.Ping(alive)
		cancel()
		if err != nil {
			return err
		}
	}
}

// hearOne waits for a notification; nothing comes for a while is no error.
func (n *news) hearOne(ctx context.Context, c *pgx.Conn) (heard bool, err error) {
	patient, cancel := context.WithTimeout(ctx, listenPing)
	defer cancel()
	_, err = c.WaitForNotification(patient)
	if err != nil && patient.Err() != nil && ctx.Err() == nil && !c.IsClosed() {
		return false, nil
	}
	return err == nil, err
}
