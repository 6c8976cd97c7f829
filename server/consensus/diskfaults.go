package consensus

import "sync"

// diskFaults makes chosen writes fail. Only tests have one.
type diskFaults struct {
	mu   sync.Mutex
	fail map[diskOp]error
}

type diskOp string

const (
	opStoreLogs   diskOp = "append to the log"
	opSetStable   diskOp = "note a term or a vote"
	opNewSegment  diskOp = "begin a log file"
	opNewSnapshot diskOp = "write a snapshot"
)

// check returns the error that op is to fail with.
func (f *diskFaults) check(op diskOp) error {
	if f == nil {
		return nil
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.fail[op]
}

// set makes op fail with err from now on, or succeed when err is nil.
func (f *diskFaults) set(op diskOp, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.fail == nil {
		f.fail = make(map[diskOp]error)
	}
	f.fail[op] = err
}
