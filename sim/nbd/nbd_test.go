package nbd

import (
	"bytes"
	"encoding/binary"
	"io"
	"net"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"abota/sim/cutdisk"
)

// client is the other end of the protocol, as far as QEMU uses it.
type client struct {
	t *testing.T
	net.Conn
	size int64
}

func (c *client) receive(n int) []byte {
	c.t.Helper()
	b := make([]byte, n)
	if _, err := io.ReadFull(c, b); err != nil {
		c.t.Fatal(err)
	}
	return b
}

func (c *client) send(words ...any) {
	c.t.Helper()
	for _, w := range words {
		if err := binary.Write(c, binary.BigEndian, w); err != nil {
			c.t.Fatal(err)
		}
	}
}

// dial asks for what QEMU asks for: something that we do not have, then GO.
func dial(t *testing.T, socket string) *client {
	t.Helper()
	conn, err := net.Dial("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	c := &client{t: t, Conn: conn}
	if hello := c.receive(18); !bytes.HasPrefix(hello, []byte("NBDMAGICIHAVEOPT")) {
		t.Fatalf("hello %q", hello)
	}
	const structuredReplies = 8
	c.send(uint32(flagFixedNewstyle|flagNoZeroes), uint64(magicOption), uint32(structuredReplies), uint32(0))
	if kind := binary.BigEndian.Uint32(c.receive(20)[12:]); kind != answerUnsupported {
		t.Fatalf("an unknown option was answered with %#x", kind)
	}
	c.send(uint64(magicOption), uint32(optionGo), uint32(6), uint32(0), uint16(0))
	info := c.receive(20)
	if kind := binary.BigEndian.Uint32(info[12:]); kind != answerInfo {
		t.Fatalf("GO was answered with %#x", kind)
	}
	c.size = int64(binary.BigEndian.Uint64(c.receive(12)[2:]))
	if kind := binary.BigEndian.Uint32(c.receive(20)[12:]); kind != answerAck {
		t.Fatalf("GO ended with %#x", kind)
	}
	return c
}

// ask sends one command and returns the errno and what was read.
func (c *client) ask(command uint16, off int64, length int, data []byte) (syscall.Errno, []byte) {
	c.t.Helper()
	const handle = 0x1122334455667788
	c.send(uint32(magicRequest), uint16(0), command, uint64(handle), uint64(off), uint32(length), data)
	head := c.receive(16)
	if binary.BigEndian.Uint32(head) != magicReply || binary.BigEndian.Uint64(head[8:]) != handle {
		c.t.Fatalf("reply %x", head)
	}
	errno := syscall.Errno(binary.BigEndian.Uint32(head[4:]))
	if command == commandRead && errno == 0 {
		return 0, c.receive(length)
	}
	return errno, nil
}

func TestDiskThatFailsAndLies(t *testing.T) {
	dir := t.TempDir()
	image := filepath.Join(dir, "disk.img")
	if err := os.WriteFile(image, bytes.Repeat([]byte("o"), 8192), 0o600); err != nil {
		t.Fatal(err)
	}
	d, err := Serve(image, filepath.Join(dir, "nbd"))
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	c := dial(t, filepath.Join(dir, "nbd"))
	if c.size != 8192 {
		t.Errorf("size %d", c.size)
	}
	fresh := bytes.Repeat([]byte("n"), 512)
	part := func(op cutdisk.Op, errno syscall.Errno, lie cutdisk.Lie) []Fault {
		return []Fault{{Op: op, Offset: 4096, Size: 4096, Errno: errno, Lie: lie}}
	}
	flipped := bytes.Clone(fresh)
	flipped[256] ^= 1
	for _, row := range []struct {
		name               string
		faults             []Fault
		read, write, flush syscall.Errno
		holds              []byte
		struck             int
	}{
		{"well", nil, 0, 0, 0, fresh, 0},
		{"cannot be written", part(cutdisk.Write, syscall.EIO, 0), 0, syscall.EIO, 0, bytes.Repeat([]byte("o"), 512), 1},
		{"full", part(cutdisk.Write, syscall.ENOSPC, 0), 0, syscall.ENOSPC, 0, bytes.Repeat([]byte("o"), 512), 1},
		{"cannot be read", part(cutdisk.Read, syscall.EIO, 0), syscall.EIO, 0, 0, fresh, 1},
		{"cannot be flushed", part(cutdisk.Sync, syscall.EIO, 0), 0, 0, syscall.EIO, fresh, 1},
		{"swallows", part(cutdisk.Write, 0, cutdisk.Ignore), 0, 0, 0, bytes.Repeat([]byte("o"), 512), 1},
		{"flips", part(cutdisk.Write, 0, cutdisk.Flip), 0, 0, 0, flipped, 1},
		{"zeroes", part(cutdisk.Write, 0, cutdisk.Zero), 0, 0, 0, make([]byte, 512), 1},
		{"is gone", part(cutdisk.Any, syscall.EIO, 0), syscall.EIO, syscall.EIO, syscall.EIO, bytes.Repeat([]byte("o"), 512), 3},
	} {
		t.Run(row.name, func(t *testing.T) {
			c.t = t
			d.Fail()
			if errno, _ := c.ask(commandWrite, 4096, 512, bytes.Repeat([]byte("o"), 512)); errno != 0 {
				t.Fatal(errno)
			}
			d.Fail(row.faults...)
			if errno, _ := c.ask(commandWrite, 4096, 512, fresh); errno != row.write {
				t.Errorf("write: %v, want %v", errno, row.write)
			}
			if errno, _ := c.ask(commandRead, 4096, 512, nil); errno != row.read {
				t.Errorf("read: %v, want %v", errno, row.read)
			}
			if errno, _ := c.ask(commandFlush, 0, 0, nil); errno != row.flush {
				t.Errorf("flush: %v, want %v", errno, row.flush)
			}
			if errno, got := c.ask(commandRead, 0, 512, nil); errno != 0 || !bytes.Equal(got, bytes.Repeat([]byte("o"), 512)) {
				t.Errorf("beside the fault: %v", errno)
			}
			if n := d.Struck(); n != row.struck {
				t.Errorf("%d requests met the fault, want %d", n, row.struck)
			}
			d.Fail()
			if _, got := c.ask(commandRead, 4096, 512, nil); !bytes.Equal(got, row.holds) {
				t.Errorf("the disk holds %.8q…", got)
			}
		})
	}
	if errno, _ := c.ask(commandRead, 8192, 512, nil); errno != syscall.EIO {
		t.Errorf("behind the end: %v", errno)
	}
}
