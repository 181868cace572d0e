package pebblelog

import (
	"encoding/binary"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"github.com/cockroachdb/pebble/v2"
)

// BareAppend measures what the log is compared with: writers that each commit
// payload under a key of its own to a bare Pebble database in dir, with the
// log's settings, one by one and synced. It returns the commits per second.
func BareAppend(dir string, payload []byte, writers int, duration time.Duration) (perSecond float64, err error) {
	o := Options{}.withDefaults()
	db, err := pebble.Open(dir, databaseOptions(o, o.FS))
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
				key := binary.BigEndian.AppendUint64([]byte{kindEvent}, uint64(commits.Add(1)))
				errs[w] = db.Set(key, payload, pebble.Sync)
			}
		})
	}
	wg.Wait()
	elapsed := time.Since(start)
	return float64(commits.Load()) / elapsed.Seconds(), errors.Join(append(errs, db.Close())...)
}
