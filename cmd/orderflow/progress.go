package main

import (
	"fmt"
	"io"
	"strings"
	"time"

	"orderflow/domain/eventlog"
)

// Limits of the progress bar.
const (
	barCells     = 30
	percent      = 100
	barPauseTime = 100 * time.Millisecond // between two drawings: a terminal is slow
)

// progress draws one line that is drawn over and over, and nothing at all
// unless a person watches. It is used from one goroutine.
type progress struct {
	w     io.Writer // nil: nobody watches
	label string
	total int64 // 0: not known
	begun time.Time
	drawn time.Time
	done  int64
}

func newProgress(w io.Writer, label string, total int64) *progress {
	p := &progress{label: label, total: total, begun: time.Now()}
	if isTerminal(w) {
		p.w = w
	}
	return p
}

// set says how much is done, and redraws if the last drawing is old enough.
func (p *progress) set(done int64) {
	p.done = done
	if p.w == nil || time.Since(p.drawn) < barPauseTime {
		return
	}
	p.drawn = time.Now()
	rate := float64(done) / max(time.Since(p.begun).Seconds(), 1e-9)
	if p.total <= 0 {
		fmt.Fprintf(p.w, "\r%s  %s  %s/s\x1b[K", p.label, grouped(done), grouped(int64(rate)))
		return
	}
	full := int(min(done, p.total) * barCells / p.total)
	fmt.Fprintf(p.w, "\r%s  [%s%s]  %s of %s  %s/s\x1b[K", p.label,
		strings.Repeat("=", full), strings.Repeat(" ", barCells-full), grouped(done), grouped(p.total), grouped(int64(rate)))
}

// reach says how far a log was read and how many events that were. Positions
// have gaps: they tell the share that is done, and nothing else.
func (p *progress) reach(at, end eventlog.Position, events int64) {
	if p.w == nil || time.Since(p.drawn) < barPauseTime {
		return
	}
	p.drawn = time.Now()
	share := 1.0
	if end > 0 {
		share = min(float64(at)/float64(end), 1)
	}
	full := int(share * barCells)
	rate := float64(events) / max(time.Since(p.begun).Seconds(), 1e-9)
	fmt.Fprintf(p.w, "\r%s  [%s%s]  %d %%  %s events  %s/s\x1b[K", p.label,
		strings.Repeat("=", full), strings.Repeat(" ", barCells-full), int(share*percent), grouped(events), grouped(int64(rate)))
}

// end clears the line, so that what is printed next stands alone.
func (p *progress) end() {
	if p.w != nil {
		fmt.Fprint(p.w, "\r\x1b[K")
	}
}
