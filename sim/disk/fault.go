package disk

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// EraseFile removes a file from a partition's ext4 while the board is off, as
// a flash block that lost its content would. It is an error when the file is
// not there.
func (d Image) EraseFile(ctx context.Context, name, file string) error {
	p, err := d.Find(name)
	if err != nil {
		return err
	}
	image := fmt.Sprintf("%s?offset=%d", d.Path, p.Offset)
	if _, err := debugfs(ctx, image, "stat "+file); err != nil {
		return err
	}
	if _, err := debugfs(ctx, image, "rm "+file); err != nil {
		return err
	}
	if _, err := debugfs(ctx, image, "stat "+file); err == nil {
		return fmt.Errorf("cannot erase %s on partition %s: debugfs left it there", file, name)
	}
	return nil
}

// DamageFile flips a bit in the first block of a file's content in an ext4: of a
// partition while the board is off, or, without a partition's name, of a file
// system's image.
func (d Image) DamageFile(ctx context.Context, name, file string) error {
	var offset int64
	if name != "" {
		p, err := d.Find(name)
		if err != nil {
			return err
		}
		offset = p.Offset
	}
	out, err := debugfs(ctx, fmt.Sprintf("%s?offset=%d", d.Path, offset), "blocks "+file)
	if err != nil {
		return err
	}
	var block int64
	for _, line := range strings.Split(out, "\n") {
		if n, err := strconv.ParseInt(strings.SplitN(strings.TrimSpace(line), " ", 2)[0], 10, 64); err == nil {
			block = n
			break
		}
	}
	if block == 0 {
		return fmt.Errorf("cannot damage %s because debugfs names no block of it: %s", file, out)
	}
	return d.flip(offset, block)
}

// logBlockSize is where an ext4 says its block size: 1024, shifted by this number
// of four bytes (the kernel's Documentation/filesystems/ext4/super.rst).
const logBlockSize = 1024 + 0x18

// flip changes the first bit of a block of the file system at offset.
func (d Image) flip(offset, block int64) error {
	f, err := os.OpenFile(d.Path, os.O_RDWR, 0)
	if err != nil {
		return fmt.Errorf("damage the disk: %w", err)
	}
	defer f.Close()
	b := make([]byte, 4)
	if _, err := f.ReadAt(b, offset+logBlockSize); err != nil {
		return fmt.Errorf("damage the disk: %w", err)
	}
	at := offset + block*(1024<<binary.LittleEndian.Uint32(b))
	if _, err := f.ReadAt(b[:1], at); err != nil {
		return fmt.Errorf("damage the disk: %w", err)
	}
	b = b[:1]
	b[0] ^= 1
	if _, err := f.WriteAt(b, at); err != nil {
		return fmt.Errorf("damage the disk: %w", err)
	}
	return nil
}

// EraseFATFile removes a file from a partition's FAT while the board is off. It
// is an error when the file is not there.
func (d Image) EraseFATFile(ctx context.Context, name, file string) error {
	p, err := d.Find(name)
	if err != nil {
		return err
	}
	return run(ctx, "mdel", "-i", fmt.Sprintf("%s@@%d", d.Path, p.Offset), "::"+file)
}

// ScrambleFATFile gives a file of a partition's FAT as much noise for
// content, while the board is off.
func (d Image) ScrambleFATFile(ctx context.Context, name, file string) error {
	p, err := d.Find(name)
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "noise-")
	if err != nil {
		return fmt.Errorf("make noise: %w", err)
	}
	defer os.RemoveAll(dir)
	image, source := fmt.Sprintf("%s@@%d", d.Path, p.Offset), filepath.Join(dir, "noise")
	if err := run(ctx, "mcopy", "-i", image, "::"+file, source); err != nil {
		return err
	}
	info, err := os.Stat(source)
	if err != nil {
		return fmt.Errorf("make noise: %w", err)
	}
	noise := make([]byte, info.Size())
	if _, err := rand.Read(noise); err != nil {
		return fmt.Errorf("make noise: %w", err)
	}
	if err := os.WriteFile(source, noise, 0o600); err != nil {
		return fmt.Errorf("make noise: %w", err)
	}
	return run(ctx, "mcopy", "-o", "-i", image, source, "::"+file)
}

