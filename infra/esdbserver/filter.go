package esdbserver

import (
	"context"
	"math"
	"strings"
	"time"

	"github.com/EventStore/EventStore-Client-Go/v4/protos/streams"
	"github.com/dlclark/regexp2"

	"orderflow/infra/esdbserver/internal/engine"
)

// Limits of filters.
const (
	// regexTimeout bounds one match of a client's expression, which may go back
	// and forth for ever.
	regexTimeout = 50 * time.Millisecond
	// maxRegexBytes and maxPrefixes bound what one event is compared with.
	maxRegexBytes = 4 << 10
	maxPrefixes   = 1_024
	// defaultWindowEvents is how many events a client that names no number
	// wants considered between checkpoints.
	defaultWindowEvents = 32
)

// expression is the part of a request that selects names.
type expression interface {
	GetRegex() string
	GetPrefix() []string
}

// filter reports whether a client wants an event. Expressions are .NET's, so
// that there are look-arounds; Go's own have none.
type filter struct {
	byType   bool // else by the name of the stream
	regex    *regexp2.Regexp
	prefixes []string
	broken   context.CancelCauseFunc // called when it cannot be told; may be nil
}

// newFilter reads an expression; the error is an answer to the client.
func newFilter(byType bool, e expression) (*filter, error) {
	f := &filter{byType: byType, prefixes: e.GetPrefix()}
	switch {
	case len(e.GetRegex()) > maxRegexBytes || len(f.prefixes) > maxPrefixes:
		return nil, invalid("A filter has an expression of at most 4 KiB, or at most 1,024 prefixes.")
	case e.GetRegex() == "":
		return f, nil
	}
	var err error
	if f.regex, err = regexp2.Compile(e.GetRegex(), regexp2.None); err != nil {
		return nil, invalid("The filter is no regular expression: " + printable(err.Error()))
	}
	f.regex.MatchTimeout = regexTimeout
	return f, nil
}

// match returns the filter in the engine's form.
func (f *filter) match() engine.Filter {
	if f == nil {
		return nil
	}
	return func(e *engine.Event) bool {
		if f.byType {
			return f.matches(e.Type)
		}
		return f.matches(e.Stream)
	}
}

func (f *filter) matches(name string) bool {
	if f.regex != nil {
		ok, err := f.regex.MatchString(name)
		if err != nil && f.broken != nil {
			f.broken(invalid("The filter's expression takes too long on " + printable(name) + "."))
		}
		return ok
	}
	for _, p := range f.prefixes {
		if strings.HasPrefix(name, p) {
			return true
		}
	}
	return false
}

func (r *reading) parseFilter(o *streams.ReadReq_Options) (err error) {
	var options *streams.ReadReq_Options_FilterOptions
	switch f := o.GetFilterOption().(type) {
	case *streams.ReadReq_Options_NoFilter:
		return nil
	case *streams.ReadReq_Options_Filter:
		options = f.Filter
	default:
		return invalid("The request says neither how to filter nor that it does not.")
	}
	switch f := options.GetFilter().(type) {
	case *streams.ReadReq_Options_FilterOptions_StreamIdentifier:
		r.filter, err = newFilter(false, f.StreamIdentifier)
	case *streams.ReadReq_Options_FilterOptions_EventType:
		r.filter, err = newFilter(true, f.EventType)
	default:
		return invalid("The filter says neither stream nor type.")
	}
	if err != nil || !r.subscribe {
		return err
	}
	window := uint64(0)
	switch w := options.GetWindow().(type) {
	case *streams.ReadReq_Options_FilterOptions_Max:
		window = uint64(w.Max)
	case *streams.ReadReq_Options_FilterOptions_Count:
		window = defaultWindowEvents
	default:
		return invalid("The filter has no window.")
	}
	multiplier := uint64(options.GetCheckpointIntervalMultiplier())
	if multiplier == 0 || window == 0 {
		return invalid("The window of a filter and its interval of checkpoints are at least 1.")
	}
	r.checkpoints.Every = min(window*multiplier, math.MaxInt64)
	return nil
}
