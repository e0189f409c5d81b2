package loader

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"abota/sim/parts"
)

// mount is where firmware mounts the ESP.
const mount = "/efi"

const mib = 1 << 20

// removable is where the firmware finds a loader on an ESP.
func removable(dir string, kind parts.Board) string {
	return filepath.Join(dir, "EFI", "BOOT", kind.Firmware.Removable)
}

// put copies a file, and makes the folder that it goes to.
func put(dst, src string) error {
	in, err := os.Open(src)
	if err != nil {
		return fmt.Errorf("fill the boot partition: %w", err)
	}
	defer in.Close()
	if err := os.MkdirAll(filepath.Dir(dst), 0o755); err != nil {
		return fmt.Errorf("fill the boot partition: %w", err)
	}
	out, err := os.Create(dst)
	if err != nil {
		return fmt.Errorf("fill the boot partition: %w", err)
	}
	_, err = io.Copy(out, in)
	if err = errors.Join(err, out.Close()); err != nil {
		return fmt.Errorf("fill the boot partition: %w", err)
	}
	return nil
}

// roomy is put with zeroes behind the content, up to the next MiB but one.
func roomy(dst, src string) error {
	if err := put(dst, src); err != nil {
		return err
	}
	info, err := os.Stat(dst)
	if err == nil {
		err = os.Truncate(dst, (info.Size()/mib+2)*mib)
	}
	if err != nil {
		return fmt.Errorf("fill the boot partition: %w", err)
	}
	return nil
}

// write makes a file, and the folder that it goes to.
func write(dst string, content []byte) error {
	err := os.MkdirAll(filepath.Dir(dst), 0o755)
	if err == nil {
		err = os.WriteFile(dst, content, 0o644)
	}
	if err != nil {
		return fmt.Errorf("fill the boot partition: %w", err)
	}
	return nil
}

// copied writes a file of the product as it is.
func (m Material) copied(dst, name string) error {
	text, err := m.Read(name)
	if err != nil {
		return err
	}
	return write(dst, text)
}
