package baseline

import (
	"encoding/binary"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"github.com/cockroachdb/pebble/v2"
)

// keyPrefix begins every key, so that keys have the length of an event's key.
const keyPrefix = 'e'

// PebbleCommits opens an empty Pebble database in dir with the given options and
// lets writers commit payload, each commit under its own key and synced. It
// returns the commits per second: the limit of an event log on the same database.
func PebbleCommits(dir string, options *pebble.Options, payload []byte, writers int, duration time.Duration) (perSecond float64, err error) {
	db, err := pebble.Open(dir, options)
	if err != nil {
		return 0, err
	}
	var commits atomic.Int64
	errs := make([]error, writers)
	start := time.Now()
	var wg sync.WaitGroup
	for w := range writers {
		wg.Go(func() {
			for time.Since(start) < duration && errs[w] == nil {
				key := binary.BigEndian.AppendUint64([]byte{keyPrefix}, uint64(commits.Add(1)))
				errs[w] = db.Set(key, payload, pebble.Sync)
			}
		})
	}
	wg.Wait()
	elapsed := time.Since(start)
	return float64(commits.Load()) / elapsed.Seconds(), errors.Join(append(errs, db.Close())...)
}
