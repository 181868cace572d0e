// Package esdbserver serves an event log over gRPC as a node of EventStoreDB
// does, to clients that cannot tell the difference.
//
//	client ─ TLS? ─ door ─┬─ gRPC ─ Streams, PersistentSubscriptions, Gossip, ServerFeatures ─ engine ─ log
//	                      └─ HTTP/1.1 ─ /health/live /info /gossip /ping /stats
//
// The messages are those of the official client's module; the rules are in
// [orderflow/infra/esdbserver/engine].
package esdbserver
