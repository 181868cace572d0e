package httpapi

import (
	"errors"
	"fmt"

	"orderflow/internal/strictjson"
)

// Limits on the shape of a body.
const (
	// maxDepth bounds nesting; the deepest request needs 3.
	maxDepth = 16
	// maxMembers bounds the members of one object; the largest request has 5.
	maxMembers = 32
)

func bodyLimits() strictjson.Limits {
	return strictjson.Limits{Depth: maxDepth, Members: maxMembers, Folded: true}
}

// checkJSON refuses what encoding/json lets pass: members that come twice or
// differ from each other only in case, bad UTF-8, and deep nesting; and what is not JSON.
func checkJSON(data []byte) error { return malformed(strictjson.Check(data, bodyLimits())) }

// checkMembers is checkJSON for what is known to be well formed. Member is asked about
// each member's name and how deep its object is, from 1, lists included.
func checkMembers(data []byte, member func(depth int, name []byte) *Problem) error {
	return malformed(strictjson.CheckMembers(data, bodyLimits(), func(at strictjson.Place, name []byte) error {
		p := member(at.Depth(), name)
		if p == nil {
			return nil
		}
		p.Errors = []ProblemDetail{{Pointer: at.Pointer(clip[[]byte]), Detail: p.Detail}}
		return p
	}))
}

// malformed turns a fault of a body into a problem, and returns other errors as they are.
func malformed(err error) error {
	e, ok := errors.AsType[*strictjson.Error](err)
	if !ok {
		return err
	}
	detail := ""
	switch e.Fault {
	case strictjson.NotJSON:
		return notJSON(e.Cause)
	case strictjson.NotUTF8:
		detail = "The body is not valid UTF-8."
	case strictjson.TooDeep:
		detail = fmt.Sprintf("The body nests deeper than %d levels.", maxDepth)
	case strictjson.TooMany:
		detail = fmt.Sprintf("An object has more than %d members.", maxMembers)
	case strictjson.Twice:
		detail = fmt.Sprintf("The member %q comes twice in one object.", clip(e.Name))
	case strictjson.HalfCharacter:
		detail = "A string has half of a character: a \\u escape from D800 to DFFF without its other half."
	}
	return problem("malformed-json", detail)
}

func notJSON(err error) error {
	if err == nil {
		return problem("malformed-json", "The body is not one JSON value.")
	}
	return problem("malformed-json", "The body is not one JSON value: "+err.Error()+".")
}

// clip keeps what a client sent short enough to be shown.
func clip[T ~string | ~[]byte](s T) string {
	const shown = 64
	if len(s) > shown {
		return string(s[:shown]) + "…"
	}
	return string(s)
}
