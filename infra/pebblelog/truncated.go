package pebblelog

import (
	"cmp"
	"context"
	"encoding/binary"
	"fmt"
	"slices"

	"github.com/cockroachdb/pebble/v2"

	"orderflow/domain"
	"orderflow/domain/eventlog"
)

var _ eventlog.Truncations = (*Log)(nil)

// TruncatedStreams implements eventlog.Truncations: it lists the streams of
// which a node scavenged the beginning. What a node hides and has not scavenged
// is whole in this log.
func (l *Log) TruncatedStreams(ctx context.Context, categories ...string) (list []eventlog.Truncated, total int, err error) {
	if !l.scavenged.Load() {
		return nil, 0, nil
	}
	err = l.reading(func() error {
		keys := &pebble.IterOptions{LowerBound: []byte{kindGone}, UpperBound: []byte{kindGone + 1}}
		return l.index(keys, func(it *pebble.Iterator) (bool, error) {
			if err := l.interrupted(ctx); err != nil {
				return false, err
			}
			value, err := it.ValueAndErr()
			if err != nil || len(value) != positionBytes || len(it.Key()) < len(goneKey("")) {
				return false, domain.Wrap(domain.Internal, errIndex, "The scavenged streams cannot be listed")
			}
			s := eventlog.Stream(it.Key()[len(goneKey("")):])
			if len(categories) > 0 && !slices.Contains(categories, s.Category()) {
				return true, nil
			}
			total++
			at, known := slices.BinarySearchFunc(list, s, func(t eventlog.Truncated, s eventlog.Stream) int { return cmp.Compare(t.Stream, s) })
			if !known && at < eventlog.MaxTruncated {
				list = slices.Insert(list, at, eventlog.Truncated{Stream: s, How: fmt.Sprintf("scavenged below version %d", binary.BigEndian.Uint64(value))})
				list = list[:min(len(list), eventlog.MaxTruncated)]
			}
			return true, nil
		})
	})
	return list, total, err
}
