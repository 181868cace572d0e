package clustertest_test

import (
	"context"
	"net"
	"testing"
	"time"

	"github.com/EventStore/EventStore-Client-Go/v4/protos/streams"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"orderflow/infra/esdbserver/clustertest"
	"orderflow/infra/memory"
)

func TestAFollowerServesWhatDoesNotAskForTheLeader(t *testing.T) {
	c := fresh(t)
	leader, follower := dial(t, c.Address(0)), dial(t, c.Address(1))
	id := follower.mustAppend("forwarded")
	for _, r := range []raw{leader, follower} {
		if ids, _, err := r.readAll(within(t, patience)); err != nil || ids[id.String()] != 1 {
			t.Errorf("the event is there %d times: %v", ids[id.String()], err)
		}
	}
	sub := follower.subscribe(within(t, patience))
	if err := next(sub, is(id)); err != nil {
		t.Errorf("a subscription without the header: %v", err)
	}
	second := leader.mustAppend("x")
	if err := next(sub, is(second)); err != nil {
		t.Errorf("a subscription without the header, live: %v", err)
	}
	c.Resign(2) // which is no reason for it to end
	if err := next(sub, is(follower.mustAppend("y"))); err != nil {
		t.Errorf("a subscription without the header, under the next leader: %v", err)
	}
	if n := c.Counts(1); n.NotLeader != 0 || n.Subscribers != 1 || n.Connections != 1 {
		t.Errorf("counts %+v", n)
	}
}

func TestAFollowerSendsToTheLeader(t *testing.T) {
	c := fresh(t)
	follower := dial(t, c.Address(2))
	ctx := onLeader(within(t, patience))
	_, trailers, err := follower.append(ctx, "x")
	wantNotLeader(t, "append", err, trailers, c.Address(0))
	_, trailers, err = follower.readAll(ctx)
	wantNotLeader(t, "read", err, trailers, c.Address(0))
	sub := follower.subscribe(ctx)
	if err := next(sub, isConfirmation); err != nil {
		t.Fatalf("the subscription is not confirmed: %v", err)
	}
	m, err := sub.Recv()
	if m != nil {
		t.Errorf("after the confirmation came %v", m)
	}
	wantNotLeader(t, "subscribe", err, sub.Trailer(), c.Address(0))
	sub = follower.subscribeTo(ctx, "x")
	if err := next(sub, isConfirmation); err != nil {
		t.Fatalf("the subscription to a stream is not confirmed: %v", err)
	}
	_, err = sub.Recv()
	wantNotLeader(t, "subscribe to a stream", err, sub.Trailer(), c.Address(0))
	if n := c.Counts(2); n.NotLeader != 4 || n.Connections != 1 || n.Subscribers != 0 {
		t.Errorf("counts %+v", n)
	}
}

func TestResign(t *testing.T) {
	c := fresh(t)
	old := dial(t, c.Address(0))
	ctx := onLeader(within(t, patience))
	sub := old.subscribe(ctx)
	if err := next(sub, isCaughtUp); err != nil {
		t.Fatal(err)
	}
	c.Resign(1)
	if c.Leader() != 1 {
		t.Errorf("node %d leads", c.Leader())
	}
	m, err := sub.Recv()
	if m != nil {
		t.Errorf("the subscription got %v", m)
	}
	wantNotLeader(t, "the subscription under way", err, sub.Trailer(), c.Address(1))
	_, trailers, err := old.append(ctx, "x")
	wantNotLeader(t, "append", err, trailers, c.Address(1))
	if _, _, err := dial(t, c.Address(1)).append(ctx, "x"); err != nil {
		t.Errorf("append to the new leader: %v", err)
	}
	if n := c.Counts(0); n.Connections != 1 {
		t.Errorf("the old leader has %d connections, want the one of before", n.Connections)
	}
	for i := range clustertest.Nodes {
		if got := gossiped(t, c, i); got != [...]string{"Follower", "Leader", "Follower"} {
			t.Errorf("node %d tells %v", i, got)
		}
	}
}

