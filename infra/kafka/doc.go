// Package kafka carries the log's events to other processes through Apache
// Kafka, with Watermill's messages, router and middleware.
//
//	event log ─▶ Relay ─▶ orderflow.events ─┬▶ Feed of a saga ─▶ sagas.Driver
//	               │                        ├▶ anybody else (asyncapi.yaml)
//	               │                        └▶ what cannot be read ─▶ orderflow.poison ─▶ Poison.Replay
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
//	partition ─▶ window of unacknowledged messages ─▶ turn ─▶ middleware ─▶ handler
//	   ▲              │ offsets are committed in order,  │ one after the other, until the
//	   └── rebalance ─┘ up to the first that is open     │ handler lets the next one begin
//	                                                     └─▶ unreadable, or failed for good: set aside
//
// What is wrong with a message is set aside, with its bytes and the reason, and
// the partition moves on; what is wrong with the world (Unavailable) is waited
// for. Whatever is not acknowledged when a consumer goes is read again by who
// comes after it.
package kafka
