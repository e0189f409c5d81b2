package powercut

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"abota/bootctl"
	"abota/bootctl/sdboot"
	"abota/sim/disk"
)

// sdbootLoader is systemd-boot, which reads entries on the ESP. Its own code is
// modelled here, and the rest is bootctl/sdboot on the entries in a folder.
type sdbootLoader struct {
	dir string
	// bodies are the lines of both slots' entries.
	bodies [2]string
}

// newSdbootLoader takes the entries' bodies from what the firmware has for them.
func newSdbootLoader(dir string, files map[string]string) (*sdbootLoader, error) {
	l := &sdbootLoader{dir: dir}
	for _, s := range bootctl.Slots {
		name := "entry-" + strings.ToLower(s.String()) + ".conf"
		body, ok := files[name]
		if !ok {
			return nil, fmt.Errorf("cannot judge systemd-boot's entries because the recording has no %s", name)
		}
		l.bodies[s] = body
	}
	return l, nil
}

const entriesPath = "/loader/entries"

func (*sdbootLoader) storage() []string { return []string{disk.Boot} }

func (l *sdbootLoader) defects() []defect {
	return []defect{
		{name: "the entry confirmed before the trial", seed: inTrial, worse: confirmedFirst},
		{name: "the entry renamed into place", seed: renamedEntry},
	}
}

// confirmedFirst is the pointer of a backend that writes the confirmed entry of a
// slot that is on trial, which nobody counts.
func confirmedFirst(s snapshot) (snapshot, error) {
	open := s.open
	s.key += "confirmed"
	s.open = func() (pointer, error) {
		p, err := open()
		if err != nil {
			return nil, err
		}
		e := p.(*sdbootPointer)
		menu, err := e.menu()
		if err == nil && len(menu) > 0 && menu[0].counted {
			err = os.Rename(filepath.Join(e.folder, menu[0].file), filepath.Join(e.folder, menu[0].id))
		}
		return e, err
	}
	return s, nil
}

// renamedEntry is where a program on the board replaced an entry by renaming.
func renamedEntry(r *judged, _ *walk) (from, to int, err error) {
	if r.rec.Renamed <= r.rec.Scribbled {
		return 0, 0, errShape
	}
	return r.rec.Scribbled, r.rec.Renamed, nil
}

// renames replaces the entry of the slot that runs as many a program replaces a
// file: written under another name, and renamed.
const renames = `set -e
slot=$(sed -n 's/.*abota\.slot=\([AB]\).*/\1/p' /proc/cmdline | tr AB ab)
cd /efi/loader/entries
cp abota-$slot.conf temporary
mv temporary abota-$slot.conf
sync
`

// files are what a slot's entry names.
func (l *sdbootLoader) files(s bootctl.Slot) map[string]string {
	lines := starting(l.bodies[s])
	return map[string]string{partLinux: value(lines, "linux"), partInitrd: value(lines, "initrd")}
}

// The names of a slot's parts on the boot partition.
const (
	partLinux  = "linux"
	partInitrd = "initrd"
)

func (*sdbootLoader) own(d *Disk, w write) map[int64]bool { return ownOfESP(d, w) }

// espEntry is a file among the entries. Those that share a cluster are one file
// under two names, as a cut within a rename leaves them.
type espEntry struct {
	content string
	cluster int64
}

func (l *sdbootLoader) read(d *Disk) (snapshot, error) {
	entries, err := espEntries(d)
	if err != nil {
		return snapshot{}, fmt.Errorf("read the ESP: %w", err)
	}
	p, err := l.open(entries)
	if err != nil {
		return snapshot{}, err
	}
	table, err := p.Load()
	if err != nil && !errors.Is(err, bootctl.ErrNoTable) {
		return snapshot{}, fmt.Errorf("read the boot table: %w", err)
	}
	s := snapshot{table: table, lost: err != nil, open: func() (pointer, error) { return l.open(entries) }}
	first := map[int64]int{}
	for i, name := range slices.Sorted(maps.Keys(entries)) {
		e := entries[name]
		if _, known := first[e.cluster]; !known {
			first[e.cluster] = i
		}
		s.key += fmt.Sprintf("%q %d %q\n", name, first[e.cluster], e.content)
	}
	s.uncounted, err = p.uncounted()
	return s, err
}

