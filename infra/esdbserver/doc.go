// Package esdbserver serves an event log over gRPC as a node of EventStoreDB
// does, to clients that cannot tell the difference.
//
//	client ─ TLS? ─ mux ─┬─ gRPC ─ Streams, PersistentSubscriptions, Gossip, ServerFeatures, Users, Operations ─ engine ─ log
//	                     └─ HTTP/1.1 ─ /health/live /info /gossip /ping /stats
//
// The messages are those of the official client's module; the rules of streams
// are in [orderflow/infra/esdbserver/internal/engine], those of persistent subscriptions
// in [orderflow/infra/esdbserver/internal/groups].
//
// # What is different from EventStoreDB
//
// The node says that it is version 24.10.0, alone and the leader. What follows
// is all that is known to be different, and why.
//
// Appends:
//   - An id is known for ever. EventStoreDB recognises a repeated append that
//     expects any revision by a cache in memory, which a restart empties; here
//     the log's index of ids answers. So a client that repeats such an append
//     after a restart, or days later, is told where the events were stored, and
//     nothing is stored twice. As there, only the newest event under an id
//     counts, the stream has to be the same one, and a writer that expects the
//     right revision may store an id again.
//   - An append of no events stores nothing, is answered with the end of the log
//     as its position, and does not begin a deleted stream again. There it
//     leaves a record behind.
//   - 1 MiB of data are taken in one append, or what Options say, as by versions
//     before 24.10, which do not count metadata and types; with these it is 16 MiB
//     less 10,000 bytes.
//   - A stream's name has at most 65,535 bytes, those included that the node puts
//     around it for metadata, and a type as many, if the log takes long names;
//     with groups it is 1,024. $all is denied to every writer.
//   - Of a repeated append in which an id stands twice the first place is told,
//     as there. An id that two appends stored is at its last.
//   - An append waits 8 seconds for the log, one in a batch 2.
//
// Reads:
//   - Positions are no places in a file, but as there they have irregular gaps,
//     see [Spread], and a number that no record has is refused, with
//     InvalidArgument also where EventStoreDB says Unknown. Commit and prepare
//     are the same. A read of no events of $all is answered with none.
//   - What was deleted or truncated stays in $all until a scavenge. One works on
//     the whole log, and not only on chunks that are complete, with one thread;
//     thread_count and start_from_chunk are only noted. Positions of what it
//     removed stay positions. The last event of a stream stays.
//   - A link is not followed to where its reader may not read.
//   - $epoch-information and $stats-… are not written. The first events are the
//     users admin and ops, and what belongs to them.
//
// Subscriptions:
//   - A subscriber has no buffer here. It is woken, and reads on in the log, of
//     which it holds 512 events or 1 MiB at most; so a slow one delays no
//     other and loses nothing. It is told that it has caught up again when it was more
//     than 512 events behind.
//   - A live subscription gets every event that is appended to its stream, also
//     those that $maxCount hides by the time they are sent, unless a scavenge
//     removed them by then.
//   - A checkpoint is never ahead of an event that is still to come, and none is
//     sent before anything was considered; EventStoreDB did both in its time.
//     One is sent when a filtered subscription has caught up, so that those on
//     small logs are told one as well.
//   - When lists of rights change, a subscription that may no longer go on ends
//     with the next message, not at once.
//   - An expression that needs more than 50 ms for one name ends its call with
//     InvalidArgument. It may not hold up the node.
//
// Users:
//   - A user reads its own details and changes its own password; all else is for
//     administrators. There every user may read the details of all, and change
//     the password of another whose present one it knows.
//   - A login name has no colon and at most 256 bytes, a password 1 to 1,024.
//     There both are taken as they come.
//   - A node without TLS does not authenticate, and every caller may change users.
//     There the users service does not answer.
//   - A user that was deleted stays deleted. There admin and ops come again with
//     the next start, with the first password.
//   - As there: who calls is found out when a call begins. A subscription goes on
//     when its user is disabled or deleted, and ends with the connection; a call
//     that begins later is refused. An anonymous caller has no rights to
//     streams.
//
// Operations:
//   - What a cluster would do (resigning, the priority in elections) and merging
//     indexes is answered and changes nothing.
//   - A scavenge is noted in $scavenges as there, with its first and last event;
//     the events about chunks and indexes between them are missing. StopScavenge
//     answers when the scavenge has ended. A log that cannot remove events
//     answers Unimplemented. The events have members more: bytesBefore,
//     bytesAfter, eventsRemoved; every 5 seconds a $scavengeProgress comes
//     between them, in the scavenge's own stream.
//
// Errors:
//   - Names lose their control characters in trailers, which cannot carry them.
//   - Where EventStoreDB says only "Server Is Not Ready", the reason follows.
//
// What there is not: projections; the services Monitoring and Redaction;
// certificates of clients, which are not asked for; clusters, so requires-leader
// is met by every node; AtomPub and all other HTTP. Over TLS HTTP/2 is gRPC's:
// a client that offers HTTP/1.1 as well gets that, because it is a browser or
// curl; clients of gRPC offer HTTP/2 alone.
package esdbserver
