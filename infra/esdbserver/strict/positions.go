package strict

import (
	"context"

	"github.com/EventStore/EventStore-Client-Go/v4/protos/streams"
)

const (
	refusedPosition = "InvalidArgument: " + invalidPosition
	threwThere      = "there the handler throws, and the client is not told why"
	twoByteLength   = "the log stores the length of a name in two bytes, so one byte less than 64 KiB is taken"
)

// beyond is far behind the end of any log, and no position.
const beyond = 1 << 50

// from puts a read of all from a number beside the position of an event.
func from(by int64, change ...func(*streams.ReadReq_Options)) func(context.Context, *Session) (string, error) {
	return func(ctx context.Context, s *Session) (string, error) {
		p, err := s.must(ctx, s.stream, named("a")...)
		if err != nil {
			return "", err
		}
		if _, err := s.must(ctx, s.stream, named("b")...); err != nil { // so that a number above p is not beyond the end
			return "", err
		}
		at := p + uint64(by) //nolint:gosec // it wraps around as it should
		return types(s.read(ctx, reading(at, at, append(change, bySelf(s))...))), nil
	}
}

// bySelf leaves a filter that names no prefix to the question's own streams.
func bySelf(s *Session) func(*streams.ReadReq_Options) {
	return func(o *streams.ReadReq_Options) {
		if o.GetFilter() != nil && o.GetFilter().GetStreamIdentifier().GetRegex() == "" {
			matching("", s.stream)(o)
		}
	}
}

// paired reads backwards from a commit and a prepare position that are chosen
// from those of three events.
func paired(choose func(at [3]uint64) (commit, prepare uint64)) func(context.Context, *Session) (string, error) {
	return func(ctx context.Context, s *Session) (string, error) {
		var at [3]uint64
		for i, name := range []string{"0", "1", "2"} {
			var err error
			if at[i], err = s.must(ctx, s.stream, named(name)...); err != nil {
				return "", err
			}
		}
		commit, prepare := choose(at)
		return types(s.read(ctx, reading(commit, prepare, backwards, matching("", s.stream)))), nil
	}
}

func positions() []Question {
	const part = "positions"
	own := matching("") // see bySelf
	return []Question{
		{Part: part, Asked: "subscribe from a position + 1", Real: refusedPosition, Ask: from(1, subscribe)},
		{Part: part, Asked: "subscribe from a position - 1", Real: refusedPosition, Ask: from(-1, subscribe)},
		{Part: part, Asked: "subscribe, filtered, from a position + 1", Real: refusedPosition, Ask: from(1, subscribe, own)},
		{Part: part, Asked: "subscribe, filtered, from a position - 1", Real: refusedPosition, Ask: from(-1, subscribe, own)},
		{Part: part, Asked: "read forwards from a position + 1", Real: "Unknown", Want: refusedPosition, Reason: threwThere, Ask: from(1)},
		{Part: part, Asked: "read forwards from a position - 1", Real: "Unknown", Want: refusedPosition, Reason: threwThere, Ask: from(-1)},
		{Part: part, Asked: "read backwards from a position + 1", Real: "Unknown", Want: refusedPosition, Reason: threwThere, Ask: from(1, backwards)},
		{Part: part, Asked: "read backwards from a position - 1", Real: "Unknown", Want: refusedPosition, Reason: threwThere, Ask: from(-1, backwards)},
		{Part: part, Asked: "read backwards from beyond the end", Real: "Unknown", Want: refusedPosition, Reason: threwThere, Ask: from(beyond, backwards)},
		{Part: part, Asked: "read forwards from beyond the end", Real: "[]", Ask: from(beyond)},
		{Part: part, Asked: "read forwards from the position of an event", Real: "[a b]", Ask: from(0, own)},
		{Part: part, Asked: "subscribe from beyond the end", Real: "[]", Ask: from(beyond, subscribe, own)},
		{
			Part: part, Asked: "read backwards from the greatest number", Real: "[a]",
			Ask: func(ctx context.Context, s *Session) (string, error) {
				if _, err := s.must(ctx, s.stream, named("a")...); err != nil {
					return "", err
				}
				return types(s.read(ctx, reading(newest, newest, backwards, matching("", s.stream)))), nil
			},
		},
		{Part: part, Asked: "commit of event 2, prepare of event 2, backwards", Real: "[1 0]", Ask: paired(func(at [3]uint64) (uint64, uint64) { return at[2], at[2] })},
		{Part: part, Asked: "commit of event 2, prepare of event 1, backwards", Real: "[0]", Ask: paired(func(at [3]uint64) (uint64, uint64) { return at[2], at[1] })},
		{Part: part, Asked: "commit of event 2, prepare 0, backwards", Real: "[0]", Ask: paired(func(at [3]uint64) (uint64, uint64) { return at[2], 0 })},
		{
			Part: part, Asked: "commit of event 1, prepare of event 2, backwards", Real: "Unknown", Want: refusedPosition, Reason: threwThere,
			Ask: paired(func(at [3]uint64) (uint64, uint64) { return at[1], at[2] }),
		},
		{
			Part: part, Asked: "no events of $all", Real: "DeadlineExceeded", Want: "[]", Reason: "there it is not answered until the deadline",
			Ask: from(0, func(o *streams.ReadReq_Options) { o.CountOption = &streams.ReadReq_Options_Count{} }),
		},
		{
			Part: part, Asked: "the position of a repeated append", Real: "another", Want: "the same", Reason: "a repeat is answered as the first time",
			Ask: func(ctx context.Context, s *Session) (string, error) {
				once := event{id: "0e8f3c52-6a5d-4d0e-9d55-0a6f3b1b7c01", kind: "a", data: []byte("{}")}
				first, err := s.must(ctx, s.stream, once)
				if err != nil {
					return "", err
				}
				again, err := s.must(ctx, s.stream, once)
				if err != nil || again != first {
					return "another", err
				}
				return "the same", nil
			},
		},
		{
			Part: part, Asked: "the position of an append of no events", Real: "another, or none", Want: "the same",
			Reason: "there it leaves a record behind; here it stores nothing, and the end of the log is told",
			Ask: func(ctx context.Context, s *Session) (string, error) {
				last, err := s.must(ctx, s.stream, named("a")...)
				if err != nil {
					return "", err
				}
				if p, err := s.must(ctx, s.stream); err != nil || p != last {
					return "another, or none", err
				}
				return "the same", nil
			},
		},
		{
			Part: part, Asked: "the numbers between the positions of two events of one append", Real: "there are some",
			Ask: func(ctx context.Context, s *Session) (string, error) {
				if _, err := s.must(ctx, s.stream, named("a", "b")...); err != nil {
					return "", err
				}
				answers, err := s.read(ctx, reading(0, 0, of(s.stream)))
				if err != nil || len(answers) < 2 {
					return types(answers, err), nil
				}
				if answers[1].GetEvent().GetCommitPosition()-answers[0].GetEvent().GetCommitPosition() == 1 {
					return "there are none", nil
				}
				return "there are some", nil
			},
		},
	}
}