func TestLoseQuorum(t *testing.T) {
	c := fresh(t)
	leader, follower := dial(t, c.Address(0)), dial(t, c.Address(1))
	ctx := onLeader(within(t, patience))
	back := leader.subscribe(ctx)
	if err := next(back, isCaughtUp); err != nil {
		t.Fatal(err)
	}
	c.LoseQuorum()
	lost, _, err := leader.append(onLeader(within(t, short)), "x")
	wantDeadline(t, "append to the former leader", err)
	lost2, _, err := follower.append(within(t, short), "x")
	wantDeadline(t, "append to a follower, to be forwarded", err)
	_, _, err = leader.readAll(onLeader(within(t, short)))
	wantDeadline(t, "read", err)
	if ids, _, err := leader.readAll(within(t, patience)); err != nil || len(ids) == 0 {
		t.Errorf("read of anybody: %d events, %v", len(ids), err)
	}
	if got := gossiped(t, c, 0); got != [...]string{"Unknown", "Unknown", "Unknown"} || c.Leader() != -1 {
		t.Errorf("told %v, leader %d", got, c.Leader())
	}
	silent := follower.subscribe(ctx)
	if err := next(silent, isConfirmation); err != nil {
		t.Fatal(err)
	}
	again := leader.subscribe(ctx)
	if err := next(again, isConfirmation); err != nil {
		t.Fatal(err)
	}
	until(t, c, "the subscriptions are silent", func() bool { return c.Counts(0).Silent+c.Counts(1).Silent == 2 })
	c.RegainQuorum(0)
	if m, err := again.Recv(); err != nil || isConfirmation(m) {
		t.Errorf("the subscription at the leader goes on with %v, %v", m, err)
	}
	_, err = silent.Recv()
	wantNotLeader(t, "the silent subscription at a follower", err, silent.Trailer(), c.Address(0))
	id := leader.mustAppend("x")
	if err := next(back, is(id)); err != nil {
		t.Errorf("a subscription at the leader that leads again: %v", err)
	}
	ids, _, err := leader.readAll(ctx)
	if err != nil || ids[lost.String()]+ids[lost2.String()] != 0 {
		t.Errorf("what was not answered is stored: %v", err)
	}
	if n := c.Counts(0); n.Unanswered != 2 || n.Connections == 0 {
		t.Errorf("counts %+v", n)
	}
}

func TestTwoLeaders(t *testing.T) {
	c := fresh(t)
	old, present := dial(t, c.Address(0)), dial(t, c.Address(1))
	ctx := onLeader(within(t, patience))
	before := old.subscribe(ctx)
	if err := next(before, isCaughtUp); err != nil {
		t.Fatal(err)
	}
	c.TwoLeaders(1, long)
	if got := gossiped(t, c, 0); got != [...]string{"Leader", "Follower", "Follower"} {
		t.Errorf("the old leader tells %v", got)
	}
	if got := gossiped(t, c, 2); got != [...]string{"Leader", "Leader", "Follower"} {
		t.Errorf("a follower tells %v", got)
	}
	lost, _, err := old.append(onLeader(within(t, short)), "x")
	wantDeadline(t, "append to the old leader", err)
	stored, _, err := present.append(ctx, "x")
	if err != nil {
		t.Errorf("append to the new leader: %v", err)
	}
	if _, _, err := old.readAll(ctx); err != nil {
		t.Errorf("the old leader refuses a read: %v", err)
	}
	during := old.subscribe(ctx)
	if err := next(during, isConfirmation); err != nil {
		t.Fatal(err)
	}
	until(t, c, "both subscriptions have something they may not tell", func() bool { return c.Counts(0).Silent == 2 })
	c.Resign(2) // ends it before its time
	for what, sub := range map[string]streams.Streams_ReadClient{"before": before, "during": during} {
		m, err := sub.Recv()
		if m != nil {
			t.Errorf("the subscription of %s got %v", what, m)
		}
		wantNotLeader(t, "the subscription of "+what, err, sub.Trailer(), c.Address(2))
	}
	ids, _, err := old.readAll(within(t, patience))
	if err != nil || ids[lost.String()] != 0 || ids[stored.String()] != 1 {
		t.Errorf("stored: %d of the old leader, %d of the new one: %v", ids[lost.String()], ids[stored.String()], err)
	}
}

