package eventlog

import (
	"context"
	"iter"
)

// Watermark is how far a subscription has read, events of others included.
type Watermark struct {
	// Position was given out by the log. Every event for the subscriber at or
	// below it has been yielded, and nothing for the subscriber will appear there.
	Position Position
	// CaughtUp says that the subscription has reached what was the end of the
	// log when it began; once set, it stays set.
	CaughtUp bool
}

// Watermarked is a [Store] whose subscriptions report watermarks, so that a
// subscriber learns its progress where the log holds nothing for it. Every Store of
// this module implements it.
type Watermarked interface {
	// SubscribeWatermarked is [Store.Subscribe] that also calls passed, on the
	// goroutine that ranges over the sequence and only between two events. The
	// first watermark with CaughtUp comes without anything being appended.
	SubscribeWatermarked(ctx context.Context, above Position, passed func(Watermark), categories ...string) iter.Seq2[Recorded, error]
}

// Subscriber is the part of a [Store] that [Follow] needs.
type Subscriber interface {
	Subscribe(ctx context.Context, above Position, categories ...string) iter.Seq2[Recorded, error]
}

// Follow subscribes with watermarks if s has them, and without otherwise.
func Follow(ctx context.Context, s Subscriber, above Position, passed func(Watermark), categories ...string) iter.Seq2[Recorded, error] {
	if w, ok := s.(Watermarked); ok {
		return w.SubscribeWatermarked(ctx, above, passed, categories...)
	}
	return s.Subscribe(ctx, above, categories...)
}
