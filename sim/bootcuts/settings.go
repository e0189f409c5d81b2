package bootcuts

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"abota/bootctl"
	"abota/bootctl/bootctltest"
	"abota/bootctl/grub"
	"abota/bootctl/sdboot"
	"abota/bootctl/uboot"
	"abota/sim/bootcuts/plan"
	"abota/sim/disk"
)

// setting is a loader on its board, and where its tables lie.
type setting struct {
	name  string
	board string
	// loader is the backend's kind; partition and fs say where the tables are.
	loader    string
	partition int
	fs        string
	caps      bootctl.Caps
	// quick is how many states of stores, and of the loader's own writes, the
	// quick form boots.
	quick [2]int
}

// settings are all that are booted.
var settings = []setting{
	{name: "uboot", board: "arm64", loader: "uboot", partition: 2, quick: [2]int{10, 4}, caps: uboot.On(nil, [2]uboot.Copy{}, true).Caps()},
	{name: "grub", board: "amd64-grub", loader: "grub", partition: 1, fs: "vfat", quick: [2]int{5, 2}, caps: new(grub.Backend).Caps()},
	{name: "grub-ext4", board: "amd64-grub", loader: "grub", partition: 4, fs: "ext4", quick: [2]int{4, 2}, caps: new(grub.Backend).Caps()},
	{name: "sdboot", board: "amd64-sdboot", loader: "sdboot", partition: 1, fs: "vfat", quick: [2]int{6, 3}, caps: new(sdboot.Backend).Caps()},
}

// Names are what can be asked for.
func Names() (names []string) {
	for _, s := range settings {
		names = append(names, s.name)
	}
	return names
}

// ErrUnknown says that there is no loader of a name.
var ErrUnknown = errors.New("there is no loader to boot that is called")

// find returns the settings of these names, all for none.
func find(names []string) (chosen []setting, err error) {
	for _, s := range settings {
		if len(names) == 0 || slices.Contains(names, s.name) {
			chosen = append(chosen, s)
		}
	}
	for _, name := range names {
		if !slices.Contains(Names(), name) {
			return nil, fmt.Errorf("%w %q: use some of %s", ErrUnknown, name, strings.Join(Names(), ", "))
		}
	}
	return chosen, nil
}

// ext4 says that the tables have a file system of their own, beside the ESP.
func (s setting) ext4() bool { return s.fs == "ext4" }

// plan is what the guest stores for these transitions.
func (s setting) plan(all []bootctltest.Transition, bodies [2]string) plan.Plan {
	p := plan.Plan{
		Loader: s.loader, Device: fmt.Sprintf("/dev/vda%d", s.partition), FS: s.fs, Disk: "/dev/vda",
		Offsets: [2]int64{0, disk.EnvCopyOffset}, Size: disk.EnvCopySize, Bodies: bodies,
	}
	for _, t := range all {
		p.Steps = append(p.Steps, plan.Step{Before: []bootctl.Table{bootctltest.Spacer(), t.From}, To: t.To})
	}
	return p
}
