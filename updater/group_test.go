package updater

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"iter"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"abota/bootctl"
	"abota/updater/release"
	"abota/updater/slot"
)

// partNames are what the slots of these tests are made of, in the order that the
// configuration has.
var partNames = []string{"boot", "kernel", "root"}

// groupWorld is a world whose slots are three parts each, the kernel a file that
// is written in place. The world's own path of a slot is its root.
type groupWorld struct {
	*world
	groups [2]slot.Group
	offers []entry
}

// entry is one of a release: its name, what it holds, and the size that is said
// of it before.
type entry struct {
	name, content string
	size          int64
}

func newGroupWorld(t *testing.T) *groupWorld {
	w := &groupWorld{world: newWorld(t)}
	for _, s := range bootctl.Slots {
		for _, name := range partNames {
			m := slot.Member{Name: name, Path: w.paths[s], InPlace: name == "kernel"}
			if name != "root" {
				m.Path = filepath.Join(t.TempDir(), name+"-"+s.String())
				if err := os.WriteFile(m.Path, []byte(strings.Repeat("v1 healthy "+name+"\x00", 500)), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			w.groups[s] = append(w.groups[s], m)
		}
	}
	return w
}

// whole is a release with one entry for each part, in another order than the
// configuration's.
func whole(version string) []entry {
	var all []entry
	for _, name := range []string{"root.ext4", "boot", "kernel.img.signed"} {
		all = append(all, entry{name, version + " " + name + strings.Repeat(".", 2000) + "\x00", -1})
	}
	all[0].content = version + strings.Repeat(".", 2000) + "\x00"
	return all
}

func (w *groupWorld) engine() *Engine {
	e := w.world.engine()
	e.Groups, e.Release = w.groups, groupRelease{w}
	e.Host.InPlace = func(string) error { return nil }
	return e
}

func (w *groupWorld) install() (Outcome, error) {
	return w.engine().Install(context.Background(), InstallOptions{})
}

// versions are what the parts of a slot begin with.
func (w *groupWorld) versions(s bootctl.Slot) map[string]string {
	found := map[string]string{}
	for _, m := range w.groups[s] {
		text, err := os.ReadFile(m.Path)
		if err != nil {
			w.t.Fatal(err)
		}
		version, _, _ := strings.Cut(string(text), " ")
		found[m.Name] = version
	}
	return found
}

type groupRelease struct{ *groupWorld }

func (r groupRelease) Check(context.Context) (release.ID, error) { return r.id(), nil }

func (r groupRelease) id() release.ID {
	h := sha256.New()
	for _, e := range r.offers {
		io.WriteString(h, e.name+"\x00"+e.content)
	}
	return release.ID{Checksum: hex.EncodeToString(h.Sum(nil)[:8]), Source: "memory"}
}

func (r groupRelease) Open(context.Context) (Payload, error) { return &groupPass{r: r, at: -1}, nil }

// groupPass is one reading of such a release.
type groupPass struct {
	r    groupRelease
	at   int
	left *strings.Reader
	end  bool
}

func (p *groupPass) Next() (release.Part, error) {
	p.at++
	if p.at >= len(p.r.offers) {
		p.end = true
		return release.Part{}, io.EOF
	}
	e := p.r.offers[p.at]
	p.left = strings.NewReader(e.content)
	return release.Part{Name: e.name, Size: e.size}, nil
}

func (p *groupPass) Read(b []byte) (int, error) {
	if err := p.r.step(); err != nil {
		return 0, err
	}
	return p.left.Read(b[:min(len(b), 700)])
}

func (p *groupPass) ID() release.ID {
	id := p.r.id()
	if p.end {
		sum := sha256.Sum256([]byte(id.Checksum))
		id.SHA256 = hex.EncodeToString(sum[:])
	}
	return id
}

func (p *groupPass) Parts() iter.Seq[release.Part] { return func(func(release.Part) bool) {} }
func (p *groupPass) Fetched() int64                { return 0 }
func (p *groupPass) Close() error                  { return nil }

func TestGroupIsWrittenProvenAndSwitchedAsOne(t *testing.T) {
	w := newGroupWorld(t)
	w.offers = whole("v2 healthy")
	out, err := w.install()
	if err != nil {
		t.Fatal(err)
	}
	want := []slot.Held{}
	for _, i := range []int{1, 2, 0} { // by the parts' names
		sum := sha256.Sum256([]byte(w.offers[i].content))
		want = append(want, slot.Held{Name: PartOf(w.offers[i].name), SHA256: hex.EncodeToString(sum[:]), Size: int64(len(w.offers[i].content))})
	}
	if !reflect.DeepEqual(out.Parts, want) || out.SHA256 != slot.Together(want).SHA256 || out.Size != slot.Together(want).Size {
		t.Errorf("installed %+v\nwant %+v", out, want)
	}
	status, err := w.engine().Status()
	if err != nil {
		t.Fatal(err)
	}
	for i, p := range status.Slots[bootctl.B].Parts {
		if (slot.Held{Name: p.Name, SHA256: p.SHA256, Size: p.Size}) != want[i] || p.File != (p.Name == "kernel") {
			t.Errorf("status says %+v, want %+v", p, want[i])
		}
	}
	if n := len(status.Slots[bootctl.B].Parts); n != 3 {
		t.Errorf("status lists %d parts", n)
	}
	w.powerOn()
	if report, err := w.engine().Boot(t.Context()); err != nil || !report.Committed || w.booted != bootctl.B {
		t.Errorf("boot of slot %s: %+v, %v", w.booted, report, err)
	}
	if got := w.versions(bootctl.B); !reflect.DeepEqual(got, map[string]string{"boot": "v2", "kernel": "v2", "root": "v2"}) {
		t.Errorf("slot B holds %v", got)
	}
}

// A file that is written in place holds nothing of what was in it before.
func TestNothingOlderIsLeftBehindAnImageInPlace(t *testing.T) {
	w := newGroupWorld(t)
	w.offers = whole("v2 healthy")
	if _, err := w.install(); err != nil {
		t.Fatal(err)
	}
	path := w.groups[bootctl.B][1].Path
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	image := w.offers[2].content
	if len(text) != 500*len("v1 healthy kernel\x00") || string(text) != image+strings.Repeat("\x00", len(text)-len(image)) {
		t.Errorf("%s has %d bytes, or something of its old content", path, len(text))
	}
}

// Whatever does not give every part its own image leaves the slot unbootable and
// the running one as it was.
func TestReleasesThatAreNoWholeGroup(t *testing.T) {
	with := func(more ...entry) []entry { return append(whole("v2 healthy"), more...) }
	for name, c := range map[string]struct {
		offers []entry
		want   string
		begun  bool // something was written before it was found out
	}{
		"one alone under another name": {[]entry{{"firmware.img", "v2", -1}}, `the release holds "firmware.img", which is no part of slot B: pack one entry for each of boot, kernel, root`, false},
		"one alone":                    {whole("v2 healthy")[:1], "the release holds no boot, which is a part of slot B", true},
		"one missing":                  {whole("v2 healthy")[:2], "the release holds no kernel, which is a part of slot B", true},
		"one too many":                 {with(entry{"dtb.img", "v2", -1}), `the release holds "dtb.img", which is no part of slot B`, true},
		"a folder":                     {with(entry{"boot/", "", 0}), `"boot/", which is no part`, true},
		"below a folder":               {with(entry{"x/root.img", "v2", -1}), `"x/root.img", which is no part`, true},
		"twice":                        {with(entry{"root.squashfs", "v2", -1}), `the release holds both "root.ext4" and "root.squashfs" for part root of slot B`, true},
		"an empty one by its header":   {[]entry{{"root.img", "", 0}}, "root.img is empty", false},
		"an empty one":                 {append(whole("v2 healthy")[:2], entry{"kernel", "", -1}), "kernel is empty", true},
		"too large by its header":      {append([]entry{{"kernel", "v2", 9001}}, whole("v2 healthy")[:2]...), "kernel has 9001 bytes, but slot B (", false},
		"too large":                    {append([]entry{{"kernel", strings.Repeat("x", 9001), -1}}, whole("v2 healthy")[:2]...), "image is larger than the slot", false},
	} {
		t.Run(name, func(t *testing.T) {
			w := newGroupWorld(t)
			w.offers = c.offers
			before, untouched := w.table, w.versions(bootctl.B)
			_, err := w.install()
			if err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "\n") {
				t.Errorf("got  %v\nwant %s", err, c.want)
			}
			if !errors.Is(err, ErrRefusedRelease) && !errors.Is(err, slot.ErrFull) {
				t.Errorf("%v is no refusal", err)
			}
			if w.table.Slots[bootctl.A] != before.Slots[bootctl.A] || w.table.Slots[bootctl.B].Bootable() {
				t.Errorf("table %+v, was %+v", w.table, before)
			}
			if got := w.versions(bootctl.A); got["root"] != "v1" || got["kernel"] != "v1" || got["boot"] != "v1" {
				t.Errorf("slot A holds %v", got)
			}
			if begun := !reflect.DeepEqual(w.versions(bootctl.B), untouched); begun != c.begun {
				t.Errorf("slot B was written: %t, want %t", begun, c.begun)
			}
			w.offers = whole("v3 healthy")
			if _, err := w.install(); err != nil {
				t.Errorf("a whole one after it: %v", err)
			}
		})
	}
}

// TestPowerCutAtEveryStepOfAGroup: only a slot whose parts are all of one release
// is ever started.
func TestPowerCutAtEveryStepOfAGroup(t *testing.T) {
	cuts := 0
	for ; ; cuts++ {
		w := newGroupWorld(t)
		w.offers = whole("v2 healthy")
		w.cutAt = cuts + 1
		_, err := w.install()
		if !w.dead && err == nil {
			break
		}
		w.powerOn()
		running := w.versions(w.booted)
		if running["boot"] != running["root"] || running["kernel"] != running["root"] {
			t.Fatalf("cut %d: slot %s runs with %v", w.cutAt, w.booted, running)
		}
		for range 3 {
			_, _ = w.engine().Boot(t.Context())
			if w.booted == bootctl.B {
				break
			}
			if _, err := w.install(); err != nil && !errors.Is(err, ErrNothingToDo) {
				t.Fatalf("cut %d: %v", cuts+1, err)
			}
			w.powerOn()
		}
		if got := w.versions(w.booted); w.booted != bootctl.B || got["boot"] != "v2" || got["kernel"] != "v2" || got["root"] != "v2" {
			t.Fatalf("cut %d: slot %s runs with %v in the end", cuts+1, w.booted, got)
		}
	}
	if t.Logf("%d power cuts", cuts); cuts < 15 {
		t.Errorf("only %d power cuts: the test cuts nothing", cuts)
	}
}

// An abota that knows one part keeps the list of parts although it has written
// the slot: then the list says nothing any more.
func TestPartsOfAnOlderContentDoNotCount(t *testing.T) {
	held := []slot.Held{{Name: "boot", SHA256: strings.Repeat("1", 64), Size: 1}, {Name: "root", SHA256: strings.Repeat("2", 64), Size: 2}}
	r := &Record{Phase: Idle}
	r.hold(bootctl.B, Content{Proven: true}, held)
	text, err := json.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	back, err := decodeRecord(text)
	if err != nil || !reflect.DeepEqual(back.PartsOf(bootctl.B), held) || back.PartsOf(bootctl.A) != nil {
		t.Fatalf("%+v, %v", back, err)
	}
	if back.Slots[bootctl.B].Size != 3 || back.Slots[bootctl.B].SHA256 != slot.Together(held).SHA256 {
		t.Errorf("slot B is %+v", back.Slots[bootctl.B])
	}
	back.Slots[bootctl.B].SHA256 = strings.Repeat("3", 64)
	if got := back.PartsOf(bootctl.B); got != nil {
		t.Errorf("parts %+v of another content", got)
	}
	if none, err := json.Marshal(&Record{Phase: Idle}); err != nil || strings.Contains(string(none), "parts") {
		t.Errorf("a record without parts is %s", none)
	}
}
