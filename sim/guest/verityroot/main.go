// Verityroot opens a verified root in a virtual board's initramfs: a device of
// the kernel's dm-verity over a data partition and its hash tree, under a root
// hash that somebody trusts. Neither BusyBox nor the kernel of Debian
// (CONFIG_DM_INIT) has a way to.
//
//	verityroot NAME DATA HASHES ROOTHASH
//
// It prints the path of the block device. Reading a block that is not what the
// root hash says ends in an I/O error there.
//
// # Format
//
// The hash partition begins with veritysetup's superblock (cryptsetup,
// docs/on-disk-format of dm-verity, version 1): "verity\0\0", then little-endian
// version (4 bytes), hash type (4), UUID (16), algorithm (32), data and hash
// block size (4 each), number of data blocks (8), size of the salt (2), 6 bytes
// of padding, salt (256). The tree follows in the next hash block.
//
// The kernel is spoken to as its linux/dm-ioctl.h has it, interface 4; the table's
// line is that of Documentation/admin-guide/device-mapper/verity.rst.
package main

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"strings"
	"unsafe"

	"golang.org/x/sys/unix"
)

func main() {
	if len(os.Args) != 5 {
		fmt.Fprintln(os.Stderr, "usage: verityroot NAME DATA HASHES ROOTHASH")
		os.Exit(2)
	}
	device, err := open(os.Args[1], os.Args[2], os.Args[3], os.Args[4])
	if err != nil {
		fmt.Fprintf(os.Stderr, "verityroot: %v\n", err)
		os.Exit(1)
	}
	fmt.Println(device)
}

const superblockSize = 512

// superblock is what a hash partition says of itself.
type superblock struct {
	hashType             uint32
	algorithm            string
	dataBlock, hashBlock uint32
	dataBlocks           uint64
	salt                 []byte
}

func parse(b []byte) (s superblock, err error) {
	le := binary.LittleEndian
	if len(b) < superblockSize || string(b[:8]) != "verity\x00\x00" || le.Uint32(b[8:]) != 1 {
		return s, errors.New("the hash partition has no verity superblock of version 1")
	}
	s.hashType = le.Uint32(b[12:])
	name, _, _ := bytes.Cut(b[32:64], []byte{0})
	s.algorithm = string(name)
	s.dataBlock, s.hashBlock, s.dataBlocks = le.Uint32(b[64:]), le.Uint32(b[68:]), le.Uint64(b[72:])
	size := int(le.Uint16(b[80:]))
	if size > 256 || s.dataBlock < 512 || s.hashBlock < 512 || s.dataBlocks == 0 || s.dataBlocks > 1<<40 || strings.ContainsAny(s.algorithm, " \n") {
		return s, errors.New("the verity superblock is damaged")
	}
	s.salt = b[88 : 88+size]
	return s, nil
}

// line is the table's, without its place.
func (s superblock) line(data, hashes, rootHash string) string {
	salt := "-"
	if len(s.salt) > 0 {
		salt = hex.EncodeToString(s.salt)
	}
	return fmt.Sprintf("%d %s %s %d %d %d 1 %s %s %s", s.hashType, data, hashes, s.dataBlock, s.hashBlock, s.dataBlocks, s.algorithm, rootHash, salt)
}

func open(name, data, hashes, rootHash string) (device string, err error) {
	if sum, err := hex.DecodeString(rootHash); err != nil || len(sum) == 0 {
		return "", fmt.Errorf("%q is no root hash", rootHash)
	}
	head := make([]byte, superblockSize)
	f, err := os.Open(hashes)
	if err != nil {
		return "", err
	}
	defer f.Close()
	if _, err := f.ReadAt(head, 0); err != nil {
		return "", fmt.Errorf("read the verity superblock: %w", err)
	}
	s, err := parse(head)
	if err != nil {
		return "", err
	}
	return create(name, s.dataBlocks*uint64(s.dataBlock)/512, "verity", s.line(data, hashes, rootHash))
}

// The device mapper's requests and flags.
const (
	dmCreate = 0xc138fd03
	dmLoad   = 0xc138fd09
	dmResume = 0xc138fd06

	dmReadOnly = 1 << 0

	dmSize     = 312
	targetSize = 40
)

// request is a struct dm_ioctl, with what follows it.
func request(name string, flags uint32, payload []byte) []byte {
	b := make([]byte, dmSize, dmSize+len(payload))
	b = append(b, payload...)
	ne := binary.NativeEndian
	ne.PutUint32(b[0:], 4) // version 4.0.0
	ne.PutUint32(b[12:], uint32(len(b)))
	ne.PutUint32(b[16:], dmSize)
	if len(payload) > 0 {
		ne.PutUint32(b[20:], 1) // one target
	}
	ne.PutUint32(b[28:], flags)
	copy(b[48:175], name)
	return b
}

// target is a struct dm_target_spec with its parameters.
func target(sectors uint64, kind, params string) []byte {
	size := (targetSize + len(params) + 1 + 7) &^ 7
	b := make([]byte, size)
	ne := binary.NativeEndian
	ne.PutUint64(b[8:], sectors)
	ne.PutUint32(b[20:], uint32(size))
	copy(b[24:39], kind)
	copy(b[targetSize:], params)
	return b
}

// create makes a read-only device of one target.
func create(name string, sectors uint64, kind, params string) (string, error) {
	control, err := os.OpenFile("/dev/mapper/control", os.O_RDWR, 0)
	if err != nil {
		return "", err
	}
	defer control.Close()
	made := request(name, dmReadOnly, nil)
	for _, step := range []struct {
		what string
		code uintptr
		b    []byte
	}{
		{"create", dmCreate, made},
		{"load the table of", dmLoad, request(name, dmReadOnly, target(sectors, kind, params))},
		{"resume", dmResume, request(name, 0, nil)},
	} {
		if _, _, no := unix.Syscall(unix.SYS_IOCTL, control.Fd(), step.code, uintptr(unsafe.Pointer(&step.b[0]))); no != 0 {
			return "", fmt.Errorf("%s %s (%s %s): %w", step.what, name, kind, params, no)
		}
	}
	return fmt.Sprintf("/dev/dm-%d", unix.Minor(binary.NativeEndian.Uint64(made[40:]))), nil
}
