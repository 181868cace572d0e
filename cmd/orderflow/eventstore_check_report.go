package main

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"orderflow/cmd/orderflow/internal/terminal"
	"orderflow/domain"
	"orderflow/infra/esdbserver/fitness"
	"orderflow/infra/esdbserver/strict"
)

// checkView is what a check found. Programs read it: fields are only added.
type checkView struct {
	Server    string            `json:"server"`
	Version   string            `json:"version"`
	Name      string            `json:"name"` // what all begins with that was written
	Fits      bool              `json:"fits"`
	Findings  []fitness.Finding `json:"findings"`
	Alike     int               `json:"alike"`
	Different int               `json:"different"`
	Unasked   int               `json:"unasked"`
	Ours      int               `json:"ours"` // of those alike, answered as a node of orderflow and not as EventStoreDB
	Answers   []answerView      `json:"answers"`
}

// answerView is one question and what came of it.
type answerView struct {
	Part    string         `json:"part"`
	Asked   string         `json:"asked"`
	Outcome strict.Outcome `json:"outcome"`
	Answer  string         `json:"answer,omitempty"`
	Real    string         `json:"real"`           // of a real server
	Node    string         `json:"node,omitempty"` // of a node of ours, where it is another
	Note    string         `json:"note,omitempty"`
	Reason  string         `json:"reason,omitempty"` // why a node of ours answers otherwise
}

func (v *checkView) add(r strict.Result) {
	switch r.Outcome {
	case strict.Alike:
		v.Alike++
	case strict.Ours:
		v.Alike++
		v.Ours++
	case strict.Different, strict.Unanswered:
		v.Different++
	case strict.Unasked:
		v.Unasked++
	}
	v.Answers = append(v.Answers, answerView{Part: r.Part, Asked: r.Asked, Outcome: r.Outcome, Answer: r.Answer, Real: r.Real, Node: r.Want, Note: r.Note, Reason: r.Reason})
}

// conclude says whether the server fits. Answers that differ do not count by
// themselves; a server that falls silent does.
func (v *checkView) conclude(ctx context.Context) {
	silent := slices.ContainsFunc(v.Answers, func(a answerView) bool { return a.Outcome == strict.Unasked && strings.Contains(a.Note, "in a row") })
	switch {
	case ctx.Err() != nil:
		v.Findings = append(v.Findings, fitness.Finding{Subject: "answers", State: fitness.Unknown, Text: fmt.Sprintf("The check was not done within %v; the server is slow.", checkTime)})
	case silent:
		v.Findings = append(v.Findings, fitness.Finding{Subject: "answers", State: fitness.Lacks, Text: "The server stopped answering, so the other questions were not put."})
	}
	v.Fits = len(v.subjects(fitness.Lacks))+len(v.subjects(fitness.Unknown)) == 0
}

// subjects returns of what findings in a state are.
func (v *checkView) subjects(of fitness.State) (list []string) {
	for _, f := range v.Findings {
		if f.State == of {
			list = append(list, f.Subject)
		}
	}
	return list
}

// verdict is the error with which a check of a server ends that does not fit.
func (v *checkView) verdict() error {
	lacks, unknown := v.subjects(fitness.Lacks), v.subjects(fitness.Unknown)
	switch {
	case len(lacks) > 0:
		return domain.Errorf(domain.Internal, "The event store at %s does not fit orderflow: %s.", v.Server, strings.Join(lacks, ", "))
	case len(unknown) > 0:
		return domain.Errorf(domain.Internal, "It cannot be found out whether the event store at %s fits orderflow: %s.", v.Server, strings.Join(unknown, ", "))
	}
	return nil
}

// print writes the findings, what differs and what was not asked, a line each.
// With all also those on which the server is as a node of orderflow.
func (v *checkView) print(w io.Writer, all bool) error {
	t := terminal.NewTable(w)
	for _, f := range v.Findings {
		t.Row(f.State, f.Subject, f.Text)
	}
	if err := t.Flush(); err != nil {
		return err
	}
	fmt.Fprintf(w, "\n%d questions: %d answered as EventStoreDB 24.10 or a node of orderflow does, %d differently, %d not asked\n", len(v.Answers), v.Alike, v.Different, v.Unasked)
	if v.Ours > 0 {
		fmt.Fprintf(w, "%d of these are answered as a node of orderflow does, and not as EventStoreDB 24.10, for the better of clients%s\n", v.Ours, ending(all))
	}
	reasons := map[string]int{}
	for _, a := range v.Answers {
		switch a.Outcome {
		case strict.Different, strict.Unanswered:
			fmt.Fprintln(w, a.line())
		case strict.Unasked:
			reasons[a.Note]++
		case strict.Ours:
			if all {
				fmt.Fprintln(w, a.ours())
			}
		case strict.Alike:
		}
	}
	for _, note := range slices.Sorted(maps.Keys(reasons)) {
		fmt.Fprintf(w, "not asked: %d, because %s\n", reasons[note], note)
	}
	if v.Fits {
		_, err := fmt.Fprintf(w, "\nThe event store at %s fits orderflow.\n", v.Server)
		return err
	}
	return nil // the verdict says it
}

// ending says where the lines of a count are.
func ending(listed bool) string {
	if listed {
		return ":"
	}
	return "; --ours lists them, with the reasons"
}

// ours says in what an answer is better than that of EventStoreDB, and why.
func (a answerView) ours() string {
	return fmt.Sprintf("ours: %s, %s: this server %s, EventStoreDB 24.10 %s: %s", a.Part, a.Asked, strict.Words(a.Answer), strict.Words(a.Real), a.Reason)
}

// line says in what an answer differs.
func (a answerView) line() string {
	here := cmp.Or(a.Note, "this server "+strict.Words(a.Answer))
	if a.Outcome == strict.Different && a.Note != "" {
		here = "this server " + strict.Words(a.Answer) + " (" + a.Note + ")"
	}
	line := fmt.Sprintf("differs: %s, %s: %s; EventStoreDB 24.10 %s", a.Part, a.Asked, here, strict.Words(a.Real))
	if a.Node != "" {
		line += ", a node of orderflow " + strict.Words(a.Node)
	}
	return line
}
