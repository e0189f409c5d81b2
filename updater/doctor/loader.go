package doctor

import "slices"

// Loader is what there is to be known of a boot loader other than U-Boot.
type Loader struct {
	// Canary says where its kernel command line comes from.
	Canary string
	// Said is the slot that its own variables name, or empty.
	Said string
	// Files are what it reads and abota overwrites.
	Files []File
	// Mount is the file system that it needs, or nil.
	Mount *Mount
	// Overrides are what makes it start something else than the boot table says.
	Overrides []error
	// Faults are what is to be put right in what it reads, in words that say how.
	Faults []string
	// Blessed says that systemd confirms a slot by itself as soon as it likes,
	// Unordered that nothing makes it wait for abota.
	Blessed, Unordered bool
}

// File is one that a boot loader reads.
type File struct {
	// Name is what it holds, and its path.
	Name string
	// Missing says that it is not there, Err why it cannot be used, Writable why
	// it cannot be written.
	Missing       bool
	Err, Writable error
	// Counts says that the loader counts in it, and nothing else does.
	Counts bool
}

// Mount is a file system.
type Mount struct {
	Path string
	// Kind is its type, empty where nothing is known of it; Wanted are those that
	// the loader reads.
	Kind   string
	Wanted []string
	// Writable is why it cannot be written.
	Writable error
}

func loader(f *Facts, say say) {
	l := f.Loader
	if l == nil {
		return
	}
	if l.Mount != nil {
		l.Mount.look(say)
	}
	there := slices.ContainsFunc(l.Files, func(file File) bool { return !file.Missing })
	if len(l.Files) > 0 && !there {
		say(Error, "mount their file system; `abota provision` makes the first ones", "none of the boot loader's files is there")
	}
	for _, file := range l.Files {
		if there {
			file.look(say)
		}
	}
	for _, err := range l.Overrides {
		say(Error, "", "%v", err)
	}
	for _, fault := range l.Faults {
		say(Warning, "", "%s", fault)
	}
	if l.Blessed {
		say(Error, "systemctl mask systemd-bless-boot.service", "systemd-bless-boot confirms a trial as soon as boot-complete.target is reached, whatever abota's health checks say")
	}
	if l.Unordered {
		say(Warning, "`abota init systemd-complete > /etc/systemd/system/abota-complete.service`, and enable it", "nothing keeps boot-complete.target from being reached before abota has its verdict")
	}
}

func (m *Mount) look(say say) {
	switch {
	case !slices.Contains(m.Wanted, m.Kind) && m.Kind != "":
		say(Error, "mount the partition that the boot loader reads there", "%s is on %s, which the boot loader does not read", m.Path, m.Kind)
	case m.Writable != nil:
		say(Error, "mount -o remount,rw "+m.Path, "%s cannot be written: %v", m.Path, m.Writable)
	}
}

func (file File) look(say say) {
	switch {
	case file.Missing && file.Counts:
		say(Error, "`abota boot` makes it anew while others are there", "%s is missing, so the boot loader cannot count attempts and starts no trial", file.Name)
	case file.Missing:
		say(Warning, "`abota boot` makes it anew while others are there", "%s is missing", file.Name)
	case file.Err != nil:
		say(Error, "", "%s: %v", file.Name, file.Err)
	case file.Writable != nil:
		say(Error, "mount its file system read-write", "%s cannot be written: %v", file.Name, file.Writable)
	}
}

// canaryOf is for loaders without RAUC's ways: they pass abota.contract=1, or
// leave variables that name the slot.
func canaryOf(f *Facts, say say) {
	k, l := f.Kernel, f.Loader
	switch {
	case l.Said != "" && k.Slot != "" && l.Said != k.Slot:
		say(Error, "correct abota.slot in "+l.Canary, "the kernel command line says that slot %s was started, but the boot loader's own variable says slot %s", k.Slot, l.Said)
	case !k.Contract && l.Said == "":
		say(Error, "put it into "+l.Canary, "the kernel command line has no abota.contract=1, so nothing shows that the boot loader reads the boot table that abota writes")
	case !k.Contract:
		say(Warning, "put it into "+l.Canary, "the kernel command line has no abota.contract=1: only the boot loader's variable shows that it reads the boot table that abota writes")
	}
}
