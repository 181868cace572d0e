package kafka

import (
	"context"
	"log/slog"
	"time"

	"orderflow/domain"
	"orderflow/following"
)

// logError is a failure of the log.
type logError struct{ error }

func (e logError) Unwrap() error { return e.error }

// overtaken is a checkpoint that another relay holds.
type overtaken struct{ error }

func (e overtaken) Unwrap() error { return e.error }

// ofCheckpoints sorts a failure of the checkpoints: another relay has taken
// over, or they are waited for.
func ofCheckpoints(err error) error {
	switch {
	case err == nil:
		return nil
	case domain.KindOf(err) == domain.Conflict:
		return overtaken{err}
	}
	return domain.Wrap(domain.Unavailable, err, "The relay's checkpoint cannot be kept")
}

// retryPolicy decides after a pass that failed whether there is another one.
type retryPolicy struct {
	Relay
	backoff backoff
	stuck   int // passes in a row that moved nothing
	lost    int // of them, those in which the log refused the relay's place
}

func (p *retryPolicy) reset() {
	p.backoff.reset()
	p.stuck, p.lost = 0, 0
}

// over returns the error the relay ends with, if it ends.
func (p *retryPolicy) over(err error) (error, bool) { //nolint:revive // the error is what is asked for
	switch e := err.(type) { //nolint:errorlint // pass returns these types themselves
	case overtaken:
		return e.error, true
	case logError:
		remedy := following.RemedyFor(domain.KindOf(err))
		if remedy == following.Rewind {
			p.lost++
		}
		if remedy == following.End || p.lost > following.MaxRewinds {
			p.Kafka.config.Observer.RelayError(e.error)
			return p.Follower.Failure(e.error), true
		}
	default:
		if domain.KindOf(err) == domain.Internal {
			p.Kafka.config.Observer.RelayError(err)
			return domain.Wrap(domain.Internal, err, "The relay cannot publish any more"), true
		}
	}
	return nil, false
}

// wait reports why there is another pass, and pauses before it. From
// following.WarnAfter passes on that moved nothing, it is an error.
func (p *retryPolicy) wait(ctx context.Context, err error) error {
	level := slog.LevelWarn
	if p.stuck++; p.stuck >= following.WarnAfter {
		level = slog.LevelError
	}
	p.Kafka.config.Observer.RelayError(err)
	p.Kafka.config.Logger.Log(ctx, level, "the relay begins again from its checkpoint",
		"kind", domain.KindOf(err).String(), "passes", p.stuck, "pause", max(p.backoff.next, FirstPause).Round(time.Millisecond).String(), "error", err)
	return p.backoff.wait(ctx)
}
