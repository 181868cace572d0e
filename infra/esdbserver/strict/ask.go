package strict

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"iter"
	"strings"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// maxSilent is after how many questions in a row that got no answer, and should
// have got one, no more are put.
const maxSilent = 3

// Conn is a connection to a server that can be closed.
type Conn interface {
	grpc.ClientConnInterface
	Close() error
}

// Asking is the server that questions are sent to, and how.
type Asking struct {
	Conn grpc.ClientConnInterface
	// As connects to the same server as another user; nil if the server does not
	// ask for logins.
	As func(login, password string) (Conn, error)
	// Name is what the names of all streams, groups and users begin with; "" is
	// one by chance.
	Name string
	// Timeout bounds each question; 0 is AskTimeout.
	Timeout time.Duration
	// Harmful has harmful questions put too.
	Harmful bool
}

// NewName returns a name of a run: a category of streams, and chance.
func NewName(category string) string { return category + "-" + strings.ToLower(rand.Text()[:10]) }

// Outcome says how an answer compares with that of a real server.
type Outcome string

// The outcomes.
const (
	Alike      Outcome = "alike"      // it is that of a real server
	Ours       Outcome = "ours"       // it is the node's, which is better for clients
	Different  Outcome = "different"  // it is neither
	Unanswered Outcome = "unanswered" // there was none in time
	Unasked    Outcome = "unasked"    // Note says why
)

// Result is the result of one question.
type Result struct {
	Question
	Outcome Outcome
	Answer  string
	Note    string
}

// Questions puts all questions, one after the other, until ctx is done or the
// server falls silent; those that are left then are Unasked.
func (a Asking) Questions(ctx context.Context) iter.Seq[Result] {
	a.Name = cmp.Or(a.Name, NewName("orderflowcheck"))
	return func(yield func(Result) bool) {
		silent := 0
		for i, q := range Questions() {
			r := Result{Question: q, Outcome: Unasked}
			switch {
			case q.Harmful && !a.Harmful:
				r.Note = "it may harm a server"
			case q.Users && a.As == nil:
				r.Note = "without TLS there are no users"
			case ctx.Err() != nil:
				r.Note = "the time was up"
			case silent == maxSilent:
				r.Note = fmt.Sprintf("%d questions in a row got no answer", maxSilent)
			default:
				named := a
				named.Name = fmt.Sprintf("%s-%d", a.Name, i)
				answer, err := named.put(ctx, q)
				r = a.judge(q, answer, err)
				if ctx.Err() != nil && r.Outcome != Alike {
					r = Result{Question: q, Outcome: Unasked, Note: "the time was up"}
				}
			}
			switch r.Outcome {
			case Unanswered:
				silent = min(silent+1, maxSilent)
			case Alike, Ours, Different:
				silent = 0
			case Unasked:
			}
			if !yield(r) {
				return
			}
		}
	}
}

// judge compares an answer with the table.
func (a Asking) judge(q Question, answer string, err error) Result {
	r := Result{Question: q, Answer: answer}
	if err != nil { // in the words of an answer
		r.Answer = status.Code(errors.Unwrap(err)).String()
	}
	switch {
	case r.Answer == q.Real:
		r.Outcome = Alike
	case r.Answer == q.Wanted():
		r.Outcome = Ours
	case r.Answer == codes.DeadlineExceeded.String():
		r.Outcome, r.Note = Unanswered, fmt.Sprintf("no answer within %v", cmp.Or(a.Timeout, AskTimeout))
	case strings.HasSuffix(r.Answer, denied), r.Answer == "AccessDenied", r.Answer == codes.Unauthenticated.String():
		r.Outcome, r.Note = Unasked, "the user may not do this"
	case r.Answer == codes.Unavailable.String():
		r.Outcome, r.Note = Unanswered, "the server cannot be reached any more"
	case err != nil:
		r.Outcome, r.Note = Different, "it refused what the question begins with: "+status.Convert(errors.Unwrap(err)).Message()
	default:
		r.Outcome = Different
	}
	return r
}

// put asks one question and deletes what it wrote.
func (a Asking) put(ctx context.Context, q Question) (answer string, err error) {
	ctx, cancel := context.WithTimeout(ctx, cmp.Or(a.Timeout, AskTimeout))
	defer cancel()
	s := newSession(a.Conn, cmp.Or(a.Name, NewName("orderflowcheck")))
	s.as = a.As
	defer s.clear(ctx)
	if answer, err = q.Ask(ctx, s); err != nil {
		return "", fmt.Errorf("%s, %s: %w", q.Part, q.Asked, err)
	}
	return answer, nil
}

// Words says for a person what an answer is.
func Words(answer string) string {
	switch {
	case answer == "taken":
		return "takes it"
	case answer == "[]":
		return "answers with nothing"
	case strings.HasPrefix(answer, "["):
		return "answers with " + answer
	case answer == codes.DeadlineExceeded.String():
		return "gives no answer"
	case answer == refusedPosition:
		return `refuses it (InvalidArgument, "` + invalidPosition + `")`
	case isCode(answer):
		return "refuses it (" + answer + ")"
	}
	return "says: " + answer
}

// isCode reports whether a text is the name of a code of gRPC, or of an error of
// a batch, which are written alike.
func isCode(text string) bool {
	return len(text) > 0 && text[0] >= 'A' && text[0] <= 'Z' && !strings.ContainsAny(text, " :") && text != "Highest"
}
