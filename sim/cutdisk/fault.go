package cutdisk

import "io"

// Op is a kind of operation.
type Op uint8

// The operations that faults and counts name.
const (
	Read Op = iota
	Write
	Sync
	// Any is each of them, for a disk that is gone.
	Any
)

// Lie is what an operation does that reports success and lies.
type Lie uint8

// The lies. A kind of operation that a lie does not speak of ignores what it
// was asked for: a write keeps nothing, a sync syncs nothing, and a read
// returns zero bytes.
const (
	// Ignore: nothing is done.
	Ignore Lie = iota
	// Stale: a read returns what lay there when the disk was made.
	Stale
	// Flip: one bit of what is read or written is another.
	Flip
	// Zero: a write puts zero bytes there.
	Zero
)

// Fault is a failure of operations.
type Fault struct {
	// Op and N name the operation: the N-th of its kind from the call of Fail
	// on, counted from 1. Zero means every one.
	Op Op
	N  int
	// Lasting makes the N-th and every later one fail.
	Lasting bool
	// Place, for one that lasts, confines it to the bytes that the N-th
	// operation touched: a bad sector.
	Place bool
	// Err is what the operation returns. With nil it reports success and does
	// what Lie says.
	Err error
	Lie Lie
	// Bytes is how much of a read or write takes place before the fault.
	Bytes int

	seen     int
	from, to int64 // the place
}

// ShortWrite is a write that stops after this many bytes.
func ShortWrite(n, bytes int) Fault {
	return Fault{Op: Write, N: n, Err: io.ErrShortWrite, Bytes: bytes}
}

// Fail adds a fault. When several name one operation, the first added wins.
func (d *Disk) Fail(f Fault) { d.faults = append(d.faults, &f) }

// Heal takes all faults away; the damage that they did stays.
func (d *Disk) Heal() { d.faults = nil }

// begin counts an operation and finds the fault that names it.
func (d *Disk) begin(op Op, off int64, n int) (*Fault, error) {
	d.counts[op]++
	if d.budget == 0 {
		return nil, ErrPowerLost
	}
	var found *Fault
	for _, f := range d.faults {
		if f.Op != op && f.Op != Any {
			continue
		}
		f.seen++
		if found == nil && f.now(off, off+int64(n)) {
			found = f
		}
	}
	return found, nil
}

// now reports whether the fault names the operation that was counted last,
// which touches these bytes.
func (f *Fault) now(from, to int64) bool {
	if f.N == f.seen {
		f.from, f.to = from, to
	}
	later := f.Lasting && f.seen > f.N && (!f.Place || from < f.to && f.from < to)
	return f.N == 0 || f.N == f.seen || later
}

// result is what a faulty read or write of the given length returns.
func (f *Fault) result(done, length int) (int, error) {
	if f.Err == nil {
		return length, nil
	}
	return done, f.Err
}

// read is a read by a faulty disk.
func (d *Disk) read(f *Fault, p []byte, off int64) (int, error) {
	n := copy(p[:min(f.Bytes, len(p))], d.now[off:])
	clear(p[n:])
	if f.Err == nil {
		switch f.Lie {
		case Stale:
			copy(p[n:], d.start[off+int64(n):])
		case Flip:
			copy(p[n:], d.now[off+int64(n):])
			flip(p[n:])
		}
	}
	return f.result(n, len(p))
}

// lie is what a lying write puts where it should have put p.
func (f *Fault) lie(p []byte) []byte {
	kept := min(f.Bytes, len(p))
	if f.Err != nil || f.Lie != Flip && f.Lie != Zero {
		return p[:kept]
	}
	other := make([]byte, len(p))
	copy(other, p[:kept])
	if f.Lie == Flip {
		copy(other, p)
		flip(other[kept:])
	}
	return other
}

// flip changes one bit in the middle.
func flip(p []byte) {
	if len(p) > 0 {
		p[len(p)/2] ^= 1
	}
}
