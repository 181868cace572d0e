package main

import (
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"time"

	"orderflow/cmd/orderflow/internal/terminal"
	"orderflow/domain"
	"orderflow/domain/eventlog"
)

// copyReport is what a copy prints.
type copyReport struct {
	From   string `json:"from"`
	To     string `json:"to"`
	Copied int64  `json:"copied"`      // events that were appended
	Passed int64  `json:"passed_over"` // that were in the target already

	Others int64 `json:"not_copied_others"` // events of other programs in the source
	System int64 `json:"not_copied_system"` // of the servers' own, as far as they show them

	// Limited are the first streams of the source that are limited or deleted, of
	// LimitedStreams; they are copied whole, without that.
	Limited        []string `json:"limited,omitempty"`
	LimitedStreams int      `json:"limited_streams"`

	CopySeconds     float64 `json:"copy_s"`
	EventsPerSecond float64 `json:"events_per_s"` // while copying
	ElapsedSeconds  float64 `json:"elapsed_s"`    // with all reading

	Equal      bool          `json:"equal"`
	Source     copySum       `json:"source"`
	Target     copySum       `json:"target"`
	Categories []categorySum `json:"categories"`
	// Different are the first streams that are not equal, of DifferentStreams.
	Different        []string `json:"different,omitempty"`
	DifferentStreams int64    `json:"different_streams"`
	SourceWentOn     bool     `json:"source_went_on"` // since the copy began; run it again for the rest
}

// copySum is one log.
type copySum struct {
	Events  int64  `json:"events"`
	Streams int64  `json:"streams"`
	SHA256  string `json:"sha256"` // the chain of its events in the log's order
}

// categorySum is one category in both logs.
type categorySum struct {
	Category     string `json:"category"`
	SourceEvents int64  `json:"source_events"`
	TargetEvents int64  `json:"target_events"`
	SourceSHA256 string `json:"source_sha256"`
	TargetSHA256 string `json:"target_sha256"`
}

// listedStream is one stream of the list.
type listedStream struct {
	Stream string `json:"stream"`
	Events int64  `json:"events"`
	SHA256 string `json:"sha256"`
	Equal  bool   `json:"equal"`
}

func (r *copyReport) compare(s eventlog.Stream, from, to streamSum) {
	if from.chain == to.chain {
		return
	}
	if r.DifferentStreams++; len(r.Different) < namedStreams {
		r.Different = append(r.Different, fmt.Sprintf("%s: %d events in the source, %d in the target", s, from.events, to.events))
	}
}

func (r *copyReport) fill(from, to *counted) {
	sum := func(c *counted) copySum { return copySum{c.all.events, c.streams, c.all.text()} }
	r.Source, r.Target, r.SourceWentOn = sum(from), sum(to), from.more
	r.Equal = r.Source == r.Target && r.DifferentStreams == 0
	names := maps.Collect(maps.All(from.categories))
	maps.Copy(names, to.categories)
	for _, name := range slices.Sorted(maps.Keys(names)) {
		a, b := from.categories[name], to.categories[name]
		if a == nil {
			a = &chain{}
		}
		if b == nil {
			b = &chain{}
		}
		r.Categories = append(r.Categories, categorySum{name, a.events, b.events, a.text(), b.text()})
	}
}

// verdict returns an error unless both logs are equal.
func (r *copyReport) verdict() error {
	switch {
	case r.Equal:
		return nil
	case r.Target.Events < r.Source.Events && r.DifferentStreams > 0:
		return domain.Errorf(domain.Conflict, "The logs are not equal: the target has %s events of %s, and %s streams differ. If it holds the beginning of the source, run the copy again; it goes on there.",
			terminal.Grouped(r.Target.Events), terminal.Grouped(r.Source.Events), terminal.Grouped(r.DifferentStreams))
	}
	return domain.Errorf(domain.Conflict, "The logs are not equal: %s streams differ, and the order of all events or their content does. Copy to an empty target, and let nobody write to it meanwhile.", terminal.Grouped(r.DifferentStreams))
}

