// Package disk makes a virtual board's disk as files on the host, and damages
// it, without root and without loop devices.
//
// # Format
//
// A GPT disk, 1 MiB aligned, with the partitions of a [Layout] in its order.
// The boot partition is FAT, has the type of an ESP, and carries the GPT
// attribute "legacy BIOS bootable" (U-Boot looks for its script there). It holds
// what the firmware or U-Boot starts. The U-Boot environment is raw. The slots
// and the data partition are ext4.
//
// # Guarantee
//
// Everything in a file system that this package makes belongs to root,
// whoever runs it. Images are sparse: zeros take no space on the host.
//
// # Not guaranteed
//
// The file systems come from the host's mke2fs and mkfs.vfat, so two hosts
// may make different bytes.
package disk

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"
)

const (
	mib        = 1 << 20
	sectorSize = 512
	// gptSize is what the second copy of the table takes at the end.
	gptSize = mib
)

// Partition is one part of the disk. Offset and Size are bytes.
type Partition struct {
	Name         string
	Offset, Size int64
}

// The names of the partitions, which are also their GPT labels.
const (
	Boot = "boot"
	Env  = "uboot-env"
	Data = "data"
)

// Vars is no partition, but what a simulator may have behind the disk's end: the
// flash with the firmware's variables.
const Vars = "efi-variables"

// Root is the label of a slot's partition; slot is "A" or "B".
func Root(slot string) string {
	if slot == "A" {
		return "root-a"
	}
	return "root-b"
}

// BootOf and Hashes are the labels of a slot's further partitions where its root is
// verified: for kernel and initramfs, and for the root's hash tree.
func BootOf(slot string) string { return "boot-" + strings.ToLower(slot) }

// Hashes is the label of the partition with the hash tree of a slot's root.
func Hashes(slot string) string { return "verity-" + strings.ToLower(slot) }

// Sizes of partitions, in bytes.
const (
	BootSize = 16 * mib
	SlotSize = 64 * mib
	DataSize = 16 * mib
	envSize  = 8 * mib
	// KernelSize has room for a kernel and an initramfs, hashesSize for the tree
	// of a whole slot: less than a hundredth of it.
	KernelSize = 56 * mib
	hashesSize = 2 * mib
)

// Where U-Boot's two environment copies lie in their partition, and their
// size. They are an erase group of real media apart.
const (
	EnvCopySize   = 0x4000
	EnvCopyOffset = 0x400000
)

// Layout is a disk's partitions in their order.
type Layout []Partition

// laid places partitions one after the other.
func laid(parts ...Partition) Layout {
	at := int64(mib)
	for i := range parts {
		parts[i].Offset = at
		at += parts[i].Size
	}
	return parts
}

// UBoot is the layout for U-Boot, whose environment has a partition.
func UBoot() Layout {
	return laid(
		Partition{Name: Boot, Size: BootSize},
		Partition{Name: Env, Size: envSize},
		Partition{Name: Root("A"), Size: SlotSize},
		Partition{Name: Root("B"), Size: SlotSize},
		Partition{Name: Data, Size: DataSize},
	)
}

// Verity is the layout for U-Boot with slots of three partitions.
func Verity() Layout {
	l := []Partition{{Name: Boot, Size: BootSize}, {Name: Env, Size: envSize}}
	for _, slot := range []string{"A", "B"} {
		l = append(l, Partition{Name: BootOf(slot), Size: KernelSize}, Partition{Name: Root(slot), Size: SlotSize}, Partition{Name: Hashes(slot), Size: hashesSize})
	}
	return laid(append(l, Partition{Name: Data, Size: DataSize})...)
}

// UEFI is the layout for loaders that keep everything on the boot partition,
// the ESP, of size bytes.
func UEFI(size int64) Layout {
	return laid(
		Partition{Name: Boot, Size: size},
		Partition{Name: Root("A"), Size: SlotSize},
		Partition{Name: Root("B"), Size: SlotSize},
		Partition{Name: Data, Size: DataSize},
	)
}

