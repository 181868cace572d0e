package inventory

import (
	"bytes"
	"encoding/json"
	"maps"
	"slices"
	"strconv"

	"orderflow/domain"
)

// ReservationStatuses holds the status of every order that a warehouse has ever
// seen, a million and more. Ids of the usual length are keys without pointers, so the
// garbage collector does not scan them. As JSON it is a map[domain.OrderID]ReservationStatus.
type ReservationStatuses struct {
	usual  map[usualID]ReservationStatus
	others map[domain.OrderID]ReservationStatus // of any other length; nil if there is none
}

// usualID is "ord_" and 26 letters and digits.
type usualID [30]byte

func newReservationStatuses() ReservationStatuses {
	return ReservationStatuses{usual: map[usualID]ReservationStatus{}}
}

func (s ReservationStatuses) of(id domain.OrderID) ReservationStatus {
	if len(id) != len(usualID{}) {
		return s.others[id]
	}
	return s.usual[usualID([]byte(id))]
}

func (s *ReservationStatuses) set(id domain.OrderID, to ReservationStatus) {
	if len(id) == len(usualID{}) {
		s.usual[usualID([]byte(id))] = to
		return
	}
	if s.others == nil {
		s.others = map[domain.OrderID]ReservationStatus{}
	}
	s.others[id] = to
}

func (s ReservationStatuses) clone() ReservationStatuses {
	return ReservationStatuses{maps.Clone(s.usual), maps.Clone(s.others)}
}

// MarshalJSON implements [json.Marshaler]: one order after the other, by id.
func (s ReservationStatuses) MarshalJSON() ([]byte, error) {
	if s.usual == nil {
		return []byte("null"), nil
	}
	ids := slices.AppendSeq(make([]usualID, 0, len(s.usual)), maps.Keys(s.usual))
	slices.SortFunc(ids, func(a, b usualID) int { return bytes.Compare(a[:], b[:]) })
	if len(s.others) > 0 || slices.ContainsFunc(ids, needsEscape) {
		return json.Marshal(s.asMap())
	}
	data := append(make([]byte, 0, len(ids)*jsonBytes+len("{}")), '{')
	for i, id := range ids {
		if i > 0 {
			data = append(data, ',')
		}
		data = append(append(append(data, '"'), id[:]...), `":`...)
		data = strconv.AppendUint(data, uint64(s.usual[id]), 10)
	}
	return append(data, '}'), nil
}

// jsonBytes is what one order takes as JSON.
const jsonBytes = len(usualID{}) + len(`"":4,`)

// needsEscape reports whether an id may have to be escaped in JSON.
func needsEscape(id usualID) bool {
	for _, c := range id {
		if (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '_' {
			return true
		}
	}
	return false
}

func (s ReservationStatuses) asMap() map[domain.OrderID]ReservationStatus {
	all := make(map[domain.OrderID]ReservationStatus, len(s.usual)+len(s.others))
	maps.Copy(all, s.others)
	for id, status := range s.usual {
		all[domain.OrderID(id[:])] = status
	}
	return all
}

// UnmarshalJSON implements [json.Unmarshaler]. What MarshalJSON writes is read
// by its form, and everything else as JSON.
func (s *ReservationStatuses) UnmarshalJSON(data []byte) error {
	if read, ok := readReservationStatuses(data); ok {
		*s = read
		return nil
	}
	var all map[domain.OrderID]ReservationStatus
	if err := json.Unmarshal(data, &all); err != nil || all == nil {
		return err
	}
	*s = newReservationStatuses()
	for id, status := range all {
		s.set(id, status)
	}
	return nil
}

// readReservationStatuses reads `{"ord_…":4,"ord_…":2}` without escapes and spaces.
func readReservationStatuses(data []byte) (s ReservationStatuses, ok bool) {
	const after, digit = 1 + len(usualID{}), len(`"":`) + len(usualID{})
	if len(data) < len("{}") || data[0] != '{' || (len(data)-1)%jsonBytes != 0 {
		return s, false
	}
	s.usual = make(map[usualID]ReservationStatus, len(data)/jsonBytes)
	for rest := data[1:]; len(rest) > 0; rest = rest[jsonBytes:] {
		id, status := usualID(rest[1:after]), rest[digit]-'0'
		end := byte(',')
		if len(rest) == jsonBytes {
			end = '}'
		}
		if rest[0] != '"' || needsEscape(id) || rest[after] != '"' || rest[after+1] != ':' || status > 9 || rest[digit+1] != end {
			return s, false
		}
		s.usual[id] = ReservationStatus(status)
	}
	return s, true
}