func TestTwoLeadersEndByThemselves(t *testing.T) {
	c := fresh(t)
	old := dial(t, c.Address(0))
	sub := old.subscribe(onLeader(within(t, patience)))
	if err := next(sub, isCaughtUp); err != nil {
		t.Fatal(err)
	}
	c.TwoLeaders(2, 10*time.Millisecond)
	_, err := sub.Recv()
	wantNotLeader(t, "the subscription", err, sub.Trailer(), c.Address(2))
	if got := gossiped(t, c, 0); got != [...]string{"Follower", "Follower", "Leader"} {
		t.Errorf("told %v", got)
	}
}

func TestLagGossip(t *testing.T) {
	c := fresh(t)
	c.LagGossip(long, 1)
	c.Resign(2)
	c.Kill(0)
	if got := gossiped(t, c, 1); got != [...]string{"Leader", "Follower", "Follower"} {
		t.Errorf("the node that lags tells %v", got)
	}
	if got := gossiped(t, c, 2); got != [...]string{"dead", "Follower", "Leader"} {
		t.Errorf("the other node tells %v", got)
	}
	c.LagGossip(0)
	if got := gossiped(t, c, 1); got != [...]string{"dead", "Follower", "Leader"} {
		t.Errorf("afterwards it tells %v", got)
	}
	c.LagGossip(long)
	c.Start(0)
	for i := range clustertest.Nodes {
		if got := gossiped(t, c, i); got != [...]string{"dead", "Follower", "Leader"} {
			t.Errorf("node %d of those that lag tells %v", i, got)
		}
	}
}

func TestKillAndStart(t *testing.T) {
	c := fresh(t)
	leader := dial(t, c.Address(0))
	sub := leader.subscribe(within(t, patience))
	if err := next(sub, isCaughtUp); err != nil {
		t.Fatal(err)
	}
	id := leader.mustAppend("x")
	c.Kill(0)
	if err := next(sub, func(*streams.ReadResp) bool { return false }); status.Code(err) != codes.Unavailable {
		t.Errorf("the subscription ends with %v", err)
	}
	var dialer net.Dialer
	if conn, err := dialer.DialContext(within(t, patience), "tcp", c.Address(0)); err == nil {
		_ = conn.Close()
		t.Error("a dead node takes connections")
	}
	if n := c.Counts(0); n.Connections != 0 || n.Subscribers != 0 || c.Leader() != -1 {
		t.Errorf("counts %+v, leader %d", n, c.Leader())
	}
	_, _, err := dial(t, c.Address(1)).append(onLeader(within(t, short)), "x")
	wantDeadline(t, "append while nobody leads", err)
	if got := gossiped(t, c, 1); got != [...]string{"dead", "Unknown", "Unknown"} {
		t.Errorf("told %v", got)
	}
	c.Elect(1)
	second := dial(t, c.Address(1)).mustAppend("x")
	c.Start(0)
	again := dial(t, c.Address(0))
	ids, _, err := again.readAll(within(t, patience))
	if err != nil || ids[id.String()] != 1 || ids[second.String()] != 1 {
		t.Errorf("a node that was started again reads %v, %v", ids, err)
	}
	_, trailers, err := again.append(onLeader(within(t, patience)), "x")
	wantNotLeader(t, "append to it", err, trailers, c.Address(1))
}

