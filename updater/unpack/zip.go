package unpack

import (
	"io"
	"io/fs"
	"iter"
	"time"

	"abota/updater/unpack/inflate"
)

// MaxEntries is how many entries an archive may have.
const MaxEntries = 65535

// MaxNameBytes is how long all names of an archive may be together.
const MaxNameBytes = 4 << 20

// Entry is what a local header says of an entry before its content was read.
type Entry struct {
	// Name is a relative slash path, see the package documentation. A
	// directory's ends in a slash and its content is empty.
	Name string
	// Size is the unpacked size in bytes, or -1 when it is only known once
	// the content was read.
	Size int64
	// Modified is the modification time. Without the extra field 0x5455 it
	// is the writer's wall clock, taken for UTC, to two seconds; zero when the
	// header has no valid date.
	Modified time.Time
	// Mode is the kind of file and its Unix permissions, or 0 when the archive
	// was not made on Unix. Only [Zip.Entries] knows it.
	Mode fs.FileMode
}

// Zip reads an archive's entries in the order of the stream. It is not safe
// for concurrent use.
type Zip struct {
	in      input
	inflate *inflate.Reader
	seen    directory
	body    *body // current entry, nil before the first and after the last
	err     error // sticky: what ended the archive
	scratch []byte
}

// NewZip reads an archive from its first byte on. Nothing is read before Next.
func NewZip(r io.Reader) *Zip {
	return &Zip{in: newInput(r), seen: directory{names: map[string]struct{}{}}}
}

// Next goes to the following entry, past what was not read of the current
// one, which is checked all the same. It returns io.EOF only when the whole
// archive was consistent and the input ended with it.
func (z *Zip) Next() (Entry, error) {
	if z.err == nil {
		z.err = z.skip()
	}
	if z.err != nil {
		return Entry{}, z.err
	}
	entry, err := z.next()
	if err != nil {
		z.err, z.body = err, nil
	}
	return entry, err
}

func (z *Zip) next() (Entry, error) {
	sig, err := z.signature()
	if err != nil {
		return Entry{}, err
	}
	if sig == sigLocal {
		return z.open()
	}
	if err := z.checkDirectory(sig); err != nil {
		return Entry{}, err
	}
	return Entry{}, io.EOF
}

// Read reads the current entry's content. It returns io.EOF only when CRC-32
// and sizes hold.
func (z *Zip) Read(p []byte) (int, error) {
	switch {
	case z.err != nil:
		return 0, z.err
	case z.body == nil:
		return 0, errMisuse
	case z.body.done:
		return 0, io.EOF
	case len(p) == 0:
		return 0, nil
	}
	n, err := z.body.read(p)
	switch {
	case err == nil:
		return n, nil
	case err == io.EOF:
		err = z.finish()
	default:
		err = z.explainData(err)
	}
	if err != io.EOF {
		z.err = err
	}
	return n, err
}

// Entries are the entries once more, in the archive's order, with their sizes
// and modes. Before Next has returned io.EOF there are none: modes stand in the
// central directory, at the archive's end.
func (z *Zip) Entries() iter.Seq[Entry] {
	return func(yield func(Entry) bool) {
		if z.err != io.EOF {
			return
		}
		for _, h := range z.seen.entries {
			if !yield(Entry{Name: h.name, Size: h.size, Modified: h.modTime(), Mode: h.mode}) {
				return
			}
		}
	}
}

// skip reads what is left of the current entry.
func (z *Zip) skip() error {
	if z.body == nil || z.body.done {
		return nil
	}
	_, err := io.Copy(io.Discard, readerOnly{z})
	return err
}

type readerOnly struct{ io.Reader }

// buffer is scratch space for a variable part of a header: at most 64 KiB,
// since the format's lengths have 16 bits. It is valid until the next call.
func (z *Zip) buffer(n uint16) []byte {
	if cap(z.scratch) < int(n) {
		z.scratch = make([]byte, n)
	}
	return z.scratch[:n]
}
