package terminal

import (
	"context"
	"errors"
	"fmt"
	"io"

	"orderflow/domain"
)

// The exit codes. Scripts branch on them: they never change their meaning.
const (
	ExitOK          = 0
	ExitFailed      = 1 // something broke; the text says what
	ExitUsage       = 2 // the command line or the request is wrong
	ExitNotFound    = 3 // nothing by that name
	ExitRejected    = 4 // a business rule, a conflict or an earlier request said no
	ExitUnavailable = 5 // try later: not reachable, in use, read-only or overloaded
)

// ExitHelp explains the exit codes at the end of every help.
const ExitHelp = `Exit codes: 0 done, 1 failed, 2 wrong usage or request, 3 not found, 4 rejected or conflict, 5 unavailable (try later).`

// ExitCode says how the process ends for err.
func ExitCode(err error) int {
	switch {
	case err == nil:
		return ExitOK
	case errors.Is(err, context.Canceled):
		return ExitFailed
	}
	switch domain.KindOf(err) {
	case domain.Invalid:
		return ExitUsage
	case domain.NotFound:
		return ExitNotFound
	case domain.Rejected, domain.Conflict, domain.Mismatch:
		return ExitRejected
	case domain.Unavailable, domain.Exhausted, domain.ReadOnly, domain.Unknown:
		return ExitUnavailable
	case domain.Internal, domain.Incomplete:
	}
	return ExitFailed
}

// Complain prints err for a person.
func Complain(w io.Writer, err error) {
	if errors.Is(err, context.Canceled) {
		fmt.Fprintln(w, "orderflow: interrupted")
		return
	}
	fmt.Fprintln(w, "orderflow:", err)
}
