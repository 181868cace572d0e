package groups_test

import (
	"testing"
	"time"

	"go.uber.org/goleak"

	"orderflow/infra/esdbserver/internal/groups"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// The scenarios are read line by line: what the machine is told, and after the
// arrow what it wants done. A line without an arrow must lead to nothing.
//
//	read 1 2#1 3/7         events at places 1, 2 (with the id of 1) and 3 (in bucket 7)
//	a:1 a:1!2              event 1 goes to client a; for the third time
//	park(1,p0) checkpoint(3) truncate(1)      one write
//	p0                     entry 0 of the parked stream
//	unparked 1             answers with the next entries, up to that number
var scenarios = []struct {
	name     string
	settings groups.Settings
	memory   groups.Memory
	script   string
}{
	{name: "a client gets no more than it takes", script: `
		read 1 2 3
		join a 2       => a:1 a:2
		read 4
		ack 1          => a:3
		ack 2 3        => a:4`},

	{name: "round robin goes round and passes over who is full", script: `
		join a 2
		join b 1
		read 1 2 3 4   => a:1 b:2 a:3
		ack 2          => b:4`},

	{name: "dispatch to single fills one after the other", settings: groups.Settings{Strategy: groups.DispatchToSingle}, script: `
		join a 2
		join b 2
		read 1 2 3     => a:1 a:2 b:3
		ack 1
		read 4         => a:4`},

	{name: "pinned stays pinned, and passes over a client that is full", settings: groups.Settings{Strategy: groups.Pinned}, script: `
		join a 1
		join b 1
		read 1/1 2/2   => a:1 b:2
		read 3/1 4/2
		ack 2          => b:4
		ack 1          => a:3`},

	{name: "a bucket has a new owner when the owner leaves", settings: groups.Settings{Strategy: groups.Pinned}, script: `
		join a 2
		read 1/1       => a:1
		join b 2
		leave a        => b:1!1
		read 2/1       => b:2`},

	{name: "a client that joins gets buckets, but none with an event in flight", settings: groups.Settings{Strategy: groups.Pinned}, script: `
		join a 9
		read 1/1 2/2 3/3 4/4  => a:1 a:2 a:3 a:4
		join b 9
		read 5/1       => a:5
		ack 2
		read 6/2       => b:6`},

	{name: "a checkpoint never passes an event that a full client has to take", settings: groups.Settings{Strategy: groups.Pinned, MaxCheckpoint: 1}, script: `
		join a 1
		read 1/1       => a:1
		join b 1
		read 2/1 3/3   => b:3
		ack 3
		ack 1          => a:2 checkpoint(1)
		wrote
		ack 2          => checkpoint(3)`},

	{name: "a retry goes ahead of what is newer, by place", script: `
		read 1 2 3 4
		join a 3       => a:1 a:2 a:3
		nack retry 3 1 => a:1!1 a:3!1`},

	{name: "unknown is a retry", script: `
		read 1
		join a 1       => a:1
		nack unknown 1 => a:1!1`},

	{name: "what takes too long is tried again, and parked in the end", settings: groups.Settings{MessageTimeout: 5 * time.Second, MaxRetries: 1}, script: `
		read 1
		join a 1       => a:1
		tick 4s
		tick 1s        => a:1!1
		tick 5s        => park(1) checkpoint(1)
		wrote`},

	{name: "no retry at all", settings: groups.Settings{MaxRetries: -1}, script: `
		read 1
		join a 1       => a:1
		nack retry 1   => park(1) checkpoint(1)`},

	{name: "without a timeout nothing is taken for lost", script: `
		read 1
		join a 1       => a:1
		tick 999h`},

	{name: "an acknowledgement that comes late is one", settings: groups.Settings{MessageTimeout: time.Second, MaxCheckpoint: 2, Strategy: groups.Pinned}, script: `
		join a 1
		read 1/1 2/1   => a:1
		leave a
		join b 1       => b:1!1
		tick 1s        => b:1!2
		tick 1s        => b:1!3
		ack 1          => b:2
		ack 2          => checkpoint(2)`},

	{name: "an acknowledgement of what waits for its retry", settings: groups.Settings{MessageTimeout: time.Second, MaxCheckpoint: 2}, script: `
		join a 1
		join b 1
		read 1 2#1     => a:1
		read 3         => b:3
		tick 1s        => a:1!1 b:3!1
		leave b
		tick 999ms     
		tick 1ms       => a:1!2
		ack 3
		ack 1          => a:3!2`},

	{name: "a client that leaves is a try more, and parks nothing by itself", settings: groups.Settings{MaxRetries: -1}, script: `
		read 1 2
		join a 2       => a:1 a:2
		leave a
		join b 2       => b:1!1 b:2!1
		leave b
		join c 2       => c:1!2 c:2!2
		ack 2
		nack retry 1   => park(1) checkpoint(2)`},

	{name: "two events with one id are delivered one after the other", settings: groups.Settings{MaxCheckpoint: 1}, script: `
		join a 3
		read 1 2#1 3   => a:1 a:3
		ack 1          => a:1 checkpoint(1)
		wrote
		ack 1          => checkpoint(2)`},

	{name: "a slow client gets nothing until the next tick", script: `
		join a 2
		read 1         => a:1
		slow a 1
		read 2
		tick 1s        => a:1 a:2`},

	{name: "parked link and checkpoint are one write", script: `
		join a 3
		read 1 2 3     => a:1 a:2 a:3
		nack park 2    => park(2)
		nack park 3
		ack 1
		wrote          => park(3) checkpoint(3)`},

	{name: "an event that is being parked is not behind a checkpoint", settings: groups.Settings{MaxCheckpoint: 1}, script: `
		join a 3
		read 1 2 3     => a:1 a:2 a:3
		ack 1          => checkpoint(1)
		nack park 2
		ack 3
		wrote          => park(2) checkpoint(3)
		wrote`},

	{name: "nothing is parked twice", script: `
		join a 1
		read 1         => a:1
		nack park 1    => park(1) checkpoint(1)
		nack park 1
		ack 1
		wrote
		nack park 1`},

	{name: "skip and stop are as good as acknowledged", settings: groups.Settings{MaxCheckpoint: 2}, script: `
		join a 2
		read 1 2       => a:1 a:2
		nack skip 1
		nack stop 2    => checkpoint(2)`},

	{name: "a checkpoint is written when there is enough of it, or after a while", settings: groups.Settings{MinCheckpoint: 2, MaxCheckpoint: 3, CheckpointAfter: 2 * time.Second}, script: `
		join a 9
		read 1 2 3 4 5 6 => a:1 a:2 a:3 a:4 a:5 a:6
		ack 1 2
		tick 1s
		tick 1s        => checkpoint(2)
		wrote
		ack 3
		tick 9s
		ack 5 6
		ack 4          => checkpoint(6)`},

	{name: "a flush writes what is too little for a checkpoint", script: `
		join a 9
		read 1 2       => a:1 a:2
		ack 1
		flush          => checkpoint(1)
		wrote
		flush`},

	{name: "what a filter leaves out is behind a checkpoint", settings: groups.Settings{MinCheckpoint: 10}, script: `
		join a 9
		read 5         => a:5
		passed 100
		tick 1h
		ack 5
		tick 1h        => checkpoint(100)`},

	{name: "a replay goes ahead of what is new and moves no checkpoint", memory: groups.Memory{ParkedEnd: 2}, settings: groups.Settings{MaxCheckpoint: 1}, script: `
		read 1 2
		replay         => parked(0-2)
		unparked 2
		join a 2       => a:p0 a:p1
		ack p1         => a:1
		ack 1          => a:2 checkpoint(1)
		ack p0         
		wrote          => truncate(2)
		wrote
		ack 2          => checkpoint(2)`},

	{name: "after a replay comes the next, and of nothing too", memory: groups.Memory{ParkedEnd: 0}, script: `
		replay
		join a 9
		read 1         => a:1
		nack park 1    => park(1) checkpoint(1)
		wrote
		replay         => parked(0-1)
		unparked 1     => a:p0
		ack p0         => truncate(1)
		wrote
		replay`},

	{name: "a replay stops where it is told", memory: groups.Memory{ParkedEnd: 3}, script: `
		join a 9
		replay 1       => parked(0-1)
		unparked 1     => a:p0
		ack p0         => truncate(1)
		wrote
		replay         => parked(1-3)
		unparked 3     => a:p1 a:p2`},

	{name: "a park during a replay wins over the retry, and moves the link", memory: groups.Memory{ParkedEnd: 2}, script: `
		join a 9
		replay         => parked(0-2)
		unparked 2     => a:p0 a:p1
		nack park p1
		nack retry p1
		ack p0         => park(p1) truncate(2)
		wrote
		replay         => parked(2-3)`},

	{name: "a replayed event that fails too often is parked again", memory: groups.Memory{ParkedEnd: 1}, settings: groups.Settings{MaxRetries: 1}, script: `
		join a 9
		replay         => parked(0-1)
		unparked 1     => a:p0
		nack retry p0  => a:p0!1
		nack retry p0  => park(p0) truncate(1)`},

	{name: "what waits to be parked again takes part in a further replay", memory: groups.Memory{ParkedEnd: 2}, script: `
		join a 9
		replay         => parked(0-2)
		unparked 2     => a:p0 a:p1
		nack park p1
		replay         => a:p1
		ack p1
		ack p0         => truncate(2)`},

	{name: "what is being parked takes part in a replay that begins now", script: `
		join a 9
		read 1 2       => a:1 a:2
		nack park 1    => park(1) checkpoint(1)
		nack park 2
		replay         => a:2
		wrote          => parked(0-1)
		unparked 1     => a:p0`},

	{name: "a target that is gone is no reason to stop", memory: groups.Memory{ParkedEnd: 3}, script: `
		join a 9
		replay         => parked(0-3)
		gone 0 2 3     => a:p1
		ack p1         => truncate(3)`},

	{name: "parked events are read in batches as there is room", memory: groups.Memory{ParkedEnd: 4}, settings: groups.Settings{ReadBatch: 2, HistoryBuffer: 2}, script: `
		replay         => parked(0-4)
		unparked 2
		join a 2       => a:p0 a:p1 parked(2-4)
		unparked 4
		ack p0 p1      => a:p2 a:p3 
		tick 1s        => truncate(2)`},

	{name: "retries of the source and of the parked stream in one queue", memory: groups.Memory{ParkedEnd: 1}, script: `
		replay         => parked(0-1)
		unparked 1
		read 7
		join a 2       => a:p0 a:7
		leave a
		join b 2       => b:7!1 b:p0!1`},
}
