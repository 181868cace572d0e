package simulator

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"orderflow/domain"
)

// Reply is the fate of the answer to a call: sent, late or lost.
type Reply string

// The replies.
const (
	Sent  Reply = "sent"
	Lost  Reply = "lost"
	Delay Reply = "late"
)

// Row is one call as its provider saw it: one line of the ledger.
type Row struct {
	Seq       int64            `json:"seq"` // counts from 1 without a gap
	Time      time.Time        `json:"time"`
	Provider  Provider         `json:"provider"`
	Name      string           `json:"name,omitempty"` // of the gateway or carrier; empty is [Default]
	Op        Op               `json:"op"`
	Key       string           `json:"key"`
	Order     domain.OrderID   `json:"order,omitempty"`
	Of        string           `json:"of,omitempty"` // the key of the charge that a refund belongs to
	Amount    domain.Money     `json:"amount,omitzero"`
	Token     string           `json:"token,omitempty"`
	Warehouse domain.Warehouse `json:"warehouse,omitempty"`
	Units     int64            `json:"units,omitempty"`
	Effective bool             `json:"effective"` // this call, and no other, moved money or a parcel, or left a tombstone
	Result    string           `json:"result"`    // "captured", "repeated", "voided", …, or the reason of a refusal
	Reply     Reply            `json:"reply"`
}

// encodeRow appends the row's line, newline included, to b.
func encodeRow(b []byte, r Row) ([]byte, error) {
	line, err := json.Marshal(r)
	if err != nil {
		return b, fmt.Errorf("encode row %d: %w", r.Seq, err)
	}
	return append(append(b, line...), '\n'), nil
}

// decodeRow reads a line without its newline. Fields it does not know are
// left alone, so that an older build reads a newer ledger.
func decodeRow(line []byte) (Row, error) {
	r, ok := readOwn(line)
	if !ok {
		r = Row{}
		if err := json.Unmarshal(line, &r); err != nil {
			return Row{}, err
		}
	}
	if r.Name == Default {
		r.Name = "" // it is not written
	}
	if r.Amount.IsZero() {
		r.Amount = domain.Money{} // nothing has no currency; it is not written either
	}
	switch {
	case r.Seq < 1:
		return Row{}, fmt.Errorf("seq is %d", r.Seq)
	case r.Op.provider() == "" || r.Op.provider() != r.Provider:
		return Row{}, fmt.Errorf("%q is no operation of provider %q", r.Op, r.Provider)
	case CheckName(nameOf(r.Name)) != nil:
		return Row{}, fmt.Errorf("%q is the name of no %s provider", r.Name, r.Provider)
	case r.Key == "":
		return Row{}, errors.New("no key")
	case r.Reply != Sent && r.Reply != Lost && r.Reply != Delay:
		return Row{}, fmt.Errorf("reply %q is unknown", r.Reply)
	case r.Amount.Minor < 0 || r.Units < 0:
		return Row{}, errors.New("a negative amount or number of units")
	}
	return r, nil
}
