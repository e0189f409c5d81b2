// Package disk makes a virtual board's disk as files on the host, and damages
// it, without root and without loop devices.
//
// # Format
//
// A GPT disk, 1 MiB aligned, with the partitions of [Partitions] in this
// order. The boot partition is FAT, carries the GPT attribute "legacy BIOS
// bootable" (U-Boot looks for its script there), and holds boot.scr. The
// U-Boot environment is raw. The slots and the data partition are ext4.
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
	"strconv"
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

// Root is the label of a slot's partition; slot is "A" or "B".
func Root(slot string) string {
	if slot == "A" {
		return "root-a"
	}
	return "root-b"
}

// Sizes of partitions, in bytes.
const (
	BootSize = 16 * mib
	SlotSize = 64 * mib
	DataSize = 16 * mib
	envSize  = 8 * mib
)

// Where U-Boot's two environment copies lie in their partition, and their
// size. They are an erase group of real media apart.
const (
	EnvCopySize   = 0x4000
	EnvCopyOffset = 0x400000
)

// Partitions is the layout of every disk.
func Partitions() []Partition {
	parts := []Partition{
		{Name: Boot, Size: BootSize},
		{Name: Env, Size: envSize},
		{Name: Root("A"), Size: SlotSize},
		{Name: Root("B"), Size: SlotSize},
		{Name: Data, Size: DataSize},
	}
	at := int64(mib)
	for i := range parts {
		parts[i].Offset = at
		at += parts[i].Size
	}
	return parts
}

func partition(name string) (Partition, error) {
	for _, p := range Partitions() {
		if p.Name == name {
			return p, nil
		}
	}
	return Partition{}, fmt.Errorf("cannot find a partition named %q: the layout has none", name)
}

// Create makes a disk at path: the partition table, and in each partition the
// content of the file that images names for it. A partition without an image
// stays empty.
func Create(ctx context.Context, path string, images map[string]string) error {
	parts := Partitions()
	last := parts[len(parts)-1]
	f, err := os.Create(path)
	if err != nil {
		return fmt.Errorf("make the disk: %w", err)
	}
	err = f.Truncate(last.Offset + last.Size + gptSize)
	if err = errors.Join(err, f.Close()); err != nil {
		return fmt.Errorf("make the disk: %w", err)
	}
	args := []string{"--clear", "--set-alignment=2048"}
	for i, p := range parts {
		n := strconv.Itoa(i + 1)
		args = append(args,
			fmt.Sprintf("--new=%s:%d:+%dM", n, p.Offset/sectorSize, p.Size/mib),
			"--change-name="+n+":"+p.Name)
		if p.Name == Boot {
			args = append(args, "--typecode="+n+":ef00", "--attributes="+n+":set:2")
		}
	}
	if err := run(ctx, "sgdisk", append(args, path)...); err != nil {
		return err
	}
	for name, image := range images {
		if err := Put(path, name, image); err != nil {
			return err
		}
	}
	return nil
}

// Put writes an image file to the start of a partition, zeros as holes where
// the disk has none yet.
func Put(path, name, image string) error {
	p, err := partition(name)
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
	disk, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		return fmt.Errorf("fill partition %s: %w", name, err)
	}
	err = copySparse(disk, p.Offset, in)
	if err = errors.Join(err, disk.Close()); err != nil {
		return fmt.Errorf("fill partition %s: %w", name, err)
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
