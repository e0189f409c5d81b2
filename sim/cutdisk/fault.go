package cutdisk

import "io"

// Op is a kind of operation.
type Op uint8

// The operations that faults and counts name.
const (
	Read Op = iota
	Write
	Sync
)

// Fault is a failure of one operation.
type Fault struct {
	// Op and N name the operation: the N-th of its kind from the call of Fail
	// on, counted from 1. Zero means every one.
	Op Op
	N  int
	// Err is what the operation returns. With nil it lies: a write or a sync
	// reports success, and a read returns zero bytes as if they lay there.
	Err error
	// Bytes is how much of a read or write takes place before the fault.
	Bytes int

	seen int
}

// ShortWrite is a write that stops after this many bytes.
func ShortWrite(n, bytes int) Fault {
	return Fault{Op: Write, N: n, Err: io.ErrShortWrite, Bytes: bytes}
}

// Fail adds a fault. When several name one operation, the first added wins.
func (d *Disk) Fail(f Fault) { d.faults = append(d.faults, &f) }

// begin counts an operation and finds the fault that names it.
func (d *Disk) begin(op Op) (*Fault, error) {
	d.counts[op]++
	if d.budget == 0 {
		return nil, ErrPowerLost
	}
	var found *Fault
	for _, f := range d.faults {
		if f.Op != op {
			continue
		}
		f.seen++
		if found == nil && (f.N == 0 || f.N == f.seen) {
			found = f
		}
	}
	return found, nil
}

// result is what a faulty read or write of the given length returns.
func (f *Fault) result(done, length int) (int, error) {
	if f.Err == nil {
		return length, nil
	}
	return done, f.Err
}
