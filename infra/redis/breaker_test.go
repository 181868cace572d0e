package redis_test

import (
	"testing"
	"time"

	"orderflow/infra/redis"
)

func TestTheBreakerLetsOneTryASecond(t *testing.T) {
	var b redis.Breaker
	now := time.Date(2026, 11, 27, 0, 0, 0, 0, time.UTC)
	for i := range redis.MaxFailures {
		if !b.Allow(now) {
			t.Fatalf("after %d failures nobody may call", i)
		}
		b.Failed(now)
	}
	if b.Allow(now.Add(redis.LeaveAlone - 1)) {
		t.Error("it is not left alone")
	}
	now = now.Add(redis.LeaveAlone)
	if !b.Allow(now) || b.Allow(now) {
		t.Error("not exactly one may try")
	}
	b.LearnedNothing() // the caller went away
	if !b.Allow(now) {
		t.Error("a trial that taught nothing keeps others away")
	}
	b.Failed(now)
	if b.Allow(now) || !b.Allow(now.Add(redis.LeaveAlone)) {
		t.Error("after a failed trial it is not left alone for as long again")
	}
	b.Succeeded()
	for i := range redis.MaxFailures {
		if !b.Allow(now) {
			t.Fatalf("well again, and after %d failures nobody may call", i)
		}
		b.Failed(now)
	}
}

func TestASuccessForgetsFailures(t *testing.T) {
	var b redis.Breaker
	now := time.Date(2026, 11, 27, 0, 0, 0, 0, time.UTC)
	for range 3 * redis.MaxFailures {
		b.Failed(now)
		b.Succeeded()
	}
	if !b.Allow(now) {
		t.Error("failures that were not in a row count")
	}
}
