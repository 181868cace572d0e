// Package strict holds questions on which programs that work on one EventStoreDB
// fail on another, and what a real server (24.10) was seen to answer. The node
// is tested with them, and any other server can be asked:
//
//	Question ──Ask──▶ a server behind a gRPC connection ──▶ answer, a short text
//	    │                                                     │
//	    └── Real: of a real server     Want: of this node ◀───┘ compared
//
// Where Want is not Real, Reason says why the node's answer is better for a
// client. Questions write to streams and groups of their own only.
package strict

import (
	"context"
	"slices"
	"time"

	"google.golang.org/grpc"
)

// AskTimeout bounds one question. A real server does not answer some at all.
const AskTimeout = 20 * time.Second

// Question is one thing to ask a server. Ask returns an error only if the
// question could not be put; a refusal is an answer.
type Question struct {
	Part   string // of the protocol: positions, appends, names, metadata, groups, users
	Asked  string
	Real   string // what a real server answers
	Want   string // what the node answers; "" is Real
	Reason string // why it is not Real
	// Harmful says that a real server ends, hangs or keeps something that is not
	// the question's own, so that only a node may be asked.
	Harmful bool
	// Users says that it makes a user, so that it can be put only to a server
	// that asks for logins.
	Users bool
	Ask   func(ctx context.Context, s *Session) (answer string, err error)
}

// Wanted returns what the node answers.
func (q Question) Wanted() string {
	if q.Want == "" {
		return q.Real
	}
	return q.Want
}

// Fits reports whether an answer is that of a real server or of the node.
func (q Question) Fits(answer string) bool { return answer == q.Real || answer == q.Wanted() }

// Questions returns all of them.
func Questions() []Question {
	return slices.Concat(positions(), appends(), metadata(), groups(), users())
}

// Put asks one question of the server behind conn, with streams of its own. A
// question that makes users needs an [Asking].
func (q Question) Put(ctx context.Context, conn grpc.ClientConnInterface) (answer string, err error) {
	return Asking{Conn: conn}.put(ctx, q)
}
