package simulator

import (
	"context"
	"errors"
	"slices"
	"time"
	"unicode/utf8"

	"orderflow/domain"
)

// call serves one request: chosen behaviour, provider's rules, ledger, reply.
// It fills in row as it was recorded.
func (s *Simulator) call(ctx context.Context, name string, row *Row) *refusal {
	if ctx.Err() != nil {
		return &refusal{kind: domain.Unavailable, reason: ReasonCanceled} // never sent
	}
	if s.states[name] == nil {
		return &refusal{kind: domain.Unavailable, reason: ReasonUnknownProvider}
	}
	row.Provider, row.Name = row.Op.provider(), storedName(name)
	if ended := s.pause(ctx, s.options.Delay); ended != nil {
		return ended
	}
	how, answer, written, err := s.receive(row)
	if err == nil {
		err = written.wait()
	}
	switch {
	case errors.Is(err, errClosed):
		return &refusal{kind: domain.Unavailable, reason: ReasonClosed}
	case err != nil: // the ledger may or may not have the row: as with any provider's 5xx
		return &refusal{kind: domain.Unknown, reason: ReasonLedgerBroken}
	case s.options.Recorded != nil && row.Seq > 0:
		s.options.Recorded(*row)
	}
	switch how {
	case Hang:
		return s.pause(ctx, forever)
	case LoseReply:
		return &refusal{kind: domain.Unknown, reason: ReasonConnectionLost}
	case Late:
		if ended := s.pause(ctx, s.options.LateBy); ended != nil {
			return ended
		}
	case Work, Decline, InsufficientFunds, Fail, Twice, Unavailable:
	}
	return answer
}

// receive decides about a request and hands its rows to the ledger, under one
// lock: the ledger's order is the order of the decisions.
func (s *Simulator) receive(row *Row) (how Behaviour, answer *refusal, written *batch, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ended {
		return Work, nil, nil, errClosed
	}
	if reason := malformed(row); reason != "" {
		return Work, &refusal{kind: domain.Rejected, reason: reason}, settled(), nil
	}
	row.Time = s.options.Now().UTC()
	asked, times := *row, 1
	for n := 0; n < times; n++ {
		*row = asked
		attempt := s.states[nameOf(row.Name)].count(*row)
		if n == 0 {
			if how = s.choose(row, attempt); how == Twice {
				times = 2
			}
		}
		answer = s.serve(row, how)
		s.seq++
		row.Seq = s.seq
		if written, err = s.journal.add(*row); err != nil {
			return how, nil, nil, err
		}
	}
	return how, answer, written, nil
}

// serve fills in what becomes of the request and of its reply.
func (s *Simulator) serve(row *Row, how Behaviour) *refusal {
	row.Reply = Sent
	switch how {
	case Hang:
		row.Result, row.Reply = "hung", Lost
		return nil
	case Fail:
		row.Result = "server_error"
		return &refusal{kind: domain.Unknown, reason: row.Result}
	case Unavailable:
		row.Result, row.Reply = "unavailable", Lost
		return &refusal{kind: domain.Unavailable, reason: ReasonConnectionRefused}
	case LoseReply:
		row.Reply = Lost
	case Late:
		row.Reply = Delay
	case Work, Decline, InsufficientFunds, Twice:
	}
	return s.states[nameOf(row.Name)].apply(row, how)
}

// choose follows the order of the package comment.
func (s *Simulator) choose(row *Row, attempt int) Behaviour {
	name := nameOf(row.Name)
	for _, at := range []scene{{row.Op, name, row.Key}, {row.Op, name, AnyKey}} {
		if left := s.script[at]; len(left) > 0 {
			if s.script[at] = left[1:]; len(left) == 1 {
				delete(s.script, at)
			}
			return left[0]
		}
	}
	if b := s.outages[outage{row.Provider, name}]; b != "" && b != Work {
		return b
	}
	if row.Op == Capture {
		if b, ok := byToken(row.Token, attempt); ok {
			return b
		}
	}
	if s.options.Magic {
		if b, ok := byNumber(row.Amount.Minor + row.Units); ok {
			return b
		}
	}
	rates, named := s.options.Named[name]
	if !named {
		rates = NamedRates{s.options.Payment, s.options.Shipping}
	}
	return rates.of(row.Provider).draw(s.options.Seed, row.Op, name, row.Key, attempt)
}

const forever time.Duration = 1<<63 - 1

// pause waits; it returns early, and says how, when the caller or the simulator ends.
func (s *Simulator) pause(ctx context.Context, d time.Duration) *refusal {
	if d == 0 {
		return nil
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-s.closed:
		return &refusal{kind: domain.Unknown, reason: ReasonConnectionLost}
	case <-ctx.Done():
		if errors.Is(ctx.Err(), context.DeadlineExceeded) {
			return &refusal{kind: domain.Unknown, reason: ReasonTimeout}
		}
		return &refusal{kind: domain.Unknown, reason: ReasonCanceled}
	}
}

// malformed returns why a request cannot be stored in the ledger and read back, or "".
// Such a request is Rejected and leaves no row.
func malformed(row *Row) string {
	switch {
	case row.Key == "" || !WellFormed(row.Key, string(row.Order), row.Of, row.Token, string(row.Warehouse), row.Amount.Currency):
		return ReasonInvalidRequest
	case row.Amount.Minor < 0:
		return "invalid_amount"
	case row.Units < 0:
		return "invalid_units"
	}
	return ""
}

// WellFormed reports whether every name of a request is valid UTF-8 and no longer
// than [MaxNameBytes], so that it can be stored and sent unchanged.
func WellFormed(names ...string) bool {
	return !slices.ContainsFunc(names, func(name string) bool { return len(name) > MaxNameBytes || !utf8.ValidString(name) })
}

// settled returns a batch that needs no waiting.
func settled() *batch {
	b := newBatch(nil)
	close(b.done)
	return b
}
