package baseline_test

import (
	"fmt"
	"os"
	"time"

	"github.com/cockroachdb/pebble/v2"

	"orderflow/infra/baseline"
)

// The bare database says how many synced commits a disk takes at most.
func Example() {
	dir, err := os.MkdirTemp("", "baseline")
	if err != nil {
		panic(err)
	}
	defer func() { _ = os.RemoveAll(dir) }()
	perSecond, err := baseline.PebbleCommits(dir, &pebble.Options{}, []byte("an event"), 4, 50*time.Millisecond)
	fmt.Println(perSecond > 0, err)
	// Output: true <nil>
}
