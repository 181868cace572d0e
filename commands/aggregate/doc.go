// Package aggregate turns decisions into appended events. It caches the states of
// live streams, so that most commands read nothing, and lets commands on one
// stream share an append:
//
//	Transact ─┐                          ┌ decide 1 ┐
//	Transact ─┼─ queue of a cache entry ─┼ decide 2 ┼─▶ one Append at the expected version ─▶ answers
//	Transact ─┘   (one stream)           └ decide 3 ┘        │ Conflict: read the tail, decide all again
//	                                                         │ other error: every command gets it
//
// Appends are optimistic: the expected version says which events the decisions
// saw, and the log refuses the append if there are others. A decision that appends
// nothing (a refusal, a repeat) is verified by reading the tail. So correctness
// never rests on the cache, and any number of processes may decide about the same
// streams.
//
// A stream that lacks events, because it was truncated or deleted in the store, is
// never taken for a shorter one: commands on it are Incomplete, nothing of it is
// cached, and the next command reads it again.
package aggregate
