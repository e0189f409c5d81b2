package bootcuts

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"abota/sim/disk"
	"abota/sim/powercut"
)

// machine boots states, one after the other, on a disk of its own.
type machine struct {
	*bench
	dir  string
	base image
	work *os.File
}

// machine makes one.
func (b *bench) machine(name string) (*machine, error) {
	m := &machine{bench: b, dir: filepath.Join(b.dir, name)}
	err := fresh(m.dir, func() error { return disk.Copy(m.path("disk.img"), b.base()) })
	if err != nil {
		return nil, err
	}
	f, err := os.Open(b.base())
	if err != nil {
		return nil, fmt.Errorf("read the base disk: %w", err)
	}
	m.base = image{f}
	if m.work, err = os.OpenFile(m.path("disk.img"), os.O_RDWR, 0); err != nil {
		f.Close()
		return nil, fmt.Errorf("open a disk to boot: %w", err)
	}
	return m, nil
}

func (m *machine) path(name string) string { return filepath.Join(m.dir, name) }

func (m *machine) close() {
	m.work.Close()
	if f, ok := m.base.ReaderAt.(*os.File); ok {
		f.Close()
	}
}

// userLine is what a slot's first program says.
var userLine = regexp.MustCompile(`(?m)^user space ([AB]): (.*)\n`)

// boot gives a state to the loader. It returns what was seen, and what the
// loader wrote.
func (m *machine) boot(ctx context.Context, o overlay) (outcome, []powercut.Entry, error) {
	if err := m.put(o); err != nil {
		return outcome{}, nil, err
	}
	log := m.path("boot.log")
	argv, err := m.commandLine(log)
	if err != nil {
		return outcome{}, nil, err
	}
	text, err := emulate(ctx, argv, userLine)
	if err != nil {
		return outcome{}, nil, fmt.Errorf("%w; the console ends with: %s", err, tail(text))
	}
	writes, err := powercut.ReadLog(log)
	if err != nil && !errors.Is(err, io.EOF) { // one without a head has no entries
		return outcome{}, nil, err
	}
	if err := m.restore(o, written(writes)); err != nil {
		return outcome{}, nil, err
	}
	found := userLine.FindStringSubmatch(text)
	if found == nil {
		return outcome{Console: tail(text)}, writes, nil
	}
	return outcome{Slot: found[1], Args: strings.TrimSpace(found[2]), Console: tail(text)}, writes, nil
}

// tail is the end of a console's text.
func tail(text string) string {
	const shown = 1500
	return text[max(0, len(text)-shown):]
}

// put writes a state's sectors.
func (m *machine) put(o overlay) error {
	for n, content := range o {
		if _, err := m.work.WriteAt([]byte(content), n*sectorSize); err != nil {
			return fmt.Errorf("make a state: %w", err)
		}
	}
	return nil
}

// restore brings back what the base disk holds wherever something was written.
func (m *machine) restore(all ...overlay) error {
	for _, o := range all {
		for n := range o {
			content, err := m.base.sector(nil, n)
			if err != nil {
				return fmt.Errorf("restore the disk: %w", err)
			}
			if _, err := m.work.WriteAt([]byte(content), n*sectorSize); err != nil {
				return fmt.Errorf("restore the disk: %w", err)
			}
		}
	}
	return nil
}

// commandLine starts the board with its disk and, where it has variables, fresh
// ones.
func (m *machine) commandLine(log string) ([]string, error) {
	kind := m.parts.Board
	argv := append([]string{}, kind.QEMU...)
	argv = append(argv, "-m", "384", "-nodefaults", "-display", "none", "-serial", "stdio", "-no-reboot")
	device := "virtio-blk-" + kind.Virtio
	if kind.Firmware == nil {
		argv = append(argv, "-bios", m.parts.UBoot)
	} else {
		if err := disk.Copy(m.path("vars"), m.parts.Vars); err != nil {
			return nil, err
		}
		argv = append(argv,
			"-drive", "if=pflash,unit=0,format=raw,readonly=on,file="+m.parts.Code,
			"-drive", "if=pflash,unit=1,format=raw,file="+m.path("vars"))
		device += ",bootindex=0"
	}
	drive, err := recorded(m.path("disk.img"), log, device)
	return append(argv, drive...), err
}