// Size is that of the whole disk, in bytes.
func (l Layout) Size() int64 {
	last := l[len(l)-1]
	return last.Offset + last.Size + gptSize
}

// Find returns a partition by its name.
func (l Layout) Find(name string) (Partition, error) {
	if i := l.index(name); i >= 0 {
		return l[i], nil
	}
	return Partition{}, fmt.Errorf("cannot find a partition named %q: the layout has none", name)
}

// index is the partition's, -1 when there is none of that name.
func (l Layout) index(name string) int {
	return slices.IndexFunc(l, func(p Partition) bool { return p.Name == name })
}

// Image is a disk's file and its layout.
type Image struct {
	Path string
	Layout
}

// Create makes the disk: the partition table, and in each partition the
// content of the file that images names for it. A partition without an image
// stays empty.
func (d Image) Create(ctx context.Context, images map[string]string) error {
	f, err := os.Create(d.Path)
	if err != nil {
		return fmt.Errorf("make the disk: %w", err)
	}
	err = f.Truncate(d.Size())
	if err = errors.Join(err, f.Close()); err != nil {
		return fmt.Errorf("make the disk: %w", err)
	}
	args := []string{"--clear", "--set-alignment=2048"}
	for i, p := range d.Layout {
		n := strconv.Itoa(i + 1)
		args = append(args,
			fmt.Sprintf("--new=%s:%d:+%dM", n, p.Offset/sectorSize, p.Size/mib),
			"--change-name="+n+":"+p.Name)
		if p.Name == Boot {
			args = append(args, "--typecode="+n+":ef00", "--attributes="+n+":set:2")
		}
	}
	if err := run(ctx, "sgdisk", append(args, d.Path)...); err != nil {
		return err
	}
	for name, image := range images {
		if err := d.Put(name, image); err != nil {
			return err
		}
	}
	return nil
}

// Put writes an image file to the start of a partition, zeros as holes where
// the disk has none yet.
func (d Image) Put(name, image string) error {
	p, err := d.Find(name)
	if err != nil {
		return err
	}
	in, err := os.Open(image)
	if err != nil {
		return fmt.Errorf("fill partition %s: %w", name, err)
	}
	defer in.Close()
	info, err := in.Stat()
	if err != nil {
		return fmt.Errorf("fill partition %s: %w", name, err)
	}
	if info.Size() > p.Size {
		return fmt.Errorf("cannot fill partition %s because %s has %d bytes and the partition %d", name, image, info.Size(), p.Size)
	}
	disk, err := os.OpenFile(d.Path, os.O_WRONLY, 0)
	if err != nil {
		return fmt.Errorf("fill partition %s: %w", name, err)
	}
	err = copySparse(disk, p.Offset, in)
	if err = errors.Join(err, disk.Close()); err != nil {
		return fmt.Errorf("fill partition %s: %w", name, err)
	}
	return nil
}

// Copy makes path a copy of a file.
func Copy(path, source string) error {
	in, err := os.Open(source)
	if err != nil {
		return fmt.Errorf("copy %s: %w", source, err)
	}
	defer in.Close()
	info, err := in.Stat()
	if err != nil {
		return fmt.Errorf("copy %s: %w", source, err)
	}
	out, err := os.Create(path)
	if err != nil {
		return fmt.Errorf("copy %s: %w", source, err)
	}
	err = errors.Join(out.Truncate(info.Size()), copySparse(out, 0, in), out.Close())
	if err != nil {
		return fmt.Errorf("copy %s: %w", source, err)
	}
	return nil
}

// copySparse copies src to dst at offset and leaves out what is zero: dst is
// new, so that it reads as zeros there.
func copySparse(dst io.WriterAt, offset int64, src io.Reader) error {
	buf, zeros := make([]byte, 64<<10), make([]byte, 64<<10)
	for {
		n, err := io.ReadFull(src, buf)
		if n > 0 && !bytes.Equal(buf[:n], zeros[:n]) {
			if _, err := dst.WriteAt(buf[:n], offset); err != nil {
				return err
			}
		}
		offset += int64(n)
		switch {
		case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
			return nil
		case err != nil:
			return err
		}
	}
}