// espEntries are the files among the entries that can be read.
func espEntries(d *Disk) (map[string]espEntry, error) {
	esp, err := openFAT(d, d.partition(disk.Boot))
	if err != nil {
		return nil, err
	}
	folder, err := esp.find(entriesPath)
	if err != nil {
		return nil, err
	}
	list, err := esp.list(folder)
	if err != nil {
		return nil, err
	}
	entries := map[string]espEntry{}
	for _, e := range list {
		const most = 1 << 16
		if e.dir || e.size > most {
			continue
		}
		if content, err := esp.content(e); err == nil {
			entries[e.name] = espEntry{string(content), e.first}
		}
	}
	return entries, nil
}

// open puts the entries into a folder, and the product's backend on it. There is
// one such folder: what was opened before is void.
func (l *sdbootLoader) open(entries map[string]espEntry) (*sdbootPointer, error) {
	mount := filepath.Join(l.dir, "esp")
	folder := filepath.Join(mount, entriesPath)
	err := os.RemoveAll(mount)
	if err == nil {
		err = os.MkdirAll(folder, 0o700)
	}
	paths := map[int64]string{}
	for name, e := range entries {
		path := filepath.Join(folder, name)
		if twin, known := paths[e.cluster]; known && e.cluster != 0 {
			err = errors.Join(err, os.Link(twin, path))
			continue
		}
		paths[e.cluster] = path
		err = errors.Join(err, os.WriteFile(path, []byte(e.content), 0o600))
	}
	if err != nil {
		return nil, fmt.Errorf("take up the boot entries: %w", err)
	}
	b, err := sdboot.New(mount, l.bodies)
	return &sdbootPointer{Backend: b, folder: folder, bodies: l.bodies}, err
}

// sdbootPointer is a folder of entries, and the loader that starts them.
type sdbootPointer struct {
	*sdboot.Backend
	folder string
	bodies [2]string
}

// bootEntry is an entry as the loader reads it.
type bootEntry struct {
	file, id      string
	sortKey       string
	version       string
	lines         []string // what it starts, and how
	counted       bool
	left, done    int
	before, after string // of the counters in the file's name
}

// counters are how systemd-boot finds them in a name (boot_entry_parse_tries).
var counters = regexp.MustCompile(`^(.*)\+([0-9]+)(?:-([0-9]+))?(\.conf)$`)

// parseEntry reads one, and reports false for what is none: without a linux or
// efi line the loader takes no notice of it.
func parseEntry(file, content string) (e bootEntry, ok bool) {
	if !strings.HasSuffix(strings.ToLower(file), ".conf") {
		return e, false
	}
	e = bootEntry{file: file, id: file}
	if m := counters.FindStringSubmatch(file); m != nil {
		e.counted, e.before, e.after, e.id = true, m[1], m[4], m[1]+m[4]
		e.left, _ = strconv.Atoi(m[2])
		e.done, _ = strconv.Atoi(m[3])
	}
	for line := range strings.Lines(content) {
		line = strings.TrimSpace(line)
		key, value, _ := strings.Cut(line, " ")
		switch key {
		case "sort-key":
			e.sortKey = strings.TrimSpace(value)
		case "version":
			e.version = strings.TrimSpace(value)
		case "linux", "efi":
			ok = true
			e.lines = append(e.lines, line)
		case "options", "initrd", "devicetree":
			e.lines = append(e.lines, line)
		}
	}
	return e, ok
}

