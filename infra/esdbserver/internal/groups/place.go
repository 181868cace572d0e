package groups

import (
	"fmt"
	"strconv"
)

// Place is the position of an event in the source of a group: its number in the
// stream, or its position in [AllStream]. Places only ever grow.
type Place int64

// Nowhere is before every event.
const Nowhere Place = -1

// Text returns the form in which places are stored and shown: "12", or "C:12/P:12"
// in [AllStream].
func (p Place) Text(all bool) string {
	if all {
		return fmt.Sprintf("C:%d/P:%d", int64(p), int64(p))
	}
	return strconv.FormatInt(int64(p), 10)
}

// ParsePlace reads what [Place.Text] writes. A place below [Nowhere] is none.
func ParsePlace(text string, all bool) (Place, error) {
	var commit, prepare int64
	var err error
	if all {
		if _, err = fmt.Sscanf(text, "C:%d/P:%d", &commit, &prepare); err == nil && prepare > commit {
			err = fmt.Errorf("the prepare position is above the commit position")
		}
	} else {
		commit, err = strconv.ParseInt(text, 10, 64)
	}
	if err == nil && Place(commit) < Nowhere {
		err = fmt.Errorf("it is negative")
	}
	if err == nil && Place(commit).Text(all) != text && (!all || prepare == commit) {
		err = fmt.Errorf("it is not the usual form")
	}
	if err != nil {
		return Nowhere, fmt.Errorf("%.60q is no position: %w", text, err)
	}
	return Place(commit), nil
}

// Start is the place from which a group reads. The zero value is the first event.
type Start struct {
	End bool  // with what comes after the group was made
	At  Place // with the event there, or the first one after it

	// Invalid is what a client wrote if no event has that position, "" if one
	// has it; At is then the last place below. Such a group is made and drops
	// its clients, as in EventStoreDB, until it is updated.
	Invalid string
}

// Text returns the form in which starts are stored and shown.
func (s Start) Text(all bool) string {
	if s.End {
		return Nowhere.Text(all)
	}
	return s.At.Text(all)
}

// ParseStart reads what [Start.Text] writes.
func ParseStart(text string, all bool) (Start, error) {
	p, err := ParsePlace(text, all)
	if err != nil {
		return Start{}, err
	}
	if p == Nowhere {
		return Start{End: true}, nil
	}
	return Start{At: p}, nil
}
