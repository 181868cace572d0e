package main

// auditCmd answers from the log alone.
type auditCmd struct {
	Replay auditReplayCmd `cmd:"" help:"Read the whole log from its first event and add it up."`
	Show   auditShowCmd   `cmd:"" help:"Show everything that happened to one order."`
}