// debugfs runs one request. It exits with 0 whatever happens, so that its
// output has to tell.
func debugfs(ctx context.Context, image, request string) (string, error) {
	out, err := output(ctx, "debugfs", "-w", "-R", request, image)
	if err != nil {
		return "", err
	}
	for _, line := range strings.Split(out, "\n") {
		if strings.Contains(line, "File not found") || strings.HasPrefix(line, "debugfs: ") && !strings.Contains(line, "debugfs 1.") {
			return "", fmt.Errorf("debugfs %q on %s: %s", request, image, line)
		}
	}
	return out, nil
}

// NewerEnv says which copy of U-Boot's environment is the newer one. Both must
// be valid. A copy is the CRC-32 of its data, little-endian (4 bytes), a serial
// number modulo 256 (1), and the data.
func (d Image) NewerEnv() (int, error) {
	p, err := d.Find(Env)
	if err != nil {
		return 0, err
	}
	f, err := os.Open(d.Path)
	if err != nil {
		return 0, fmt.Errorf("read the environment: %w", err)
	}
	defer f.Close()
	var serials [2]byte
	for i := range serials {
		raw := make([]byte, EnvCopySize)
		if _, err := f.ReadAt(raw, p.Offset+int64(i)*EnvCopyOffset); err != nil {
			return 0, fmt.Errorf("read environment copy %d: %w", i, err)
		}
		if binary.LittleEndian.Uint32(raw) != crc32.ChecksumIEEE(raw[5:]) {
			return 0, fmt.Errorf("cannot tell the newer environment copy because copy %d is not valid", i)
		}
		serials[i] = raw[4]
	}
	if int8(serials[1]-serials[0]) > 0 {
		return 1, nil
	}
	return 0, nil
}

// ScrambleEnv overwrites one copy of U-Boot's environment with noise.
func (d Image) ScrambleEnv(which int) error {
	p, err := d.Find(Env)
	if err != nil {
		return err
	}
	noise := make([]byte, EnvCopySize)
	if _, err := rand.Read(noise); err != nil {
		return fmt.Errorf("make noise: %w", err)
	}
	f, err := os.OpenFile(d.Path, os.O_WRONLY, 0)
	if err != nil {
		return fmt.Errorf("damage environment copy %d: %w", which, err)
	}
	_, err = f.WriteAt(noise, p.Offset+int64(which)*EnvCopyOffset)
	if err = errors.Join(err, f.Close()); err != nil {
		return fmt.Errorf("damage environment copy %d: %w", which, err)
	}
	return nil
}

// Scramble overwrites the first bytes of a partition with noise.
func (d Image) Scramble(name string, size int64) error {
	p, err := d.Find(name)
	if err != nil {
		return err
	}
	noise := make([]byte, min(size, p.Size))
	if _, err := rand.Read(noise); err != nil {
		return fmt.Errorf("make noise: %w", err)
	}
	return overwrite(d.Path, p, noise)
}

// Replace puts an image into a partition that was used before.
func (d Image) Replace(name, image string) error {
	p, err := d.Find(name)
	if err != nil {
		return err
	}
	if err := overwrite(d.Path, p, make([]byte, p.Size)); err != nil {
		return err
	}
	return d.Put(name, image)
}

func overwrite(path string, p Partition, data []byte) error {
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		return fmt.Errorf("overwrite partition %s: %w", p.Name, err)
	}
	_, err = f.WriteAt(data, p.Offset)
	if err = errors.Join(err, f.Close()); err != nil {
		return fmt.Errorf("overwrite partition %s: %w", p.Name, err)
	}
	return nil
}

// Relabel gives a partition another label, so that nobody finds it, or its own
// one back.
func (d Image) Relabel(ctx context.Context, name, label string) error {
	if _, err := d.Find(name); err != nil {
		return err
	}
	return run(ctx, "sgdisk", fmt.Sprintf("--change-name=%d:%s", d.index(name)+1, label), d.Path)
}

// ReadOnly sets, or takes away, the mark in an ext4 by which every kernel
// mounts it read-only. It must have been unmounted, or remounted read-only.
func (d Image) ReadOnly(ctx context.Context, name string, on bool) error {
	p, err := d.Find(name)
	if err != nil {
		return err
	}
	feature := "^read-only"
	if on {
		feature = "read-only"
	}
	return run(ctx, "tune2fs", "-O", feature, fmt.Sprintf("%s?offset=%d", d.Path, p.Offset))
}
