package cutdisk

// Folded is a small disk that looks large: it has two pieces of this size in
// bytes, the second at offset Second, and nothing between them.
type Folded struct {
	*Disk
	Piece, Second int64
}

func (f Folded) fold(off int64) int64 {
	if off >= f.Second {
		return off - f.Second + f.Piece
	}
	return off
}

// ReadAt reads within one piece.
func (f Folded) ReadAt(p []byte, off int64) (int, error) { return f.Disk.ReadAt(p, f.fold(off)) }

// WriteAt writes within one piece.
func (f Folded) WriteAt(p []byte, off int64) (int, error) { return f.Disk.WriteAt(p, f.fold(off)) }
