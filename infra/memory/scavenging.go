package memory

import (
	"context"

	"orderflow/domain/eventlog"
)

// RemoveBelow implements eventlog.Scavenging.
func (l *Log) RemoveBelow(_ context.Context, s eventlog.Stream, below eventlog.Version) (removed int64, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	places := l.streams[s]
	for _, i := range places[:max(min(int(below), len(places))-1, 0)] {
		if _, gone := l.gone[i]; !gone {
			l.gone[i] = struct{}{}
			removed++
		}
	}
	return removed, nil
}

// FirstVersion implements eventlog.Scavenging.
func (l *Log) FirstVersion(_ context.Context, s eventlog.Stream) (eventlog.Version, error) {
	l.mu.RLock()
	defer l.mu.RUnlock()
	for n, i := range l.streams[s] {
		if _, gone := l.gone[i]; !gone {
			return eventlog.Version(n) + 1, nil
		}
	}
	return 1, nil
}

// GiveBack implements eventlog.Scavenging; there is no disk.
func (l *Log) GiveBack(context.Context) error { return nil }

// Bytes implements eventlog.Scavenging: the data of the events that are left.
func (l *Log) Bytes(context.Context) (n int64, err error) {
	l.mu.RLock()
	defer l.mu.RUnlock()
	for i, r := range l.all {
		if _, gone := l.gone[i]; !gone {
			n += int64(len(r.Data))
		}
	}
	return n, nil
}
