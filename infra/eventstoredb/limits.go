package eventstoredb

import "time"

// Limits. Those that an operator may want to change are in [Options].
const (
	// DefaultTimeout bounds an append, a page of a reading or a question with
	// all its repeats, for callers without an earlier deadline; the commands have
	// one, see aggregate.BatchTimeout.
	DefaultTimeout = 15 * time.Second
	// attemptShare of the timeout is for one attempt: a node that hangs leaves
	// time for another one. A server gives an append up after 2 s by itself.
	attemptShare = 4
	// pingTimeout bounds [Log.Ping].
	pingTimeout = 3 * time.Second
	// openTimeout bounds the wait for a subscription's confirmation.
	openTimeout = 5 * time.Second

	// leadEvery is how often the node of subscriptions is asked whether it leads
	// and lives: what keep-alive finds out after 20 s, and what it never does.
	leadEvery = time.Second
	// leadTimeout bounds that question. A node that is only slow keeps its
	// subscriptions, so it may be short.
	leadTimeout = 2 * time.Second
	// pollInterval is how often the nodes of a cluster are asked in gossip who leads,
	// while nothing fails: it bounds how long a silent leader goes unnoticed after
	// the others have elected a new one.
	pollInterval = 500 * time.Millisecond
	// minPollGap is the least pause between two polls, however much fails.
	minPollGap = 50 * time.Millisecond
	// pollTimeout bounds the wait for the gossip of all nodes. It is spent only if
	// too few of them agree.
	pollTimeout = time.Second
	// maxMembers bounds the nodes that are asked; a cluster has 3 or 5.
	maxMembers = 32
	// endTimeout bounds the question for the end of the log before a subscription
	// is opened.
	endTimeout = 3 * time.Second
	// unsettledPollInterval is the pause after a poll or question without a clear answer.
	unsettledPollInterval = 250 * time.Millisecond
	// loudAfter is after how many drops in a row a subscription is logged.
	loudAfter = 3
	// steadyAfter is how long a subscription has to last to count as a success
	// without an event.
	steadyAfter = 5 * time.Second

	// firstPause before a repeat; it doubles up to lastPause.
	firstPause = 20 * time.Millisecond
	lastPause  = 2 * time.Second

	// askedFor is for how long a stream that is not there is known not to have been
	// deleted: between the read and the append of one decision. It ends with the
	// append, so that what is deleted later is noticed.
	askedFor = time.Second
	// maxAsked bounds the streams that this is known of.
	maxAsked = 10_000

	// maxFaults bounds the repeats after what should not happen at all: a panic of
	// the client, an answer that makes no sense.
	maxFaults = 3
	// maxSubscribeFaults is the same for a subscription, which is in no hurry.
	maxSubscribeFaults = 12
	// maxCalls bounds the calls under way, those left behind included; more wait.
	maxCalls = 1_024
	// maxSubscriptions is less than the 100 streams that a server allows on one
	// connection: one more would wait without a word.
	maxSubscriptions = 64
	// maxReadings bounds the readings of $all, which have a connection of their
	// own so that subscriptions do not wait for them; one more waits for the time
	// of an operation.
	maxReadings = 64
	// closeWait bounds the wait for calls under way when the log is closed, twice.
	closeWait = 5 * time.Second
	// retireGrace is how long the calls under way on a client may go on after
	// it was replaced.
	retireGrace = 30 * time.Second

	// MaxAppendBytes is what EventStoreDB takes in one append unless it is told
	// otherwise, counted as its newer versions do: data, metadata and types.
	MaxAppendBytes = 1 << 20
	// typeByteCost is what a byte of a type's name counts there.
	typeByteCost = 2

	// pageEvents and pageBytes bound what is read at once.
	pageEvents = 512
	pageBytes  = 4 << 20
	// searchWindow is after how many events of others a subscription is told
	// how far it is.
	searchWindow = 512

	// maxDiscoveryRounds of the library's own search for a node; repeating is
	// ours, and it would make callers wait for longer than they said.
	maxDiscoveryRounds = 2
	// maxGossipSeconds bounds the wait for one node in that search: one that
	// hangs must not keep the others from being asked in time.
	maxGossipSeconds = 2
	// maxDiscoveryPauseMillis bounds the pause after each round of it.
	maxDiscoveryPauseMillis = 100
	// keepAlive is after how long a silent connection is asked whether it lives,
	// and how long it may take to answer.
	keepAlive = 10 * time.Second
	// maxPrefixes bounds the categories of one subscription.
	maxPrefixes = 64
)
