package kafka

import (
	"context"
	"log/slog"
	"time"

	"orderflow/domain"
	"orderflow/following"
	"orderflow/internal/backoff"
	"orderflow/internal/pause"
)

// logError marks an error of the event log.
type logError struct{ error }

func (e logError) Unwrap() error { return e.error }

// overtaken marks an error of a checkpoint that another relay holds.
type overtaken struct{ error }

func (e overtaken) Unwrap() error { return e.error }

// ofCheckpoints classifies an error of the checkpoint store: overtaken if another
// relay holds the checkpoint, else Unavailable.
func ofCheckpoints(err error) error {
	switch {
	case err == nil:
		return nil
	case domain.KindOf(err) == domain.Conflict:
		return overtaken{err}
	}
	return domain.Wrap(domain.Unavailable, err, "The relay's checkpoint cannot be kept")
}

// retryPolicy decides whether the relay starts another pass after one that failed.
type retryPolicy struct {
	Relay
	pauses *backoff.Sequence
	stuck  int // passes in a row without progress
	lost   int // of them, those in which the log refused the relay's place
}

func (p *retryPolicy) reset() {
	p.pauses.Reset()
	p.stuck, p.lost = 0, 0
}

// over returns the error with which the relay ends and true, or false if it retries.
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

// wait logs err and waits with backoff before the next pass. After
// following.WarnAfter passes without progress it logs an error, not a warning.
func (p *retryPolicy) wait(ctx context.Context, err error) error {
	level := slog.LevelWarn
	if p.stuck++; p.stuck >= following.WarnAfter {
		level = slog.LevelError
	}
	d := p.pauses.NextBackOff()
	p.Kafka.config.Observer.RelayError(err)
	p.Kafka.config.Logger.Log(ctx, level, "the relay begins again from its checkpoint",
		"kind", domain.KindOf(err).String(), "passes", p.stuck, "pause", d.Round(time.Millisecond).String(), "error", err)
	return pause.For(ctx, d)
}
