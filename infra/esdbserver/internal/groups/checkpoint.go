package groups

// urgency is the threshold for writing a checkpoint.
type urgency int

const (
	whenDue     urgency = iota // parked events, and checkpoints that cannot wait
	whenWorthIt                // checkpoints that are old enough as well
	always                     // everything that was not written yet
)

// save starts a write if one is due and none is in progress.
//
// The link of a parked event and the checkpoint that passes the event are one
// write, so that no crash can come between them.
func (m *Machine) save(u urgency) {
	if m.writing != nil {
		return
	}
	w := &Write{}
	m.truncateParked(w, u)
	for _, i := range m.parking[:min(len(m.parking), maxParksPerWrite-len(w.Parks))] {
		i.writing = true
		w.Parks = append(w.Parks, Park{Event: i.event, Reason: i.reason, item: i})
	}
	place, count := m.done()
	w.HasCheckpoint = place > m.checkpoint && (len(w.Parks) > 0 || m.checkpointDue(count-m.savedCount, u))
	if w.HasCheckpoint {
		w.Checkpoint, w.upTo = place, count
	}
	if len(w.Parks) > 0 || w.HasCheckpoint || w.TruncateTo > 0 {
		m.writing, m.out.Write = w, w
	}
}

// done returns the place up to which every event is finished, or will be with the
// write that is being put together.
func (m *Machine) done() (Place, uint64) {
	for e := m.open.Front(); e != nil; e = e.Next() {
		if i := e.Value.(*item); !i.writing {
			return i.before, i.count - 1
		}
	}
	return m.pulled, m.pulledCount
}

func (m *Machine) checkpointDue(events uint64, u urgency) bool {
	switch {
	case events >= m.settings.maximum() || u == always:
		return true
	case u == whenWorthIt:
		return events >= m.settings.minimum() && m.now.Sub(m.checkpointAt) >= m.settings.CheckpointAfter
	default:
		return false
	}
}

func (m *Machine) wrote(in Wrote) {
	w := m.writing
	if w == nil {
		return
	}
	m.writing = nil
	if w.HasCheckpoint {
		m.checkpoint, m.saved, m.savedCount, m.checkpointAt = w.Checkpoint, true, w.upTo, m.now
	}
	fresh := 0
	for _, p := range w.Parks {
		if !p.item.replayed() {
			fresh++
		}
		m.finish(p.item)
	}
	m.parking = append(m.parking[:0:0], m.parking[fresh:]...) // a copy, so that what is written can be freed
	if len(w.Parks) > 0 {
		m.replay.end = in.End
		if m.replay.written {
			m.replay.until = in.End
		}
		m.replay.written = false
	}
	if w.TruncateTo > 0 {
		m.replay.first = w.TruncateTo
		m.replay.again = m.replay.again[len(w.Parks)-fresh:]
	}
}
