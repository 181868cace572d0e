package fitness

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"google.golang.org/grpc/codes"
)

const (
	// eventType is the type of all events that are appended.
	eventType = "check"
	// needBytes is what one append must take, counted as newer versions do; see
	// MaxAppendBytes of the adapter.
	needBytes = 1 << 20
	// tooManyParts of needBytes are above what any server can be set to, 16 MiB.
	tooManyParts = 17
	// maxClock is how far the clocks may differ: a smaller difference has no effect.
	maxClock = 2 * time.Second
	// lookedAt is how many of the newest events are searched for those of projections.
	lookedAt = 500
)

// rights tries what orderflow must do.
func (s Server) rights(ctx context.Context) (list []Finding) {
	_, a := s.read(ctx, ofAll(1))
	switch {
	case a.err == nil:
		list = one("read $all", Fits, "The user may read $all.")
	case a.denied() && s.Login == "":
		return one("user", Lacks, "The server demands a user, and the connection string names none; make one with `orderflow eventstore user add orderflow --reads-all`, and write it as esdb://USER:PASSWORD@HOST:2113.")
	case a.code() == codes.Unauthenticated:
		return one("user", Lacks, "The server refuses the user or password of the connection string (%s): there is no such user, it is disabled, or its password is another. An administrator sees which with `orderflow eventstore user list`, and mends it with `orderflow eventstore user add %[1]s --reads-all`, `user enable %[1]s` or `user passwd %[1]s`.", s.Login)
	case a.denied():
		list = one("read $all", Lacks, "%s may not read $all, which orderflow follows; an administrator gives the right with `orderflow eventstore user grant %s`.", s.who(), s.Login)
	default:
		list = one("read $all", Unknown, "Whether the user may read $all is not known (%s).", a.words())
	}
	_, a = s.append(ctx, s.Stream, false, 2)
	list = append(list, s.mayAppend("append", "a stream", a)...)
	if wrong, a := s.append(ctx, s.Stream+"-none", true, 2); a.err == nil && !wrong {
		return append(list, one("expected revision", Lacks, "The server takes an append to a stream that must exist and does not: nothing keeps two processes from overwriting each other.")...)
	} else if a.err != nil {
		return list // said above; and other streams must not be tried
	}
	return append(list, s.categories(ctx)...)
}

// categories tries streams of orderflow's own categories. They do not exist and
// have to, so nothing is stored, and only the right is found out.
func (s Server) categories(ctx context.Context) []Finding {
	const subject = "append to orders"
	var refused []string
	for _, category := range s.Categories {
		switch _, a := s.append(ctx, category+"-"+s.Stream, true, 2); {
		case a.denied():
			refused = append(refused, category+"-")
		case a.err != nil:
			return one(subject, Unknown, "Whether the user may append to streams that begin with %s- is not known (%s).", category, a.words())
		}
	}
	if len(refused) > 0 {
		return one(subject, Lacks, "%s may not append to streams that begin with %s; change the default rights (stream $settings).", s.who(), strings.Join(refused, ", "))
	}
	return one(subject, Fits, "The user may append to the streams of orderflow.")
}

func (s Server) mayAppend(subject, what string, a said) []Finding {
	switch {
	case a.err == nil:
		return one(subject, Fits, "The user may append to %s.", what)
	case a.denied():
		return one(subject, Lacks, "%s may not append to %s; change the default rights (stream $settings), or name another user.", s.who(), what)
	}
	return one(subject, Unknown, "Whether the user may append to %s is not known (%s).", what, a.words())
}

func (s Server) who() string {
	if s.Login == "" {
		return "a caller without a login"
	}
	return s.Login
}

