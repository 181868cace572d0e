package following

import "orderflow/domain"

// Remedy is what follows a failed subscription.
type Remedy string

// The remedies.
const (
	// Retry subscribes again from where it was.
	Retry Remedy = "retry"
	// Rewind has the reader prove its checkpoint again and go on from an older
	// place: the log was replaced or restored from an older backup.
	Rewind Remedy = "rewind"
	// End ends the process with the failure: only a person can fix it.
	End Remedy = "end"
)

// remedies lists what follows a failed subscription, by kind. It is the only such table.
//
//	what happened                                       kind          remedy
//	no position of the log                              Invalid       Rewind
//	no leader, a lost connection, a deadline            Unavailable   Retry
//	a user without rights, a wrong password             Unavailable   Retry: it may be changed back, and is at every start an error
//	no node that knows the stream $all                  NotFound      Retry
//	an answer that was lost                             Unknown       Retry
//	too many subscriptions, a full disk                 Exhausted, ReadOnly  Retry
//	another process took over                           Conflict      Rewind: it may stand elsewhere
//	a server that is too old, a broken log or event     Internal      End
//	an event that is gone                               Incomplete    End
func remedies() map[domain.Kind]Remedy {
	return map[domain.Kind]Remedy{
		domain.Invalid:     Rewind,
		domain.Conflict:    Rewind,
		domain.Unavailable: Retry,
		domain.NotFound:    Retry,
		domain.Unknown:     Retry,
		domain.Exhausted:   Retry,
		domain.ReadOnly:    Retry,
		domain.Rejected:    End,
		domain.Mismatch:    End,
		domain.Internal:    End,
		domain.Incomplete:  End,
	}
}

// RemedyFor returns the remedy for a failure of a kind.
// See docs/adr/012.
func RemedyFor(k domain.Kind) Remedy {
	if r, ok := remedies()[k]; ok {
		return r
	}
	return End
}
