package redis_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"orderflow/infra/deploy/servicestest"
	"orderflow/infra/redis"
)

// exampleURL names the server of the example: redis://host:port.
var exampleURL string

// All processes that use the limiter share one count.
func Example() {
	ctx := context.Background()
	for range 3 {
		process, err := redis.Open(ctx, redis.Options{URLs: []string{exampleURL}, Prefix: examplePrefix})
		if err != nil {
			panic(err)
		}
		allowance, err := process.Limiter().Take(ctx, "customer:ada", 2, time.Hour)
		fmt.Println(allowance.OK, allowance.Remaining, err, process.Close())
	}
}

// examplePrefix keeps the keys of one run apart from those of others.
var examplePrefix string

func TestExample(t *testing.T) {
	exampleURL, examplePrefix = servicestest.Redis(t), servicestest.Prefix()
	servicestest.CheckOutput(t, Example, `
true 1 <nil> <nil>
true 0 <nil> <nil>
false 0 <nil> <nil>`)
}
