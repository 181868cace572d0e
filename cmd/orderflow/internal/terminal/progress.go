package terminal

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

// Progress draws one line that is drawn over and over, and nothing at all
// unless a person watches. It is used from one goroutine.
type Progress struct {
	w     io.Writer // nil without a terminal
	label string
	Total int64 // 0: not known
	Begun time.Time
	drawn time.Time
	done  int64
}

// NewProgress returns a Progress towards total; 0 means that the total is not known.
func NewProgress(w io.Writer, label string, total int64) *Progress {
	p := &Progress{label: label, Total: total, Begun: time.Now()}
	if IsTerminal(w) {
		p.w = w
	}
	return p
}

// Set says how much is done, and redraws if the last drawing is old enough.
func (p *Progress) Set(done int64) {
	p.done = done
	if p.w == nil || time.Since(p.drawn) < barPauseTime {
		return
	}
	p.drawn = time.Now()
	rate := float64(done) / max(time.Since(p.Begun).Seconds(), 1e-9)
	if p.Total <= 0 {
		fmt.Fprintf(p.w, "\r%s  %s  %s/s\x1b[K", p.label, Grouped(done), Grouped(int64(rate)))
		return
	}
	full := int(min(done, p.Total) * barCells / p.Total)
	fmt.Fprintf(p.w, "\r%s  [%s%s]  %s of %s  %s/s\x1b[K", p.label,
		strings.Repeat("=", full), strings.Repeat(" ", barCells-full), Grouped(done), Grouped(p.Total), Grouped(int64(rate)))
}

// Reach says how far a log was read and how many events that were. Positions
// have gaps: they tell the share that is done, and nothing else.
func (p *Progress) Reach(at, end eventlog.Position, events int64) {
	if p.w == nil || time.Since(p.drawn) < barPauseTime {
		return
	}
	p.drawn = time.Now()
	share := 1.0
	if end > 0 {
		share = min(float64(at)/float64(end), 1)
	}
	full := int(share * barCells)
	rate := float64(events) / max(time.Since(p.Begun).Seconds(), 1e-9)
	fmt.Fprintf(p.w, "\r%s  [%s%s]  %d %%  %s events  %s/s\x1b[K", p.label,
		strings.Repeat("=", full), strings.Repeat(" ", barCells-full), int(share*percent), Grouped(events), Grouped(int64(rate)))
}

// End clears the line, so that what is printed next stands alone.
func (p *Progress) End() {
	if p.w != nil {
		fmt.Fprint(p.w, "\r\x1b[K")
	}
}