// largest finds out how much one append takes: what is above every limit is
// refused with the limit, and what orderflow needs is tried.
func (s Server) largest(ctx context.Context) []Finding {
	const subject = "largest append"
	limit := "not known"
	_, a := s.append(ctx, s.Stream, false, slices.Repeat([]int{needBytes}, tooManyParts)...)
	if n, err := strconv.Atoi(a.trailer("maximum-append-size")); err == nil {
		limit = fmt.Sprintf("%d bytes", n)
	} else if a.err == nil {
		limit = "beyond 16 MiB"
	}
	_, a = s.append(ctx, s.Stream, false, needBytes-2*len(eventType))
	switch {
	case a.err == nil:
		return one(subject, Fits, "One append takes %d bytes, which is what orderflow needs; the limit is %s.", needBytes, limit)
	case a.trailer("maximum-append-size") != "":
		return one(subject, Lacks, "One append takes %s bytes, and orderflow needs %d: large orders would be refused. Set MaxAppendSize (--max-append-size) to that at least.", a.trailer("maximum-append-size"), needBytes)
	case a.denied():
		return one(subject, Unknown, "How much one append takes is not known: the user may not append.")
	}
	return one(subject, Unknown, "How much one append takes is not known (%s).", a.words())
}

// clock compares the time that the server gives an event with ours.
func (s Server) clock(ctx context.Context) []Finding {
	const subject, ticksPerSecond = "clock", 10_000_000
	before := s.Now()
	_, a := s.append(ctx, s.Stream, false, 2)
	after := s.Now()
	if a.err != nil {
		return one(subject, Warns, "The clocks cannot be compared (%s).", a.words())
	}
	list, a := s.read(ctx, newestOf(s.Stream))
	if a.err != nil || len(list) == 0 {
		return one(subject, Warns, "The clocks cannot be compared: the event cannot be read again.")
	}
	ticks, err := strconv.ParseInt(list[0].GetMetadata()["created"], 10, 64)
	if err != nil {
		return one(subject, Warns, "The clocks cannot be compared: the server does not say when an event was stored.")
	}
	created := time.Unix(ticks/ticksPerSecond, ticks%ticksPerSecond*100)
	var off time.Duration // what the time of the call does not explain
	switch {
	case created.Before(before):
		off = before.Sub(created)
	case created.After(after):
		off = created.Sub(after)
	}
	if off > maxClock {
		return one(subject, Warns, "The server's clock differs from this machine's by %v: times of orders, and of what waits for a time, are wrong by as much. Set both by NTP.", off.Round(time.Second))
	}
	return one(subject, Fits, "The server's clock and this machine's agree within %v.", maxClock)
}

// projections looks for what standard projections write, near the end.
func (s Server) projections(ctx context.Context) []Finding {
	const subject = "projections"
	list, a := s.read(ctx, ofAll(lookedAt))
	if a.err != nil {
		return one(subject, Warns, "Whether projections run is not known (%s).", a.words())
	}
	for _, e := range list {
		name := string(e.GetStreamIdentifier().GetStreamName())
		for _, prefix := range []string{"$ce-", "$et-", "$category-", "$stream-", "$projections-"} {
			if strings.HasPrefix(name, prefix) {
				return one(subject, Fits, "Projections run (%s is among the newest %d events). orderflow does not need them; they make appends slower.", name, lookedAt)
			}
		}
	}
	return one(subject, Fits, "The newest %d events are none of projections; orderflow needs none.", len(list))
}

// deletes reports whether the user may delete; orderflow itself never does.
func (s Server) deletes(ctx context.Context) []Finding {
	const subject = "delete"
	switch a := s.delete(context.WithoutCancel(ctx)); { // also when the time is up
	case a.err == nil:
		return one(subject, Fits, "The user may delete streams; orderflow does not.")
	case a.code() == codes.Unauthenticated, a.denied() && s.Login == "":
		return one(subject, Unknown, "Whether the user may delete streams is not known: the server does not let it in.")
	case a.denied():
		return one(subject, Fits, "The user may not delete streams, and orderflow does not; the stream %s stays.", s.Stream)
	default:
		return one(subject, Warns, "Whether the user may delete streams is not known (%s).", a.words())
	}
}
