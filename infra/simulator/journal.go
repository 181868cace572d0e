package simulator

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"
	"time"

	"orderflow/domain"
)

// MaxLineBytes bounds one line of a ledger.
const MaxLineBytes = 16 << 10

// Between two fsyncs a ledger rests, so that one serves many calls: an fsync
// costs the machine as much as half an order.
const (
	// restTimes is how many times as long as the last fsync.
	restTimes = 4
	// maxRest bounds what a call may wait for it.
	maxRest = 2 * time.Millisecond
)

// errClosed answers who comes after Close.
var errClosed = errors.New("the simulator is closed")

// journal appends lines to a file. Many callers share one fsync: a caller that comes
// while a batch is being written waits for the next.
//
//	add ─┐            ┌── write + fsync of batch n ──┐ done
//	add ─┴▶ batch n ──┘   add, add, add ▶ batch n+1  └──▶ …
type journal struct {
	file *os.File
	cut  int64         // bytes of an unfinished last line that were cut off
	wake chan struct{} // capacity 1: there is something to write
	done chan struct{} // the writer has ended

	mu     sync.Mutex
	next   *batch
	closed bool
	err    error // the first failure; nothing is written after it
}

type batch struct {
	lines []byte
	done  chan struct{}
	err   error
}

func newJournal(file *os.File) *journal {
	j := &journal{file: file, wake: make(chan struct{}, 1), done: make(chan struct{}), next: newBatch(nil)}
	go j.run()
	return j
}

func newBatch(spare []byte) *batch { return &batch{lines: spare[:0], done: make(chan struct{})} }

// add takes a row for the next batch; wait on the batch before telling anyone.
func (j *journal) add(r Row) (*batch, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	switch {
	case j.closed:
		return nil, errClosed
	case j.err != nil:
		return nil, j.err
	}
	lines, err := encodeRow(j.next.lines, r)
	if err != nil {
		return nil, err
	}
	j.next.lines = lines
	select {
	case j.wake <- struct{}{}:
	default:
	}
	return j.next, nil
}

// failed returns why nothing can be added, or nil.
func (j *journal) failed() error {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.closed {
		return errClosed
	}
	return j.err
}

func (b *batch) wait() error {
	<-b.done
	return b.err
}

func (j *journal) run() {
	defer close(j.done)
	var spare []byte
	var rested time.Time // when the next may begin
	for range j.wake {
		time.Sleep(time.Until(rested))
		j.mu.Lock()
		b := j.next
		j.next = newBatch(spare)
		err := j.err
		j.mu.Unlock()
		if err == nil && len(b.lines) > 0 {
			begun := time.Now()
			if err = j.write(b.lines); err != nil {
				j.mu.Lock()
				j.err = err
				j.mu.Unlock()
			}
			ended := time.Now()
			rested = ended.Add(min(restTimes*ended.Sub(begun), maxRest))
		}
		b.err = err
		spare, b.lines = b.lines, nil
		close(b.done)
	}
}

// write never tries a failed fsync again: what the disk holds then is unknown.
func (j *journal) write(lines []byte) error {
	if _, err := j.file.Write(lines); err != nil {
		return fmt.Errorf("write ledger: %w", err)
	}
	if err := j.file.Sync(); err != nil {
		return fmt.Errorf("sync ledger: %w", err)
	}
	return nil
}

// close writes what waits and ends the writer. It may be called twice.
func (j *journal) close() error {
	j.mu.Lock()
	if j.closed {
		j.mu.Unlock()
		return nil
	}
	j.closed = true
	close(j.wake) // a wake-up that is still in the channel is served before the end
	j.mu.Unlock()
	<-j.done
	return errors.Join(j.err, j.file.Close())
}

// openJournal replays the rows of a ledger, cuts off a last line that a crash
// left without its end, and is ready to append.
func openJournal(path string, replay func(Row) error) (*journal, error) {
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600) //nolint:gosec // the path is the operator's
	if err != nil {
		return nil, domain.Wrap(domain.Unavailable, err, "The simulator's ledger cannot be opened")
	}
	whole, err := scan(file, replay)
	var size int64
	if err == nil {
		size, err = file.Seek(0, io.SeekEnd)
	}
	if err == nil {
		err = file.Truncate(whole)
	}
	if err == nil {
		_, err = file.Seek(whole, io.SeekStart)
	}
	if err == nil {
		err = errors.Join(file.Sync(), syncFolder(filepath.Dir(path)))
	}
	if err != nil {
		return nil, errors.Join(domain.Wrap(domain.Internal, err, "The simulator's ledger %s is damaged; restore it or move it away", path), file.Close())
	}
	j := newJournal(file)
	j.cut = size - whole
	return j, nil
}

// syncFolder makes the name of a new file as durable as its content.
func syncFolder(path string) error {
	folder, err := os.Open(path) //nolint:gosec // the path is the operator's
	if err != nil {
		return err
	}
	return errors.Join(folder.Sync(), folder.Close())
}

// scan visits every whole line and returns their size in bytes. A last line
// without a newline was never acknowledged and is left out; anything else that
// does not read is an error.
func scan(r io.Reader, visit func(Row) error) (whole int64, err error) {
	lines := bufio.NewReaderSize(r, MaxLineBytes)
	for seq := int64(1); ; seq++ {
		line, err := lines.ReadSlice('\n')
		switch {
		case errors.Is(err, io.EOF):
			return whole, nil
		case errors.Is(err, bufio.ErrBufferFull):
			return whole, fmt.Errorf("line %d is over %d bytes", seq, MaxLineBytes)
		case err != nil:
			return whole, fmt.Errorf("read line %d: %w", seq, err)
		}
		row, err := decodeRow(line[:len(line)-1])
		if err != nil {
			return whole, fmt.Errorf("line %d: %w", seq, err)
		}
		if row.Seq != seq {
			return whole, fmt.Errorf("line %d has seq %d", seq, row.Seq)
		}
		if err := visit(row); err != nil {
			return whole, fmt.Errorf("line %d: %w", seq, err)
		}
		whole += int64(len(line))
	}
}