// show prints the report for a person.
func (r *copyReport) show(w io.Writer) error {
	t := terminal.NewTable(w, "what", "source", "target", "equal")
	for _, c := range r.Categories {
		t.Row(c.Category+" events", terminal.Grouped(c.SourceEvents), terminal.Grouped(c.TargetEvents), terminal.YesNo(c.SourceSHA256 == c.TargetSHA256))
	}
	t.Row("streams", terminal.Grouped(r.Source.Streams), terminal.Grouped(r.Target.Streams), terminal.YesNo(r.Source.Streams == r.Target.Streams && r.DifferentStreams == 0))
	t.Row("events", terminal.Grouped(r.Source.Events), terminal.Grouped(r.Target.Events), terminal.YesNo(r.Source.Events == r.Target.Events))
	t.Row("sum of all, in order", r.Source.SHA256, r.Target.SHA256, terminal.YesNo(r.Source.SHA256 == r.Target.SHA256))
	if err := t.Flush(); err != nil {
		return err
	}
	for _, line := range r.Different {
		fmt.Fprintln(w, "different:", line)
	}
	if r.Copied+r.Passed > 0 {
		fmt.Fprintf(w, "%s events were copied in %.1f s, %s/s; %s were there already.\n", terminal.Grouped(r.Copied), r.CopySeconds, terminal.Grouped(int64(r.EventsPerSecond)), terminal.Grouped(r.Passed))
	}
	if r.Others+r.System > 0 {
		fmt.Fprintf(w, "Not copied: %s events of other programs, %s of the servers' own.\n", terminal.Grouped(r.Others), terminal.Grouped(r.System))
	}
	if r.LimitedStreams > 0 {
		fmt.Fprintf(w, "Copied whole, without what limits them in the source: %s streams, first %s.\n", terminal.Grouped(int64(r.LimitedStreams)), strings.Join(r.Limited, ", "))
	}
	if r.SourceWentOn {
		fmt.Fprintln(w, "The source has grown meanwhile: stop what writes to it, and run the copy again for the rest.")
	}
	return nil
}

// lister prints streams as they come, so that it need not hold them, and then
// the report.
type lister struct {
	w             io.Writer
	streams, json bool
	listed        int
}

func newLister(w io.Writer, streams, json bool) *lister {
	return &lister{w: w, streams: streams, json: json}
}

// each lists one stream; the target's sum is the source's, or it says no.
func (l *lister) each(s eventlog.Stream, from, to streamSum) error {
	if !l.streams {
		return nil
	}
	is := listedStream{string(s), from.events, from.text(), from.chain == to.chain}
	l.listed++
	if !l.json {
		if l.listed == 1 {
			fmt.Fprintf(l.w, "%-*s  %10s  %-5s  %s\n", 2*len(digest{}), "SHA-256", "EVENTS", "EQUAL", "STREAM")
		}
		_, err := fmt.Fprintf(l.w, "%s  %10d  %-5s  %s\n", is.SHA256, is.Events, terminal.YesNo(is.Equal), is.Stream)
		return err
	}
	lead := ",\n    "
	if l.listed == 1 {
		lead = "{\n  \"streams\": [\n    "
	}
	line, err := json.Marshal(is)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(l.w, "%s%s", lead, line)
	return err
}

// end prints the report; in JSON it is one object with the streams.
func (l *lister) end(r *copyReport) error {
	switch {
	case !l.json:
		return r.show(l.w)
	case l.listed == 0:
		return terminal.PrintJSON(l.w, r)
	}
	rest, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(l.w, "\n  ],%s\n", strings.TrimPrefix(string(rest), "{"))
	return err
}

// copyLogEvery is how often a copy without a terminal logs its progress.
const copyLogEvery = 30 * time.Second

// watchedBy draws progress on a terminal, and logs it elsewhere.
func watchedBy(w io.Writer, logger *slog.Logger) func(what string, total int64) (set func(int64), end func()) {
	return func(what string, total int64) (func(int64), func()) {
		bar := terminal.NewProgress(w, what, total)
		if terminal.IsTerminal(w) {
			return bar.Set, bar.End
		}
		told := time.Now()
		return func(done int64) {
			if done&0xff == 0 && time.Since(told) > copyLogEvery {
				told = time.Now()
				logger.Info(what, "events", done, "of", total, "events_per_s", int64(float64(done)/time.Since(bar.Begun).Seconds()))
			}
		}, func() {}
	}
}
