// Package guest builds what runs on a virtual board: firmware images, each an
// ext4 file system with a small BusyBox system and the real abota, and with a
// kernel and an initramfs where the boot loader takes them from there.
//
// # Guarantee
//
// The abota binary and its init script are the product's own; the images differ
// only in data: /etc/firmware.conf (version and behaviour) and /etc/abota. Images
// of one [Maker] share kernel, initramfs and system.
//
// # What an image holds
//
//	/boot/Image, initrd, abota.args           what the boot script loads; the
//	                                          kernel's name is the architecture's
//	/usr/bin/abota /etc/abota/config.yaml    the updater and its configuration
//	/etc/abota/ca.pem                         whom it trusts, where a firmware says so
//	/etc/init.d/S99abota-agent                starts abota run, where a firmware says so
//	/etc/abota/release                        the version, one line
//	/etc/firmware.conf                        version=… and behaviour=…
//	/usr/bin/selftest                         the health check, obeys behaviour
//	/usr/sbin/sim-agent                       the simulator's way in
package guest

import (
	"context"
	"embed"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"

	"abota/sim/disk"
	"abota/sim/loader"
	"abota/sim/parts"
)

// Behaviour is what a firmware does when it is started. It is data in the
// image, obeyed by the guest's own scripts.
type Behaviour string

// The behaviours.
const (
	// Healthy passes its health check.
	Healthy Behaviour = "healthy"
	// Unhealthy starts, and fails its health check.
	Unhealthy Behaviour = "unhealthy"
	// Panics crashes the kernel before any service starts.
	Panics Behaviour = "panics"
	// Freezes stops abota in its trial, so that nobody feeds the watchdog.
	Freezes Behaviour = "freezes"
	// Stalls stops all of user space in the trial, init too.
	Stalls Behaviour = "stalls"
	// Dies stops the kernel in the trial, which does not start again by itself.
	Dies Behaviour = "dies"
	// Guarded has another program hold and feed the watchdog.
	Guarded Behaviour = "guarded"
	// Hangs stops for ever before any service starts.
	Hangs Behaviour = "hangs"
	// Particular passes its health check on every board but those that have
	// the file /var/lib/abota/sim-other-hardware.
	Particular Behaviour = "particular"
)

// behaviours lists all of them.
var behaviours = []Behaviour{Healthy, Unhealthy, Panics, Freezes, Stalls, Dies, Guarded, Hangs, Particular}

// Locks reports a firmware that locks up in its trial.
func (b Behaviour) Locks() bool { return b == Freezes || b == Stalls || b == Dies }

// Firmware is one version of a device's software.
type Firmware struct {
	Version   string
	Behaviour Behaviour
	// Config is the content of /etc/abota/config.yaml.
	Config string
	// Authority is the content of /etc/abota/ca.pem; no file when empty.
	Authority string
	// Files are further ones below /etc/abota, by their path there. Only root
	// may read them.
	Files map[string]string
	// Agent is the init script that starts `abota run`; none when empty.
	Agent string
}

// versions are what can be a file's name, and a word in a shell script.
var versions = regexp.MustCompile(`^[0-9A-Za-z][0-9A-Za-z._-]{0,31}$`)

func (fw Firmware) check() error {
	if !versions.MatchString(fw.Version) {
		return fmt.Errorf("cannot make firmware %q: a version has up to 32 letters, digits, dots, dashes and underscores", fw.Version)
	}
	if !slices.Contains(behaviours, fw.Behaviour) {
		return fmt.Errorf("cannot make firmware %s because %q is not a behaviour: use one of %q", fw.Version, fw.Behaviour, behaviours)
	}
	return nil
}

// ImageSize is the size of a firmware image: what it needs, and less than the
// slot.
const ImageSize = 52 << 20

//go:embed root initrd
var files embed.FS

// Maker builds firmware images in a work folder.
type Maker struct {
	parts  parts.Set
	loader loader.Loader
	abota  string
	init   []byte
	dir    string
	initrd string
}

// NewMaker prepares what all images share. abota is the device binary for the
// board's architecture, verityroot the program that opens a verified root, where
// the board has one, initScript the SysV init script that goes with abota, dir
// an existing folder for the results.
func NewMaker(set parts.Set, abota, verityroot string, initScript []byte, dir string) (*Maker, error) {
	m := &Maker{parts: set, loader: loader.For(set.Board), abota: abota, init: initScript, dir: dir, initrd: filepath.Join(dir, "initrd")}
	if err := writeInitrd(m.initrd, set, verityroot); err != nil {
		return nil, fmt.Errorf("make the initramfs: %w", err)
	}
	return m, nil
}

// Initrd is the path of the initramfs of every image.
func (m *Maker) Initrd() string { return m.initrd }

// InitrdOf is the path of an initramfs of a version's own, where it is no part of
// the image. It does the same, but no sector of two versions is alike.
func (m *Maker) InitrdOf(version string) (string, error) {
	path := filepath.Join(m.dir, "initrd-"+version)
	if err := markInitrd(path, m.initrd, version); err != nil {
		return "", fmt.Errorf("make the initramfs of firmware %s: %w", version, err)
	}
	return path, nil
}

// Image builds the firmware's slot image and returns its path. Where the root is
// verified its other parts are beside it ([HashesSuffix], [BootSuffix]).
func (m *Maker) Image(ctx context.Context, fw Firmware) (string, error) {
	if err := fw.check(); err != nil {
		return "", err
	}
	root, err := os.MkdirTemp(m.dir, "root-")
	if err != nil {
		return "", fmt.Errorf("make firmware %s: %w", fw.Version, err)
	}
	defer os.RemoveAll(root)
	if err := m.system(root, fw); err != nil {
		return "", fmt.Errorf("make firmware %s: %w", fw.Version, err)
	}
	image := filepath.Join(m.dir, "firmware-"+fw.Version+".ext4")
	var options []string
	if m.parts.Board.Verity {
		// Smaller blocks than those that are verified cannot be mounted.
		options = []string{"-b", "4096"}
	}
	if err := disk.Ext4(ctx, image, root, "root", ImageSize, options...); err != nil {
		return "", fmt.Errorf("make firmware %s: %w", fw.Version, err)
	}
	if m.parts.Board.Verity {
		if err := m.verify(ctx, image); err != nil {
			return "", fmt.Errorf("make firmware %s: %w", fw.Version, err)
		}
	}
	return image, nil
}
