package redis_test

import (
	"context"
	"log/slog"
	"testing"
	"time"

	goredis "github.com/redis/go-redis/v9"
	"go.uber.org/goleak"

	"orderflow/infra/deploy/servicestest"
	"orderflow/infra/redis"
)

// TestMain lets one goroutine of go-redis be: it looks once a second whether
// a server that was away is back, and only then whether its pool was closed.
func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m, goleak.IgnoreAnyFunction("github.com/redis/go-redis/v9/internal/pool.(*ConnPool).tryDial"))
}

func quiet() *slog.Logger { return slog.New(slog.DiscardHandler) }

// patient is for tests that want Redis's answer, on a machine that does much else.
const patient = 2 * time.Second

// open returns a client with a prefix of its own.
func open(t testing.TB, timeout time.Duration, urls ...string) *redis.Redis {
	t.Helper()
	return openAs(t, servicestest.Prefix(), timeout, urls...)
}

func openAs(t testing.TB, prefix string, timeout time.Duration, urls ...string) *redis.Redis {
	t.Helper()
	r, err := redis.Open(context.Background(), redis.Options{URLs: urls, Prefix: prefix, Timeout: timeout, Logger: quiet()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	})
	return r
}

// onBoth runs a test on the single node and on the cluster.
func onBoth(t *testing.T, test func(t *testing.T, urls []string)) {
	t.Run("node", func(t *testing.T) { test(t, []string{servicestest.Redis(t)}) })
	t.Run("cluster", func(t *testing.T) {
		var urls []string
		for _, address := range servicestest.RedisCluster(t) {
			urls = append(urls, "redis://"+address)
		}
		test(t, urls)
	})
}

// bare returns a client that goes round the package.
func bare(t testing.TB, urls ...string) goredis.UniversalClient {
	t.Helper()
	var addrs []string
	for _, u := range urls {
		o, err := goredis.ParseURL(u)
		if err != nil {
			t.Fatal(err)
		}
		addrs = append(addrs, o.Addr)
	}
	c := goredis.NewUniversalClient(&goredis.UniversalOptions{Addrs: addrs, IsClusterMode: len(addrs) > 1})
	t.Cleanup(func() { _ = c.Close() })
	return c
}

// eventually waits until a condition holds.
func eventually(t testing.TB, what string, holds func() bool) {
	t.Helper()
	deadline := time.After(20 * time.Second)
	for !holds() {
		select {
		case <-deadline:
			t.Fatalf("in 20 s: not %s", what)
		case <-time.After(2 * time.Millisecond):
		}
	}
}
