// Package redis keeps in Redis, a single node or a cluster, what the processes
// of a fleet share to be fast. Nothing in it is the truth: every caller has a
// fallback, and losing or flushing Redis at any moment changes speed, never an
// answer.
//
//	projections ──batch──▶ [Mirror] ─one script for each tag─▶ Redis ◀─row + state of its tag─ [Orders], [Stocks]
//	              (queue, never waits)                            │                               │ absent, older, error
//	                                                              └── [Available]                 ▼
//	commands ──▶ [Limiter] [Results] [Counters]                                          the views behind
//
// # Rows
//
// Rows are spread by a hash of their key over 16 tags for each group. All keys
// of a tag live in one slot of a cluster:
//
//	p:v1:1:{o3}             epoch, position          where the tag stands
//	p:v1:1:{o3}:ord_…       epoch, JSON              one row; shown only in the epoch of its tag
//	p:v1:1:{s3}:main:SKU    epoch, JSON
//	p:v1:1:{s3}:stock:distributed:main:SKU  hash     available, epoch
//
// p is the prefix, v1 the stored form and 1 the number of the group's fold: a
// program that folds otherwise reads other keys.
//
// A batch is applied to a tag by one script, all or nothing, and only if the
// tag stands where the batch begins. If it does not, because a batch was
// dropped, or Redis was flushed, or lost its newest writes in a failover, then
// a new epoch begins with just the rows of this batch: every older row of the
// tag is out of sight at once, wherever it may still lie. State and rows of a
// tag are in one slot, so they are lost together or not at all: a tag that a
// failover takes back is a true picture of an earlier moment. Rows that are evicted or expire are absent.
// Absent never means NotFound.
//
// A reader takes row and state in one command and believes them if the epochs
// are the same and the tag stands at least where this process has seen the
// view before, by any answer. So reads are monotonic. A tag whose
// mirror is silent for 30 seconds is gone, so an answer is not older than that
// even where the projector cannot reach Redis and this process can.
//
// # Calls
//
// A call takes at most [Options].Timeout. After 5 failures in a row the
// breaker opens for a second, then one call probes; a cluster has a breaker
// for each group of keys, so that a dead master does not take the others along.
// Each failure makes the client reload which node serves which keys. No call
// is retried.
//
// # What is lost with Redis
//
// The limiter begins with empty windows; counters begin at 0; results are
// computed again.
package redis

import (
	"embed"

	goredis "github.com/redis/go-redis/v9"
)

//go:embed scripts/*.lua
var scripts embed.FS

// script returns an embedded script; a name that does not exist is a bug that
// the first use in any test shows.
func script(name string) *goredis.Script {
	text, err := scripts.ReadFile("scripts/" + name + ".lua")
	if err != nil {
		panic(err)
	}
	return goredis.NewScript(string(text))
}
