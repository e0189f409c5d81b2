package hostile

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"abota/bootctl"
	"abota/sim/cutdisk"
	"abota/updater"
	"abota/updater/slot"
)

// size is how large slot and image are, in bytes.
type size struct{ slot, image int }

var (
	// small is one write with a rest that is no whole block.
	small = size{64 << 10, 40_000}
	// large is two writes and a rest, for faults of the slot.
	large = size{1<<20 + 64<<10, 1<<20 + 5_000}
)

// Run plays every act with every fault, at every third operation or, where
// $ABOTA_DAMAGE is "full", at every one, and logs how many that were. code is
// the device's mapping of errors to exit codes.
func Run(t *testing.T, code func(error) int) {
	t.Helper()
	s := &survey{seen: map[string]int{}}
	t.Run("", func(t *testing.T) { s.all(t, code) })
	s.report(t)
}

func (s *survey) all(t *testing.T, code func(error) int) {
	for _, l := range []loader{contract, rauc, none} {
		for _, a := range acts() {
			if a.counted && l == none {
				continue
			}
			t.Run(fmt.Sprintf("%s: %s", l, a.name), func(t *testing.T) {
				t.Parallel()
				for _, size := range []size{small, large} {
					if err := s.play(newStage(t, l, size, code), a, size); err != nil {
						t.Error(err)
					}
				}
			})
		}
	}
}

// newStage is a device whose disks are empty.
func newStage(t *testing.T, l loader, size size, code func(error) int) *world {
	t.Helper()
	w := &world{loader: l, code: code}
	for _, name := range names() {
		w.all = append(w.all, newImage(name, size.image))
	}
	w.offer = w.all[0]
	dir := t.TempDir()
	for _, s := range bootctl.Slots {
		w.paths[s] = filepath.Join(dir, "slot-"+strings.ToLower(s.String()))
		if err := os.WriteFile(w.paths[s], make([]byte, size.slot), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	// A machine without block devices and mounts, which is quickly asked.
	w.host = slot.Host{Proc: filepath.Join(dir, "proc"), Sys: filepath.Join(dir, "sys"), Dev: dir}
	err := errors.Join(os.MkdirAll(filepath.Join(dir, "sys/class/block"), 0o700), os.MkdirAll(filepath.Join(dir, "proc/self"), 0o700),
		os.WriteFile(filepath.Join(dir, "proc/self/mountinfo"), nil, 0o600), os.WriteFile(filepath.Join(dir, "proc/swaps"), nil, 0o600))
	if err != nil {
		t.Fatal(err)
	}
	table := 2 * envSize
	if l == none {
		table = 2 * tableSize
	}
	w.disks = map[medium]*cutdisk.Disk{
		onJournal: cutdisk.New(2 * recordSize), onTable: cutdisk.New(int64(table)), onSlot: cutdisk.New(int64(size.slot)),
	}
	return w
}

// survey counts what was played.
type survey struct {
	mu                                    sync.Mutex
	operations, faults, failed, succeeded int
	// seen is how often each complaint was made, without its numbers.
	seen map[string]int
}

// play plays one act with every fault.
func (s *survey) play(w *world, a act, size size) error {
	if err := a.before(w); err != nil {
		return fmt.Errorf("cannot prepare %s: %w", a.name, err)
	}
	begin := w.park()
	calm := w.resume(begin)
	before := w.resume(begin)
	if err := a.do(calm); err != nil && !errors.Is(err, updater.ErrUnhealthy) {
		return fmt.Errorf("undisturbed: %w", err)
	}
	if err := errors.Join(calm.judge(a, nil, misfortune{}), before.recover(act{}, true)); err != nil {
		return fmt.Errorf("undisturbed: %w", err)
	}
	var wrong []error
	for _, m := range media {
		// What the sizes differ in is the slot.
		if (m == onSlot) != (size == large) {
			continue
		}
		n := count(calm.disks[m])
		s.mu.Lock()
		s.operations += n[cutdisk.Any]
		s.mu.Unlock()
		for _, k := range kinds() {
			for i := range n[k.fault.Op] {
				if i%stride() != 0 {
					continue
				}
				if err := s.strike(w.resume(begin), a, misfortune{m, k, i + 1}); err != nil {
					wrong = append(wrong, err)
				}
			}
		}
	}
	return few(wrong)
}

func stride() int {
	if os.Getenv("ABOTA_DAMAGE") == "full" {
		return 1
	}
	return 3
}

// few keeps a report readable.
func few(all []error) error {
	const most = 12
	if len(all) > most {
		all = append(all[:most:most], fmt.Errorf("and %d more", len(all)-most))
	}
	return errors.Join(all...)
}

// strike plays one act with one fault.
func (s *survey) strike(w *world, a act, m misfortune) error {
	m.strike(w)
	err := a.do(w)
	s.note(w, a, m, err)
	if wrong := w.judge(a, err, m); wrong != nil {
		return fmt.Errorf("%s: abota said %q (log: %s): %w", m, fmt.Sprint(err), lastLine(w), wrong)
	}
	w.heal()
	if wrong := w.recover(a, err == nil && !m.reads()); wrong != nil {
		return fmt.Errorf("%s: abota said %q; once the fault was gone: %w", m, fmt.Sprint(err), wrong)
	}
	return nil
}

func lastLine(w *world) string {
	lines := strings.Split(strings.TrimSpace(w.logged.String()), "\n")
	return lines[len(lines)-1]
}

func (s *survey) note(w *world, a act, m misfortune, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults++
	if err == nil {
		s.succeeded++
		return
	}
	s.failed++
	line := strings.Join(strings.Fields(err.Error()), " ")
	line = strings.ReplaceAll(line, filepath.Dir(w.paths[0])+"/", "")
	line = place.ReplaceAllString(line, "$1 …")
	s.seen[fmt.Sprintf("exit %d  %-8s %s", w.code(err), m.on, line)]++
}

// place is what complaints of one kind differ in.
var place = regexp.MustCompile(`(at offset|at|slot) (0x[0-9a-f]+|\d+|A|B|slot-[ab])\b`)

func (s *survey) report(t *testing.T) {
	var lines []string
	for line, n := range s.seen {
		lines = append(lines, fmt.Sprintf("%s  (%d times)", line, n))
	}
	slices.Sort(lines)
	t.Logf("every complaint that was made:\n%s", strings.Join(lines, "\n"))
	t.Logf("%d operations; %d faults injected; %d acts ended in an error, %d in success all the same", s.operations, s.faults, s.failed, s.succeeded)
}
