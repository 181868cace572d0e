package main

import (
	"context"
	"errors"
	"fmt"
	"io"

	"orderflow/domain"
)

// The exit codes. Scripts branch on them: they never change their meaning.
const (
	exitOK          = 0
	exitFailed      = 1 // something broke; the text says what
	exitUsage       = 2 // the command line or the request is wrong
	exitNotFound    = 3 // nothing by that name
	exitRejected    = 4 // a business rule, a conflict or an earlier request said no
	exitUnavailable = 5 // try later: not reachable, in use, read-only or overloaded
)

const exitHelp = `Exit codes: 0 done, 1 failed, 2 wrong usage or request, 3 not found, 4 rejected or conflict, 5 unavailable (try later).`

// exitCode says how the process ends for err.
func exitCode(err error) int {
	switch {
	case err == nil:
		return exitOK
	case errors.Is(err, context.Canceled):
		return exitFailed
	}
	switch domain.KindOf(err) {
	case domain.Invalid:
		return exitUsage
	case domain.NotFound:
		return exitNotFound
	case domain.Rejected, domain.Conflict, domain.Mismatch:
		return exitRejected
	case domain.Unavailable, domain.Exhausted, domain.ReadOnly, domain.Unknown:
		return exitUnavailable
	case domain.Internal, domain.Incomplete:
	}
	return exitFailed
}

// complain prints err for a person.
func complain(w io.Writer, err error) {
	if errors.Is(err, context.Canceled) {
		fmt.Fprintln(w, "orderflow: interrupted")
		return
	}
	fmt.Fprintln(w, "orderflow:", err)
}