func TestTheMajorityIsNeeded(t *testing.T) {
	c := fresh(t)
	c.Kill(1)
	if c.Leader() != 0 {
		t.Error("two nodes are not enough")
	}
	c.Stop(2)
	if c.Leader() != -1 {
		t.Error("one node leads itself")
	}
	c.Continue(2)
	c.Elect(2)
	dial(t, c.Address(0)).mustAppend("x")
}

// TestKillLosesAnswers kills a leader while it stores one append and has begun
// to take in another one.
func TestKillLosesAnswers(t *testing.T) {
	log := newHeldLog()
	c := clusterOn(t, log)
	leader := dial(t, c.Address(0))
	ctx := onLeader(within(t, patience))
	type outcome struct {
		id  string
		err error
	}
	appended := make(chan outcome, 1)
	go func() {
		id, _, err := leader.append(ctx, "held")
		appended <- outcome{id.String(), err}
	}()
	<-log.inside
	killed := make(chan struct{})
	go func() { c.Kill(0); close(killed) }()
	until(t, c, "it is dead", func() bool { return c.Leader() == -1 })
	late, _, err := leader.append(onLeader(within(t, short)), "late")
	wantDeadline(t, "append to a node that is dying", err)
	_, _, err = leader.readAll(within(t, short))
	wantDeadline(t, "read from a node that is dying", err)
	close(log.goOn)
	<-killed
	o := <-appended
	if status.Code(o.err) != codes.Unavailable {
		t.Errorf("the append was answered with %v", o.err)
	}
	c.Elect(2)
	ids, _, err := dial(t, c.Address(2)).readAll(ctx)
	if err != nil || ids[o.id] != 1 || ids[late.String()] != 0 {
		t.Errorf("the append that was being stored is there %d times, the late one %d: %v", ids[o.id], ids[late.String()], err)
	}
}

// TestLoseQuorumLosesAnswers does the same without a death.
func TestLoseQuorumLosesAnswers(t *testing.T) {
	log := newHeldLog()
	c := clusterOn(t, log)
	leader := dial(t, c.Address(0))
	call, cancel := context.WithCancel(onLeader(within(t, patience)))
	defer cancel()
	failed := make(chan error, 1)
	go func() {
		_, _, err := leader.append(call, "held")
		failed <- err
	}()
	<-log.inside
	c.LoseQuorum()
	close(log.goOn)
	until(t, c, "the answer is held back", func() bool { return c.Counts(0).Unanswered == 1 })
	c.RegainQuorum(0)
	select {
	case err := <-failed:
		t.Errorf("the append was answered with %v", err)
	default:
	}
	cancel()
	<-failed
	if last, err := c.Engine().LastNumber(within(t, patience), "held"); err != nil || last != 0 {
		t.Errorf("the last event is %d, %v: it was to be stored", last, err)
	}
}

