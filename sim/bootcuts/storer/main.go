// Command storer stores boot tables by the product's backends, inside a guest
// of package bootcuts, below whose disk every write is noted. Before and after
// each transition it syncs and leaves a mark on the disk.
package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"unsafe"

	"golang.org/x/sys/unix"

	"abota/bootctl"
	"abota/bootctl/grub"
	"abota/bootctl/sdboot"
	"abota/bootctl/uboot"
	"abota/sim/bootcuts/plan"
)

func main() {
	if err := run(); err != nil {
		fmt.Println("storer: " + err.Error())
		os.Exit(1)
	}
	fmt.Println("storer: done")
}

// mount is where the file system is.
const mount = "/mnt"

func run() error {
	text, err := os.ReadFile(plan.File)
	if err != nil {
		return fmt.Errorf("read the plan: %w", err)
	}
	var p plan.Plan
	if err := json.Unmarshal(text, &p); err != nil {
		return fmt.Errorf("read the plan: %w", err)
	}
	if p.FS == "" {
		return storeAll(p)
	}
	if err := unix.Mount(p.Device, mount, p.FS, unix.MS_NOATIME, ""); err != nil {
		return fmt.Errorf("mount %s: %w", p.Device, err)
	}
	err = storeAll(p)
	if uerr := unix.Unmount(mount, 0); err == nil && uerr != nil {
		err = fmt.Errorf("unmount %s: %w", p.Device, uerr)
	}
	return err
}

func storeAll(p plan.Plan) error {
	marks, err := os.OpenFile(p.Disk, os.O_WRONLY|unix.O_DIRECT|unix.O_DSYNC, 0)
	if err != nil {
		return fmt.Errorf("open the disk for marks: %w", err)
	}
	defer marks.Close()
	for i, s := range p.Steps {
		if err := step(p, i, s, marks); err != nil {
			return fmt.Errorf("step %d: %w", i, err)
		}
		// A sign of life, for who waits at the console.
		if (i+1)%20 == 0 {
			fmt.Printf("%d of %d steps\n", i+1, len(p.Steps))
		}
	}
	return nil
}

func step(p plan.Plan, i int, s plan.Step, marks *os.File) error {
	if err := empty(p); err != nil {
		return fmt.Errorf("empty the storage: %w", err)
	}
	b, err := open(p)
	if err != nil {
		return err
	}
	for _, t := range s.Before {
		if err := b.Store(t); err != nil {
			return fmt.Errorf("store what was before: %w", err)
		}
	}
	if err := mark(marks, 2*i); err != nil {
		return err
	}
	if err := b.Store(s.To); err != nil {
		return err
	}
	return mark(marks, 2*i+1)
}

// open makes the backend as the device does.
func open(p plan.Plan) (bootctl.Backend, error) {
	switch p.Loader {
	case "uboot":
		return uboot.New([]uboot.Copy{
			{Path: p.Device, Offset: p.Offsets[0], Size: p.Size},
			{Path: p.Device, Offset: p.Offsets[1], Size: p.Size},
		}, true)
	case "grub":
		at := func(i int) grub.Place { return grub.Place{Path: filepath.Join(mount, plan.GRUB[i])} }
		return grub.New([2]grub.Place{at(0), at(1)}, at(2))
	case "sdboot":
		return sdboot.New(mount, p.Bodies)
	}
	return nil, fmt.Errorf("there is no loader %q", p.Loader)
}

// empty makes the storage what it was before the first table. Entries of
// systemd-boot stay: a device has some from its first day on.
func empty(p plan.Plan) error {
	switch p.Loader {
	case "uboot":
		for _, at := range p.Offsets {
			if err := overwrite(p.Device, at, make([]byte, p.Size)); err != nil {
				return err
			}
		}
	case "grub":
		for _, name := range plan.GRUB {
			if err := overwrite(filepath.Join(mount, name), 0, []byte(plan.EmptyBlock())); err != nil {
				return err
			}
		}
	}
	return nil
}

func overwrite(path string, at int64, data []byte) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_SYNC, 0)
	if err != nil {
		return err
	}
	defer f.Close()
	_, err = f.WriteAt(data, at)
	return err
}

// mark brings everything to the disk and then writes a sector of marks.
func mark(marks *os.File, n int) error {
	const sector = 512
	unix.Sync()
	room := make([]byte, 2*sector)
	aligned := room[sector-int(uintptr(unsafe.Pointer(&room[0]))%sector):][:sector]
	copy(aligned, fmt.Sprintf("mark %d\n", n))
	if _, err := marks.WriteAt(aligned, int64(plan.MarksAt+n)*sector); err != nil {
		return fmt.Errorf("write mark %d: %w", n, err)
	}
	return nil
}
