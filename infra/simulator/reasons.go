package simulator

// The reasons of refusals and failures that are not the provider's decision about
// money or a parcel. They are recorded in events: append only.
const (
	ReasonCanceled          = "canceled"           // the caller gave up
	ReasonTimeout           = "timeout"            // the caller's time was over
	ReasonConnectionLost    = "connection_lost"    // the request was sent and no reply came
	ReasonConnectionRefused = "connection_refused" // the request was not sent
	ReasonClosed            = "closed"             // the provider is shutting down
	ReasonInvalidRequest    = "invalid_request"    // a name is empty, too long or not UTF-8
	ReasonLedgerBroken      = "ledger_broken"      // the ledger cannot be written
	ReasonUnknownProvider   = "unknown_provider"   // there is no provider with that name
)
