// Package groups runs persistent subscriptions: several clients share the
// events of a stream, or of all streams, and the node remembers what they have
// dealt with.
//
//	engine ── SubscribeStream, SubscribeAll ──► feeder ──┐ as there is room
//	                                                     ▼
//	clients ── ack, nack, join, leave ──────────────► group ──► Machine.Step
//	ticks ───────────────────────────────────────────►  │         │
//	                                                    ▼         ▼
//	               deliveries to clients, one write at a time, parked events to read
//
// [Machine] decides everything and does nothing: it is told what happened and
// when, and says what is to be done. A group is the goroutine that asks it and
// does it. [Groups] is all groups of a node.
//
// An event is, from the moment it is read,
//
//	waiting ──► in flight ──► finished: acknowledged, skipped
//	   ▲            │
//	   └── retry ───┴───────► to be parked ──► finished, when that is durable
//
// and the checkpoint stays before the first one that is not finished.
//
// # What is stored
//
// All state is in ordinary streams, as EventStoreDB has it:
//
//	$persistentSubscriptionConfig                             all groups, one event for each change
//	$persistentsubscription-{stream}::{group}-checkpoint      "12", or "C:12/P:12" for a group on all
//	$persistentsubscription-{stream}::{group}-parked          a link to each event no client could handle
//
// # What differs from EventStoreDB
//
//   - The link of a parked event and the checkpoint that passes the event are one
//     write, and the event is unfinished until that is durable. EventStoreDB
//     forgets the event as soon as it has asked for the link to be written: a
//     crash or a failing write loses it.
//   - An event that was parked ahead of the checkpoint is not delivered again
//     after a restart: the link says where the event was (subscriptionPosition).
//   - A replayed event stays in the parked stream until it is finished, and the
//     stream is truncated up to the first that is not; a crash leaves it parked.
//     EventStoreDB truncates as soon as it has read. The count of parked events
//     leaves out those that are being replayed, so it is the same.
//   - Replaying while a replay is under way adds to it; EventStoreDB ignores it.
//   - Of two events with the same id the second waits until the first is no
//     longer in flight; EventStoreDB never delivers it.
//   - An acknowledgement that comes after the timeout, while the event waits for
//     its retry, counts.
//   - A parked link whose target was deleted is dropped by a replay.
//   - A group that starts at the end remembers where that was (resolvedStart), so
//     that a restart before its first checkpoint loses nothing.
//   - A checkpoint is written when the node closes or the subsystem restarts,
//     however few events it is for. One of a filtered group also moves on by what
//     the filter leaves out.
//   - An event for which the expression of a filter takes too long is delivered:
//     nothing is lost to a filter that cannot be told.
//   - The strategies that pin move buckets to a client that joins only while
//     nothing of them is in flight; the hash is another one.
//   - Buffers above [MaxBufferEvents] are taken for that many; what one group
//     holds is bounded by [MaxHeldBytes]. The last known event of a stream is
//     asked for, not remembered.
package groups
