package uboot

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"unsafe"

	"golang.org/x/sys/unix"

	"abota/bootctl/inplace"
)

// mtdBlockMajor is the number of the block devices that the kernel makes of
// flash.
const mtdBlockMajor = 31

// ubiVolume is how a UBI volume is named: by its device, or as U-Boot's tools
// write it.
var ubiVolume = regexp.MustCompile(`^ubi[0-9]+_[0-9]+$|^(ubi|mtd)[0-9]+:`)

// mtdDevice is how the kernel names the character devices of flash.
var mtdDevice = regexp.MustCompile(`^mtd[0-9]+(ro)?$`)

const elsewhereInstead = "keep the environment on NOR flash, on a block device, or in a file on FAT or ext4"

// OnFlash reports whether a path leads to a character device, as flash is, or
// names flash or a UBI volume that is not there: no block devices, and no slots.
func OnFlash(path string) bool {
	if info, err := os.Stat(path); err == nil {
		return info.Mode()&os.ModeCharDevice != 0
	}
	name := filepath.Base(path)
	return ubiVolume.MatchString(name) || mtdDevice.MatchString(name)
}

// flashFacts is what there is to know of NOR flash; nothing of other media.
type flashFacts struct {
	size       uint32 // bytes
	eraseBlock int64  // bytes that are erased together
	clearsBits bool   // bits can be cleared without erasing, byte by byte
}

// flashOf asks a character device what flash it is.
func flashOf(f *os.File) (flashFacts, error) {
	var info unix.MtdInfo
	if err := ioctl(f, unix.MEMGETINFO, unsafe.Pointer(&info)); err != nil {
		return flashFacts{}, fmt.Errorf("it is a character device, but not flash (MEMGETINFO: %w): %s", err, elsewhereInstead)
	}
	return factsOf(info)
}

// factsOf decides what flash can hold the environment.
func factsOf(info unix.MtdInfo) (flashFacts, error) {
	switch info.Type {
	case unix.MTD_NORFLASH:
	case unix.MTD_NANDFLASH, unix.MTD_MLCNANDFLASH:
		return flashFacts{}, fmt.Errorf("it is raw NAND flash, whose bad blocks and bit errors are not dealt with: %s", elsewhereInstead)
	case unix.MTD_UBIVOLUME:
		return flashFacts{}, fmt.Errorf("it is a UBI volume, which is not supported: %s", elsewhereInstead)
	default:
		return flashFacts{}, fmt.Errorf("it is an MTD device of type %d, and only NOR flash (type %d) is supported: %s", info.Type, unix.MTD_NORFLASH, elsewhereInstead)
	}
	if info.Erasesize == 0 || info.Flags&unix.MTD_NO_ERASE != 0 {
		return flashFacts{}, errors.New("it is flash that the kernel does not erase: " + elsewhereInstead)
	}
	return flashFacts{
		size:       info.Size,
		eraseBlock: int64(info.Erasesize),
		clearsBits: info.Flags&unix.MTD_BIT_WRITEABLE != 0 && info.Writesize <= 1,
	}, nil
}

// wholeBlocks rounds a size up to whole erase blocks.
func wholeBlocks(size, block int64) int64 { return (size + block - 1) / block * block }

// flash is NOR flash through its character device. Reads and writes there pass
// no cache.
type flash struct {
	*os.File
	flashFacts
	locked []unix.EraseInfo // what was unlocked and is to be locked again
}

func openFlash(c Copy, write bool) (medium, error) {
	flag := os.O_RDONLY
	if write {
		flag = os.O_RDWR
	}
	f, err := os.OpenFile(c.Path, flag, 0)
	if err != nil {
		return nil, inplace.Explained(err)
	}
	facts, err := flashOf(f)
	m := &flash{File: f, flashFacts: facts}
	if err == nil && write {
		err = m.alone(c.Offset, c.Size)
	}
	if err != nil {
		f.Close()
		return nil, err
	}
	return m, nil
}

// alone refuses a copy behind which something else lies in its last erase block:
// erasing would lose it, and a power cut would keep it from being put back.
func (f *flash) alone(offset, size int64) error {
	rest := make([]byte, wholeBlocks(size, f.eraseBlock)-size)
	if n, err := f.ReadAt(rest, offset+size); n < len(rest) {
		return fmt.Errorf("read what lies behind the environment: %w", err)
	}
	if !blank(rest, 0xff) && !blank(rest, 0) {
		return fmt.Errorf("cannot erase it because its erase block (%#x bytes) holds something else behind the %#x of the environment: give the environment erase blocks of its own", f.eraseBlock, size)
	}
	return nil
}

func blank(b []byte, with byte) bool {
	for _, v := range b {
		if v != with {
			return false
		}
	}
	return true
}

// Sync has nothing to do: a write returns when the flash is programmed.
func (f *flash) Sync() error { return nil }

// Erase erases the blocks that a copy has to itself.
func (f *flash) Erase(offset, size int64) error {
	all := unix.EraseInfo{Start: uint32(offset), Length: uint32(wholeBlocks(size, f.eraseBlock))}
	if err := f.unlock(all); err != nil {
		return err
	}
	return ioctl(f.File, unix.MEMERASE, unsafe.Pointer(&all))
}

// WriteAt programs what was erased, or clears bits.
func (f *flash) WriteAt(p []byte, offset int64) (int, error) {
	start := offset / f.eraseBlock * f.eraseBlock
	all := unix.EraseInfo{Start: uint32(start), Length: uint32(wholeBlocks(offset+int64(len(p))-start, f.eraseBlock))}
	if err := f.unlock(all); err != nil {
		return 0, err
	}
	return f.File.WriteAt(p, offset)
}

// unlock makes blocks writable that are locked, as some flash is after power on.
// Flash that cannot be asked is taken as it is. Where all of it is locked all of
// it is unlocked: a chip rounds a part up to what it can unlock, but need not be
// able to lock that part again.
func (f *flash) unlock(blocks unix.EraseInfo) error {
	if !f.isLocked(blocks) {
		return nil
	}
	if whole := (unix.EraseInfo{Length: f.size}); f.isLocked(whole) {
		blocks = whole
	}
	if err := ioctl(f.File, unix.MEMUNLOCK, unsafe.Pointer(&blocks)); err != nil {
		return fmt.Errorf("unlock the flash: %w: unlock it with flash_unlock, or keep what locks it from locking the environment", err)
	}
	f.locked = append(f.locked, blocks)
	return nil
}

// isLocked reports whether all of these blocks are.
func (f *flash) isLocked(blocks unix.EraseInfo) bool {
	locked, err := ioctlResult(f.File, unix.MEMISLOCKED, unsafe.Pointer(&blocks))
	return err == nil && locked == 1
}

// Close releases it, and locks what was unlocked for it. That the lock could not
// be restored is no failure of what was stored.
func (f *flash) Close() error {
	for _, blocks := range f.locked {
		_ = ioctl(f.File, unix.MEMLOCK, unsafe.Pointer(&blocks))
	}
	return f.File.Close()
}

func ioctl(f *os.File, request uintptr, arg unsafe.Pointer) error {
	_, err := ioctlResult(f, request, arg)
	return err
}

// ioctlResult asks again when a signal came in between: an erase that was cut
// short is begun anew.
func ioctlResult(f *os.File, request uintptr, arg unsafe.Pointer) (uintptr, error) {
	for {
		result, _, errno := unix.Syscall(unix.SYS_IOCTL, f.Fd(), request, uintptr(arg))
		switch errno {
		case 0:
			return result, nil
		case unix.EINTR:
			continue
		}
		return 0, errno
	}
}
