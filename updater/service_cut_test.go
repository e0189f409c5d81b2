package updater

import (
	"errors"
	"os"
	"testing"
)

// TestFoldersSurviveCutsAtEveryStep cuts the power, or kills abota alone, at
// every moment of an install, and again at moments of what comes after it.
// Whatever the moment: the link shows a whole release, nothing is judged by a
// program of the other slot, a bad release does not stay, and a good one is
// there in the end.
func TestFoldersSurviveCutsAtEveryStep(t *testing.T) {
	cuts := 0
	for _, content := range []string{"v2 healthy", "v3 unhealthy", "v4 panics"} {
		for _, how := range []string{"power", "kill, then boot", "kill, then install"} {
			for cut := 1; ; cut++ {
				fell := false
				// The second cut falls at every third step only: each costs a
				// whole update on a real file system.
				for second := cut % 3; ; second += 3 {
					f := newFolders(t)
					f.offer = &image{content: content}
					f.cutAt = cut
					_, _ = f.install()
					if fell = f.dead; !fell {
						break
					}
					cuts++
					f.whole("v1 healthy", content)
					if !f.after(how, second, content) {
						break
					}
				}
				if t.Failed() {
					t.Fatalf("%s, %s, first cut %d", content, how, cut)
				}
				if !fell {
					break
				}
			}
		}
	}
	t.Logf("%d cuts", cuts)
	if cuts < 500 {
		t.Errorf("only %d cuts: the test cuts nothing", cuts)
	}
}

// after lets the device come back from a first cut, cuts it again at this step
// (0 for not at all), and wants the right end. It reports whether a later
// second cut would still fall.
func (f *folders) after(how string, second int, content string) bool {
	f.t.Helper()
	f.recover(how)
	f.steps, f.cutAt = 0, second
	if how == "kill, then install" {
		_, _ = f.install()
	} else {
		_, _ = f.boot()
	}
	fell := f.dead
	f.cutAt = 0
	if fell {
		f.whole("v1 healthy", content)
		f.recover(how)
	}
	f.ends(content)
	return fell || second == 0
}

func (f *folders) recover(how string) {
	if how == "power" {
		f.powerOn()
	} else {
		f.revive()
	}
}

// ends lets the agent try again, and wants the device to run what it should.
func (f *folders) ends(content string) {
	f.t.Helper()
	if _, err := f.boot(); err != nil && !errors.Is(err, ErrUnhealthy) {
		f.t.Errorf("boot: %v", err)
	}
	for range 2 {
		_, _ = f.install()
	}
	want := "v1 healthy"
	if content == "v2 healthy" {
		want = content
	}
	if f.runs != want || f.content(f.link) != want || !f.table.Slots[f.link].Good {
		f.t.Errorf("%q runs, slot %s holds %q, want %q; table %+v, journal %s", f.runs, f.link, f.content(f.link), want, f.table, f.saved)
	}
	if other := f.link.Other(); f.table.Slots[other].Good && want != content && f.content(other) == content {
		f.t.Errorf("a bad release is good in %+v", f.table)
	}
	for _, path := range f.paths {
		if _, err := os.Stat(path + ".new"); err == nil {
			f.t.Errorf("%s.new is left", path)
		}
	}
}
