package main

import (
	"io"
	"log/slog"
	"time"

	"github.com/lmittmann/tint"

	"orderflow/cmd/orderflow/internal/terminal"
)

// inSeconds names the unit of durations, which JSON would write as bare
// nanoseconds: "elapsed" becomes "elapsed_s".
func inSeconds(_ []string, a slog.Attr) slog.Attr {
	if a.Value.Kind() == slog.KindDuration {
		return slog.Float64(a.Key+"_s", a.Value.Duration().Seconds())
	}
	return a
}

// newLogger logs in colour for a person at a terminal, as JSON for machines.
func newLogger(level, format string, w io.Writer) *slog.Logger {
	var l slog.Level
	if err := l.UnmarshalText([]byte(level)); err != nil {
		l = slog.LevelInfo
	}
	if format == "json" || format == "auto" && !terminal.IsTerminal(w) {
		return slog.New(slog.NewJSONHandler(w, &slog.HandlerOptions{Level: l, ReplaceAttr: inSeconds}))
	}
	return slog.New(tint.NewTextHandler(w, &tint.Options{Level: l, TimeFormat: time.TimeOnly, NoColor: !terminal.IsTerminal(w)}))
}
