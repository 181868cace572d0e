package redis

import (
	"context"
	"encoding/json"
	"errors"
	"sync"
	"time"

	goredis "github.com/redis/go-redis/v9"

	"orderflow/domain"
)

// resultLife is for how long the answer to a request is kept: a client that
// repeats it does so within minutes.
const resultLife = 300 * time.Second

// MaxResultBytes bounds one stored result.
const MaxResultBytes = 64 << 10

// ErrMiss is the error for a result that is not stored.
var ErrMiss error = domain.Errorf(domain.NotFound, "No result is stored.")

// Result is the answer that a request got.
type Result struct {
	Fingerprint string          `json:"fingerprint"` // of the request, so that another one under the same key is noticed
	Body        json.RawMessage `json:"body"`
}

// Results keeps the answers to requests for [resultLife], each in three copies
// on different nodes of a cluster.
type Results struct{ r *Redis }

// Results returns the result cache.
func (r *Redis) Results() *Results { return &Results{r} }

// copies returns the keys of one result.
func (c *Results) copies(id domain.OrderID) [3]string {
	key := c.r.keys.plain("order", string(id))
	return [...]string{key, key + ":us-east", key + ":eu-west"}
}

// Load returns the result of an order's request. It is [ErrMiss] when none is
// stored, and Unavailable when no copy can be read.
func (c *Results) Load(ctx context.Context, id domain.OrderID) (Result, error) {
	var failed error
	for _, key := range c.copies(id) {
		var text []byte
		err := c.r.call(ctx, breakerKeyOf(key), func(ctx context.Context) (err error) {
			text, err = c.r.client.Get(ctx, key).Bytes()
			if errors.Is(err, goredis.Nil) {
				return nil
			}
			return err
		})
		if err != nil {
			failed = err
			continue
		}
		var found Result
		if text == nil || json.Unmarshal(text, &found) != nil {
			return Result{}, ErrMiss
		}
		return found, nil
	}
	return Result{}, failed
}

// Store writes the three copies at once; one that fails stops no other. The
// error joins those of the copies that were not written.
func (c *Results) Store(ctx context.Context, id domain.OrderID, result Result) error {
	text, err := json.Marshal(result)
	if err != nil || len(text) > MaxResultBytes {
		return domain.Wrap(domain.Invalid, err, "The result has %d bytes, or is not JSON; %d are kept", len(text), MaxResultBytes)
	}
	copies := c.copies(id)
	var errs [len(copies)]error
	var wg sync.WaitGroup
	for i, key := range copies {
		wg.Go(func() {
			errs[i] = c.r.call(ctx, breakerKeyOf(key), func(ctx context.Context) error {
				return c.r.client.Set(ctx, key, text, resultLife).Err()
			})
		})
	}
	wg.Wait()
	return errors.Join(errs[:]...)
}
