package redis

import (
	"context"
	"strconv"
	"time"

	goredis "github.com/redis/go-redis/v9"

	"orderflow/domain"
)

// counterLife is for how long the counters of a day are kept: a week and what
// time zones add to it.
const counterLife = 8 * 24 * time.Hour

// Counters are figures that all processes add to, by day in UTC. They are
// figures to look at: they begin at 0 when Redis is lost, and an Add that
// failed may have counted.
type Counters struct{ r *Redis }

// Counters returns the counters.
func (r *Redis) Counters() *Counters { return &Counters{r} }

func (c *Counters) key(day time.Time) string {
	return c.r.keys.plain("counters", day.UTC().Format(time.DateOnly))
}

// Add counts n more under a name, today.
func (c *Counters) Add(ctx context.Context, name string, n int64) error {
	key := c.key(c.r.now())
	return c.r.call(ctx, breakerKeyOf(key), func(ctx context.Context) error {
		_, err := c.r.client.Pipelined(ctx, func(pipe goredis.Pipeliner) error {
			pipe.HIncrBy(ctx, key, name, n)
			pipe.Expire(ctx, key, counterLife)
			return nil
		})
		return err
	})
}

// Read returns today's figures by name.
func (c *Counters) Read(ctx context.Context) (map[string]int64, error) {
	return c.ReadDay(ctx, c.r.now())
}

// ReadDay returns the figures of the day of a time. A day without counts
// on, or long ago, has none.
func (c *Counters) ReadDay(ctx context.Context, day time.Time) (map[string]int64, error) {
	key := c.key(day)
	var texts map[string]string
	err := c.r.call(ctx, breakerKeyOf(key), func(ctx context.Context) (err error) {
		texts, err = c.r.client.HGetAll(ctx, key).Result()
		return err
	})
	if err != nil {
		return nil, err
	}
	figures := make(map[string]int64, len(texts))
	for name, text := range texts {
		n, err := strconv.ParseInt(text, 10, 64)
		if err != nil {
			return nil, domain.Wrap(domain.Unavailable, err, "The counter %s in Redis is not a number", name)
		}
		figures[name] = n
	}
	return figures, nil
}
