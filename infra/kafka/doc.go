// Package kafka carries the log's events to other processes through Apache
// Kafka, with Watermill's messages, router and middleware.
//
//	event log ─▶ Relay ─▶ orderflow.events ─┬▶ Feed of a saga ─▶ sagas.Driver
//	               │                        ├▶ other consumers (asyncapi.yaml)
//	               │                        └▶ unreadable messages ─▶ orderflow.poison ─▶ Poison.Replay
//	               └─▶ payment.retry.queue ─▶ RetryQueue ─▶ Driver.Wake
//
// # What is promised
//
// The log is the truth; what goes through the brokers is only its echo. Every
// event is published at least once and, as long as no broker failed, in the
// order of the log for each key. The key is the id of the event's stream: the
// order's, for everything about an order. After a failure the relay publishes
// again from what the brokers had acknowledged, so a reader may see an event
// twice, or see older events of a key again after newer ones; ce_id names an
// event for ever, and ce_streamversion its place in its stream.
//
// # The way of a message to its handler
//
//	partition ─▶ offset tracker: unacknowledged messages ─▶ partition order ─▶ middleware ─▶ handler
//	   ▲              │ offsets are committed in order,     │ one after the other, until the
//	   └── rebalance ─┘ up to the first that is open        │ handler releases the next one
//	                                                        └─▶ unreadable, or failed for good: dead letter
//
// Transient errors (Unavailable) are retried in place with backoff. A message
// that cannot be read, or fails permanently, is dead-lettered with its bytes and
// the reason, and the partition moves on. Messages that are not acknowledged when
// a consumer leaves are delivered again to its successor.
package kafka
