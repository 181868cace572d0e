package redis

import (
	"context"
	"time"

	"orderflow/commands"
	"orderflow/domain"
)

// Limiter counts requests in windows that all processes share. It goes by the
// server's clock and is exact: Redis keeps the time of each request in the
// window, about 11 bytes. A request whose answer is lost may count.
type Limiter struct{ r *Redis }

var _ commands.Limiter = (*Limiter)(nil)

// Limiter returns the limiter.
func (r *Redis) Limiter() *Limiter { return &Limiter{r} }

// Take implements [commands.Limiter].
func (l *Limiter) Take(ctx context.Context, key string, limit int, window time.Duration) (commands.Allowance, error) {
	if limit < 1 || window < time.Millisecond {
		return commands.Allowance{}, domain.Errorf(domain.Invalid, "A limit of %d in %v cannot be kept.", limit, window)
	}
	var said []int64
	err := l.r.call(ctx, breakerKeyOf(key), func(ctx context.Context) (err error) {
		micros := (window + time.Microsecond - 1).Microseconds()
		said, err = l.r.take.Run(ctx, l.r.client, []string{l.r.keys.plain("limit", key)}, limit, micros).Int64Slice()
		return err
	})
	if err != nil {
		return commands.Allowance{}, err
	}
	if len(said) != 4 {
		return commands.Allowance{}, domain.Errorf(domain.Unavailable, "Redis answered %d figures instead of 4.", len(said))
	}
	return commands.Allowance{
		OK: said[0] == 1, Limit: limit, Remaining: int(said[1]),
		Reset: time.Duration(said[2]) * time.Microsecond, Retry: time.Duration(said[3]) * time.Microsecond,
	}, nil
}