func TestStopAndContinue(t *testing.T) {
	c := fresh(t)
	known := dial(t, c.Address(0))
	known.mustAppend("x")
	sub := known.subscribe(within(t, patience))
	if err := next(sub, isCaughtUp); err != nil {
		t.Fatal(err)
	}
	c.Stop(0)
	elsewhere := dial(t, c.Address(1)).mustAppend("y") // forwarded; the log takes it
	heard := make(chan error, 1)
	go func() { heard <- next(sub, is(elsewhere)) }()
	var dialer net.Dialer
	conn, err := dialer.DialContext(within(t, patience), "tcp", c.Address(0))
	if err != nil {
		t.Fatalf("a stopped node takes no connection: %v", err)
	}
	_ = conn.Close()
	_, _, err = known.append(within(t, short), "x")
	wantDeadline(t, "append on a connection of before", err)
	if last, err := c.Engine().LastNumber(within(t, patience), "x"); err != nil || last != 0 {
		t.Errorf("a stopped node stores what comes: the last number is %d, %v", last, err)
	}
	_, _, err = dial(t, c.Address(0)).readAll(within(t, short))
	wantDeadline(t, "read on a new connection", err)
	select {
	case err := <-heard:
		t.Errorf("a stopped node tells a subscriber: %v", err)
	default:
	}
	if c.Leader() != 0 {
		t.Error("a leader that is stopped leads until another one is elected")
	}
	if got := gossiped(t, c, 1); got != [...]string{"Leader", "Follower", "Follower"} {
		t.Errorf("told %v", got)
	}
	waiting := make(chan error, 1)
	go func() {
		_, _, err := known.readAll(within(t, patience))
		waiting <- err
	}()
	c.Resign(1)
	if got := gossiped(t, c, 1); got != [...]string{"dead", "Leader", "Follower"} {
		t.Errorf("told after the election: %v", got)
	}
	c.Continue(0)
	if err := <-waiting; err != nil {
		t.Errorf("a read that waited: %v", err)
	}
	if err := <-heard; err != nil {
		t.Errorf("a subscription that waited: %v", err)
	}
	_, trailers, err := known.append(onLeader(within(t, patience)), "x")
	wantNotLeader(t, "append on the connection of before", err, trailers, c.Address(1))
	if got := gossiped(t, c, 0); got != [...]string{"Follower", "Leader", "Follower"} {
		t.Errorf("told at the end: %v", got)
	}
}

func TestAStoppedNodeCanBeKilled(t *testing.T) {
	c := fresh(t)
	known := dial(t, c.Address(2))
	known.mustAppend("x")
	c.Stop(2)
	c.Kill(2)
	if n := c.Counts(2); n.Connections != 0 {
		t.Errorf("it has %d connections", n.Connections)
	}
	c.Start(2)
	dial(t, c.Address(2)).mustAppend("x")
}

// TestAStoppedLeaderComesBack believes that it leads, as one does that was
// halted while others elected.
func TestAStoppedLeaderComesBack(t *testing.T) {
	c := fresh(t)
	known := dial(t, c.Address(0))
	known.mustAppend("x")
	c.Stop(0)
	c.TwoLeaders(1, long)
	c.Continue(0)
	_, _, err := known.append(onLeader(within(t, short)), "x")
	wantDeadline(t, "append to the former leader", err)
	if got := gossiped(t, c, 0); got != [...]string{"Leader", "Follower", "Follower"} {
		t.Errorf("told %v", got)
	}
	c.Resign(2)
	_, trailers, err := known.append(onLeader(within(t, patience)), "x")
	wantNotLeader(t, "append once it knows", err, trailers, c.Address(2))
}

// complaints is a test that may fail.
type complaints struct {
	testing.TB
	n int
}

func (c *complaints) Errorf(string, ...any) { c.n++ }

func TestCommandsThatMakeNoSenseFailTheTest(t *testing.T) {
	of := &complaints{TB: t}
	c := clustertest.New(of, memory.NewDense(), clustertest.Options{})
	for name, command := range map[string]func(){
		"resign to itself":        func() { c.Resign(0) },
		"elect a second one":      func() { c.Elect(1) },
		"regain what is not lost": func() { c.RegainQuorum(1) },
		"two leaders of one":      func() { c.TwoLeaders(0, long) },
		"start what runs":         func() { c.Start(1) },
		"continue what runs":      func() { c.Continue(1) },
	} {
		of.n = 0
		command()
		if of.n != 1 || c.Leader() != 0 {
			t.Errorf("%s: %d complaints, node %d leads", name, of.n, c.Leader())
		}
	}
	c.Kill(0)
	of.n = 0
	c.Kill(0)
	c.Stop(0)
	c.Elect(0)
	c.Resign(1)
	c.LoseQuorum()
	c.Elect(1)
	if of.n != 5 {
		t.Errorf("%d complaints, want 5", of.n)
	}
}
