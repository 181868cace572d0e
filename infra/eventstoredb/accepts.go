package eventstoredb

import (
	"orderflow/domain"
	"orderflow/domain/eventlog"
)

// Accepts returns why an event can never be appended to s in EventStoreDB as it
// is, with kind Invalid, or nil. It asks no server.
func (l *Log) Accepts(s eventlog.Stream, e eventlog.Pending) error {
	if _, err := l.check(s, 0, []eventlog.Pending{e}); err != nil {
		return err
	}
	if back, _ := eventlog.DecodeMeta(e.Meta.Encode()); back != e.Meta {
		return domain.Errorf(domain.Invalid, "The metadata of an event %s of %s is not UTF-8, so it would be another in EventStoreDB.", e.Type, s)
	}
	return nil
}
