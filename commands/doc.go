// Package commands is what can be asked of the system, one file per request,
// and the one place where decisions become events.
//
// A command is decided on the state of a stream and what follows is appended.
// States of live streams are kept in memory, so that most commands read
// nothing, and commands for one stream share appends:
//
//	Transact ─┐                    ┌ decide 1 ┐
//	Transact ─┼─ queue of a cell ──┼ decide 2 ┼─▶ one Append at the expected version ─▶ answers
//	Transact ─┘   (one stream)     └ decide 3 ┘        │ Conflict: read the tail, decide all again
//	                                                   │ other error: everyone gets it
//
// The state in memory is a guess that the append proves: its expected version
// says which events the decisions saw. What appends nothing (a refusal, a
// repeat) is proved by reading the tail. So correctness never rests on memory,
// and any number of processes may decide about the same streams.
//
// A stream that lacks events, because it was truncated or deleted where it is
// kept, is never taken for a shorter one: commands about it are Incomplete,
// nothing of it stays in memory, and the next command reads it anew.
package commands