// order is the loader's (boot_entry_compare of v252): entries without tries left
// come last, and of the others those with a sort key first, by it, and then by
// version and name, the greatest first.
func (e bootEntry) order(o bootEntry) int {
	spent := func(e bootEntry) int {
		if e.counted && e.left == 0 {
			return 1
		}
		return 0
	}
	keyless := func(e bootEntry) int {
		if e.sortKey == "" {
			return 1
		}
		return 0
	}
	if c := cmp.Or(cmp.Compare(spent(e), spent(o)), cmp.Compare(keyless(e), keyless(o))); c != 0 {
		return c
	}
	if e.sortKey != "" {
		if c := cmp.Or(strings.Compare(e.sortKey, o.sortKey), compareVersions(o.version, e.version)); c != 0 {
			return c
		}
	}
	if c := strings.Compare(o.id, e.id); c != 0 || !e.counted || !o.counted {
		return c
	}
	// Of two names for one entry, that with more tries left.
	return cmp.Or(cmp.Compare(o.left, e.left), cmp.Compare(e.done, o.done))
}

// compareVersions compares plain numbers, which is all that abota writes, and of
// others says only that they come before every number.
func compareVersions(a, b string) int {
	x, errX := strconv.ParseUint(a, 10, 64)
	y, errY := strconv.ParseUint(b, 10, 64)
	switch {
	case errX == nil && errY == nil:
		return cmp.Compare(x, y)
	case errX == nil:
		return 1
	case errY == nil:
		return -1
	}
	return strings.Compare(a, b)
}

// menu is the loader's entries in its order.
func (p *sdbootPointer) menu() (menu []bootEntry, err error) {
	files, err := os.ReadDir(p.folder)
	if err != nil {
		return nil, fmt.Errorf("read the boot entries: %w", err)
	}
	for _, f := range files {
		content, err := os.ReadFile(filepath.Join(p.folder, f.Name()))
		if err != nil {
			return nil, fmt.Errorf("read the boot entries: %w", err)
		}
		if e, ok := parseEntry(f.Name(), string(content)); ok && p.there(e) {
			menu = append(menu, e)
		}
	}
	slices.SortStableFunc(menu, bootEntry.order)
	return menu, nil
}

// there reports whether what an entry starts can be opened, as the loader asks
// before it lists one (boot_entry_add_type1). There are the slots' kernels, and
// the folders that they are in.
func (p *sdbootPointer) there(e bootEntry) bool {
	for _, s := range bootctl.Slots {
		own := value(starting(p.bodies[s]), "linux")
		if path := value(e.lines, "linux"); path == own || strings.HasPrefix(own, strings.TrimRight(path, "/")+"/") {
			return true
		}
	}
	return false
}

// value is what an entry's lines say of a key.
func value(lines []string, key string) (v string) {
	for _, line := range lines {
		if k, rest, _ := strings.Cut(line, " "); k == key {
			v = strings.TrimSpace(rest)
		}
	}
	return v
}

// start takes the first entry, and counts it down by giving it another name.
// Firmware refuses one that is there already (EDK2's FatPkg, Info.c), and the
// loader starts the entry all the same.
func (p *sdbootPointer) start() (begun, error) {
	menu, err := p.menu()
	if err != nil || len(menu) == 0 {
		return begun{}, err
	}
	e := menu[0]
	if e.counted {
		name := fmt.Sprintf("%s+%d-%d%s", e.before, max(0, e.left-1), e.done+1, e.after)
		to := filepath.Join(p.folder, name)
		if _, err := os.Lstat(to); err != nil {
			if err := os.Rename(filepath.Join(p.folder, e.file), to); err != nil {
				return begun{}, fmt.Errorf("count a boot entry down: %w", err)
			}
		}
	}
	for _, s := range bootctl.Slots {
		if slices.Equal(slices.Sorted(slices.Values(e.lines)), slices.Sorted(slices.Values(starting(p.bodies[s])))) {
			return begun{slot: s, starts: true, whole: true}, nil
		}
	}
	// Something else, or a piece of one of ours: worse than nothing.
	return begun{starts: true}, nil
}

// starting are the lines of a body that say what is started.
func starting(body string) []string {
	e, _ := parseEntry(".conf", body)
	return e.lines
}

// uncounted reports whether there is no entry that a trial could be started by.
func (p *sdbootPointer) uncounted() (bool, error) {
	menu, err := p.menu()
	return !slices.ContainsFunc(menu, func(e bootEntry) bool { return e.counted && e.left > 0 }), err
}
