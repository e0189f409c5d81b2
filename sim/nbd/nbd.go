// Package nbd serves a disk image to QEMU as a network block device whose
// owner can let it fail, or lie, while the board runs.
//
// # Guarantee
//
// Without faults the board sees the image as if it were its own file. A fault
// that was set counts from the next request on; what it answers is what the
// guest's driver gets (EIO, ENOSPC), and what it swallows or changes does not
// reach the image.
//
// # Not guaranteed
//
// A flush is not passed on to the host's disk: what the board wrote lies in
// the host's page cache, as without this package.
//
// # Format
//
// The fixed newstyle handshake and simple replies of the NBD protocol
// (NetworkBlockDevice/nbd, doc/proto.md): the options GO, INFO, EXPORT_NAME and
// ABORT, and the commands READ, WRITE, FLUSH and DISC. All integers are big-endian.
package nbd

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"sync"
	"syscall"

	"abota/sim/cutdisk"
)

// Fault is what goes wrong in a part of the disk.
type Fault struct {
	// Op is cutdisk.Read, Write or Sync, or Any.
	Op cutdisk.Op
	// Offset and Size, in bytes, are where. A Sync is of the whole disk.
	Offset, Size int64
	// Errno is what the guest gets; 0 reports success and does what Lie says,
	// which only a write knows: Ignore, Flip or Zero.
	Errno syscall.Errno
	Lie   cutdisk.Lie
}

func (f Fault) names(op cutdisk.Op, off int64, n int) bool {
	if f.Op != op && f.Op != cutdisk.Any {
		return false
	}
	return op == cutdisk.Sync || off < f.Offset+f.Size && f.Offset < off+int64(n)
}

// Disk is a served image.
type Disk struct {
	file     *os.File
	size     int64
	listener net.Listener

	mu     sync.Mutex
	faults []Fault
	struck int
}

// Serve offers the image at path on a socket until Close.
func Serve(path, socket string) (*Disk, error) {
	file, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return nil, fmt.Errorf("serve the disk: %w", err)
	}
	size, err := file.Seek(0, io.SeekEnd)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("serve the disk: %w", err), file.Close())
	}
	listener, err := net.Listen("unix", socket)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("serve the disk: %w", err), file.Close())
	}
	d := &Disk{file: file, size: size, listener: listener}
	go d.accept()
	return d, nil
}

// Close ends the service; a board that still runs loses its disk.
func (d *Disk) Close() error { return errors.Join(d.listener.Close(), d.file.Close()) }

// Fail replaces the faults; with none the disk is healed.
func (d *Disk) Fail(faults ...Fault) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.faults, d.struck = faults, 0
}

// Struck is how many requests met a fault since Fail.
func (d *Disk) Struck() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.struck
}

func (d *Disk) fault(op cutdisk.Op, off int64, n int) *Fault {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, f := range d.faults {
		if f.names(op, off, n) {
			d.struck++
			return &f
		}
	}
	return nil
}

func (d *Disk) accept() {
	for {
		conn, err := d.listener.Accept()
		if err != nil {
			return
		}
		go func() {
			defer conn.Close()
			// How a connection ends is QEMU's to say: it has lost its disk.
			if err := d.handshake(conn); err == nil {
				_ = d.serve(conn)
			}
		}()
	}
}

func (d *Disk) read(p []byte, off int64) syscall.Errno {
	if f := d.fault(cutdisk.Read, off, len(p)); f != nil && f.Errno != 0 {
		return f.Errno
	}
	if _, err := d.file.ReadAt(p, off); err != nil {
		return syscall.EIO
	}
	return 0
}

func (d *Disk) write(p []byte, off int64) syscall.Errno {
	if f := d.fault(cutdisk.Write, off, len(p)); f != nil {
		switch {
		case f.Errno != 0:
			return f.Errno
		case f.Lie == cutdisk.Flip:
			p[len(p)/2] ^= 1
		case f.Lie == cutdisk.Zero:
			clear(p)
		default:
			return 0
		}
	}
	if _, err := d.file.WriteAt(p, off); err != nil {
		return syscall.EIO
	}
	return 0
}

func (d *Disk) flush() syscall.Errno {
	if f := d.fault(cutdisk.Sync, 0, 0); f != nil {
		return f.Errno
	}
	return 0
}
