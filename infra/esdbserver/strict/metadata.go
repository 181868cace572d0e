package strict

import (
	"context"
	"fmt"
)

// describing returns an event that sets metadata.
func describing(format string, args ...any) event {
	return event{kind: "$metadata", data: fmt.Appendf(nil, format, args...)}
}

// described reads a stream of two events after its metadata was set.
func described(metadata string) func(context.Context, *Session) (string, error) {
	return func(ctx context.Context, s *Session) (string, error) {
		if _, err := s.must(ctx, s.stream, named("a", "b")...); err != nil {
			return "", err
		}
		if _, err := s.must(ctx, "$$"+s.stream, describing("%s", metadata)); err != nil {
			return "", err
		}
		return types(s.read(ctx, reading(0, 0, of(s.stream)))), nil
	}
}

func metadata() []Question {
	const part = "metadata"
	return []Question{
		{
			Part: part, Asked: "set where the stream exists and has none", Real: "wrong expected version, no stream",
			Ask: func(ctx context.Context, s *Session) (string, error) {
				if _, err := s.must(ctx, s.stream, named("a")...); err != nil {
					return "", err
				}
				return appended(s.append(ctx, "$$"+s.stream, streamExists, describing("{}"))), nil
			},
		},
		{Part: part, Asked: "$maxCount 1", Real: "[b]", Ask: described(`{"$maxCount":1}`)},
		{Part: part, Asked: "$maxCount 1 beside a list of rights in a wrong form", Real: "[a b]", Ask: described(`{"$maxCount":1,"$acl":{"$r":5}}`)},
		{Part: part, Asked: "$maxCount 1 beside a $tb that is a text", Real: "[a b]", Ask: described(`{"$maxCount":1,"$tb":"0"}`)},
		{
			Part: part, Asked: "$maxAge of 30,000 years", Real: "Unknown", Want: "[a b]", Reason: "there reads of the stream fail from then on",
			Ask: described(`{"$maxAge":1000000000000}`),
		},
		{
			Part: part, Asked: "set for the metadata of a stream", Real: "taken",
			Ask: func(ctx context.Context, s *Session) (string, error) {
				return appended(s.append(ctx, "$$$$"+s.stream, anyRevision, describing("{}"))), nil
			},
		},
		{
			Part: part, Asked: "set for a tombstoned stream of a user", Real: "FailedPrecondition",
			Ask: func(ctx context.Context, s *Session) (string, error) { return ended(ctx, s, s.stream) },
		},
		{
			Part: part, Asked: "set for a tombstoned stream of the system", Real: "taken",
			Ask: func(ctx context.Context, s *Session) (string, error) { return ended(ctx, s, "$"+s.stream) },
		},
		{
			Part: part, Asked: "a link to an event -1, followed", Real: "[link to nothing]",
			Ask: func(ctx context.Context, s *Session) (string, error) {
				if _, err := s.must(ctx, s.stream, named("a")...); err != nil {
					return "", err
				}
				if _, err := s.must(ctx, s.stream+"-links", event{kind: "$>", data: []byte("-1@" + s.stream)}); err != nil {
					return "", err
				}
				return types(s.read(ctx, reading(0, 0, of(s.stream+"-links"), resolved))), nil
			},
		},
	}
}

// ended sets the metadata of a stream that was tombstoned.
func ended(ctx context.Context, s *Session, stream string) (string, error) {
	if _, err := s.must(ctx, stream, named("a")...); err != nil {
		return "", err
	}
	if err := s.tombstone(ctx, stream); err != nil {
		return "", err
	}
	return appended(s.append(ctx, "$$"+stream, anyRevision, describing("{}"))), nil
}
