// Package clustertest is a cluster of three EventStoreDB nodes for tests. The
// nodes run in one process, have addresses of their own and share one log; who
// leads is a command of the test, not an election.
//
//	client ─► node 0 ─┐ valve: Stop, Kill      ┌─ leads:    all is served
//	client ─► node 1 ─┤                        │  deposed:  believes that it leads, see TwoLeaders
//	client ─► node 2 ─┘ role of the node, now ─┤  follows:  not-leader, with the leader's address
//	                          │                └─ orphaned: no leader is known, no answer
//	                   one engine ─ one log
//
// What a node answers to calls that carry "requires-leader: true":
//
//	            leads    deposed             follows                     orphaned
//	append      served   never, not stored   not-leader                  never, not stored
//	read        served   served              not-leader                  never
//	subscribe   served   confirmed, silent   confirmed, then not-leader  confirmed, silent
//
// "Never" lasts until the caller's deadline, even if there is a leader by then.
// A silent subscription goes on when its node leads again, and ends with
// not-leader when another one does; so does a subscription under way. Calls
// without the header are served by every node; appends among them are forwarded
// to the leader, so they wait in the same way while there is none. Persistent
// subscriptions are the leader's, with or without the header. Gossip and the
// list of features are answered by every node that runs.
//
// # What is different from a real cluster
//
// The nodes share a log, so a follower is never behind, nothing that was stored
// is ever truncated, and a deposed leader that is read from shows what the new
// leader stored. There are no elections: after the death of a leader there is
// none until [Cluster.Elect].
package clustertest
