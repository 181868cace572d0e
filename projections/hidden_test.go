package projections_test

import (
	"context"
	"errors"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"orderflow/domain/eventlog"
	"orderflow/infra/memory"
	"orderflow/projections"
)

// hiding is a log whose list of truncated streams hangs, fails or answers.
type hiding struct {
	*memory.Log
	hangs time.Duration
	fails bool
	asked int
	list  []eventlog.Truncated
}

func (h *hiding) TruncatedStreams(context.Context, ...string) ([]eventlog.Truncated, int, error) {
	h.asked++
	time.Sleep(h.hangs)
	if h.fails {
		return nil, 0, errors.New("no answer")
	}
	return h.list, len(h.list), nil
}

// TestHiddenSearchesAgain has one search hang and fail: the next comes after the usual
// pause. A stream that is known to be truncated is looked for at once.
func TestHiddenSearchesAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := &hiding{Log: memory.New(), hangs: 15 * time.Second, fails: true}
		hidden := &projections.Hidden{Log: log, Logger: slog.New(slog.DiscardHandler)}
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan error)
		go func() { ended <- hidden.Run(ctx) }()
		time.Sleep(15*time.Second + time.Millisecond)
		synctest.Wait()
		log.hangs, log.fails = 0, false
		time.Sleep(projections.HiddenEvery)
		synctest.Wait()
		if log.asked != 2 {
			t.Errorf("the store was asked %d times, not again %s after a search that failed", log.asked, projections.HiddenEvery)
		}
		hidden.LookSoon()
		hidden.LookSoon()
		time.Sleep(2 * time.Second)
		synctest.Wait()
		if log.asked < 3 || log.asked > 4 {
			t.Errorf("the store was asked %d times 2 s after a stream was truncated, not soon", log.asked)
		}
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
}
