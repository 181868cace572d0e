// Package eventstoredb keeps the event log in EventStoreDB, or in any node that
// speaks its protocol: production.
//
// # How it is stored
//
//	eventlog                        EventStoreDB
//	version v of a stream           event number v-1
//	position                        commit position in $all
//	Pending.ID                      event id
//	Data                            data, as application/json
//	Meta                            metadata, with $correlationId and $causationId
//
// What other programs and the server itself write is passed over: streams and
// types that begin with a dollar are hidden from [Log.ReadAll], [Log.Subscribe]
// and [Log.End]. [Log.Read] shows a stream as it is, so that versions have no holes.
// A stream that was deleted and begun again goes on with the numbers it had.
//
// # The way of a call
//
//	caller ─▶ call ─▶ slot ─▶ client ─────▶ goroutine: the library's own call
//	            ▲     bounded  current one,      │
//	            │              or a new one      ▼
//	            └── classify ◀── error, panic, or the deadline came first
//	                 again: pause with jitter, and the same call
//	                 retire: no more calls on this client; the next one makes another
//
// The client library waits for its connection without looking at the context,
// panics on messages it does not know, blocks for ever once its discovery has
// failed, and leaves connections open that it has given up. So every call runs
// in a goroutine that catches panics and may be left behind; a client on which
// something went wrong gets no more calls, and is closed when the last one has
// ended. One hazard cannot be contained: the library ends the process if the
// time of an event is no number. No server sends that.
//
// # The way of an append
//
//	sent ─▶ stored ───────────────────────────────────────▶ answer
//	  ├──▶ answer lost, node not ready, other leader ──▶ the same append again:
//	  │                                        the expected version keeps it single
//	  └──▶ wrong version ─▶ read what is there: these very ids ─▶ answer as before
//	                                            others          ─▶ Conflict
//
// Whether an append is a repeat is decided by reading the stream, never by what
// the server remembers of ids: it forgets them.
package eventstoredb
