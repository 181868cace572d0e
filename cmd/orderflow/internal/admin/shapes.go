package admin

import (
	"orderflow/cmd/orderflow/internal/audit"
	"orderflow/domain"
	"orderflow/infra/pebblelog"
)

// LogCopied says where the copy of a log is.
type LogCopied struct {
	Data string `json:"data"` // as in serve --data
	Log  string `json:"log"`
}

// LogReport is the result of verifying a log: of the embedded one its own report, of one
// that is served what its reader found.
type LogReport struct {
	OK bool `json:"ok"`
	pebblelog.Report
	ServedReport
}

// Error is the body of an answer that is an error.
type Error struct {
	Kind domain.Kind `json:"kind"`
	Text string      `json:"text"`
}

// The paths of administration. Only this program asks there; the answers are
// projections' own types as JSON.
const (
	Root        = "/admin/"
	StatusPath  = "/admin/projections"
	RebuildPath = "/admin/projections/{group}/rebuild"
	VerifyPath  = "/admin/projections/{group}/verify"
	ReplayPath  = "/admin/audit/replay"
	LogPath     = "/admin/log/verify"
	BackupPath  = "/admin/log/backup" // ?to=, a data directory on the machine of the server
)

// ServedReport is what can be said of a log that an EventStoreDB keeps.
type ServedReport struct {
	Served  bool  `json:"served,omitempty"`  // false for an embedded log, where all of this is empty
	Streams int64 `json:"streams,omitempty"` // of this system
	audit.Holes
}
