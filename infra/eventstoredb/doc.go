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
// types that begin with a dollar are hidden from [Log.ReadAll] and
// [Log.Subscribe]. [Log.End] and [Log.At] count them, since their positions are
// positions too. [Log.Read] shows a stream as it is, so that versions have no holes.
//
// Positions are byte offsets with gaps. The server refuses a number that is none;
// so nothing here computes one, and a number that is refused is Invalid.
//
// # Streams that hide events
//
//	what was done                      Read from the beginning   Append of version 1
//	$maxCount, $maxAge, $tb            Incomplete                Incomplete
//	deleted, may begin again           nothing                   Incomplete, but stored above what is gone
//	deleted and begun again            Incomplete                Incomplete
//	deleted for ever                   Incomplete                Incomplete
//
// Above a version, a stream that is not there any more is Incomplete, too. The
// events stay in $all until the server is scavenged. [Log.TruncatedStreams] lists
// such streams.
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
// # Reading $all
//
//	Subscribe ─▶ measure the end ─▶ filtered subscription ─▶ events, checkpoints ─▶ …
//	ReadAll   ─▶ measure the end ─▶ filtered subscription ─▶ … ─▶ the end: done
//
// Both resume after every drop from what they know: the last event, a checkpoint
// that counts, or the end that was measured once the server had caught up. Each
// has connections of its own, so neither waits for the other, nor for appends. A
// server before 23.10 does not say when it has caught up; it is not asked to
// filter, so that the last event tells.
//
// # Leaders
//
// Everything asks for the leader. A node that leads no more says so, names the
// next one or not, or is silent; see lead.go for what is done then. If the
// connection string names a cluster, all its nodes are asked in gossip who leads,
// twice a second and after every failure; what is under way elsewhere is ended
// then, and goes to the leader. The node of subscriptions is asked for an event,
// too, since a subscription that hears nothing cannot tell.
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
