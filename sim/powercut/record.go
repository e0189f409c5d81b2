package powercut

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"abota/bootctl"
	"abota/sim"
	"abota/sim/board"
	"abota/sim/disk"
	"abota/sim/guest"
	"abota/sim/parts"
	"abota/updater"
	"abota/updater/slot"
)

// Recording is a story that a board lived through, with all that it did to
// its disk. It lies in a folder and can be judged there at any time.
type Recording struct {
	// Board is the kind of board, Layout that of its disk, and Files are what its
	// firmware has for the boot loader, by name.
	Board  string
	Layout disk.Layout
	Files  map[string]string
	// Base is the disk's image before the story, Log the log of writes.
	Base, Log string
	// Factory is what slot A held at the start.
	Factory Release
	// Chapters are the updates, in their order.
	Chapters []Chapter
	// End is how many entries the log had at the story's end. From there to
	// Scribbled a program that is not abota kept the journal, badly.
	// From Scribbled to Renamed one replaced a file of the loader by renaming it,
	// where there is one.
	End, Scribbled, Renamed int
}

// Release is a firmware as it lies in a slot.
type Release struct {
	Version   string
	Behaviour guest.Behaviour
	// SHA256 and Size are of the slot's file system, or of all Parts together.
	SHA256 string
	Size   int64
	// Parts are what it has in a slot that consists of several.
	Parts []slot.Held
}

// Healthy reports whether a trial of the release ends well.
func (r Release) Healthy() bool { return r.Behaviour == guest.Healthy }

// Chapter is one update. Its places are numbers of log entries, taken before
// a thing was begun, or after it was seen to be done.
type Chapter struct {
	Release
	// Target is the slot that it was installed to.
	Target bootctl.Slot
	// Begin is before `abota install`, Armed after it reported success,
	// Reboot before the restart was asked for, Verdict after the console said
	// how the trial ended, Done when the board had nothing more to do.
	Begin, Armed, Reboot, Verdict, Done int
}

// recorder lets a board live through a story.
type recorder struct {
	world *sim.World
	log   string
	// seen is where the story stands, greeted where user space last said hello.
	seen, greeted board.Mark
	// booted is the slot of the boot at hand, decision what abota boot decided
	// in it.
	booted, decision string
}

// waitLimit bounds everything that is waited for. A healthy board takes
// seconds; the rest is for busy hosts.
const waitLimit = 4 * time.Minute

func limited(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeoutCause(ctx, waitLimit, fmt.Errorf("not seen in %s", waitLimit))
}

// at is the length of the log now.
func (r *recorder) at() (int, error) { return LogLength(r.log) }

// start switches the board on and waits for its first boot to be over.
func (r *recorder) start(ctx context.Context) error {
	r.seen = r.world.Board().Log().Mark()
	if err := r.world.Board().PowerOn(ctx); err != nil {
		return err
	}
	return r.up(ctx)
}

// up waits for the next boot to reach user space and to have decided, in
// whatever order these are seen. The story stands at the decision then.
func (r *recorder) up(ctx context.Context) error {
	ctx, cancel := limited(ctx)
	defer cancel()
	began := r.seen
	if err := r.hello(ctx); err != nil {
		return err
	}
	r.greeted = r.seen
	e, next, err := r.world.Board().Log().Wait(ctx, began, func(e board.Event) bool {
		return e.Kind == board.Console && decided.MatchString(e.Text)
	})
	if err != nil {
		return fmt.Errorf("wait for the decision of abota boot: %w", err)
	}
	r.seen = next
	said := decided.FindStringSubmatch(e.Text)
	r.booted, r.decision = said[1], strings.Trim(said[2], `"`)
	return nil
}

// leaves reports whether the boot at hand ends in a reboot at once, so that
// the guest cannot be asked anything.
func (r *recorder) leaves() bool {
	return r.decision == updater.FinishRollback.String() || r.decision == updater.Leave.String()
}

var (
	committed  = regexp.MustCompile(`msg=committed slot=`)
	rolledBack = regexp.MustCompile(`msg="rolled back[^"]*" to=`)
)

// verdict is how the console says that a trial ended.
func verdict(b guest.Behaviour) *regexp.Regexp {
	if b == guest.Healthy {
		return committed
	}
	return rolledBack
}

// console waits for a line from where the story stands, and moves there.
func (r *recorder) console(ctx context.Context, line *regexp.Regexp) error {
	ctx, cancel := limited(ctx)
	defer cancel()
	_, next, err := r.world.Board().Log().Wait(ctx, r.seen, func(e board.Event) bool {
		return e.Kind == board.Console && line.MatchString(e.Text)
	})
	if err != nil {
		return fmt.Errorf("wait for %q on the console: %w", line, err)
	}
	r.seen = next
	return nil
}

// hello waits for the next boot's user space, and moves there.
func (r *recorder) hello(ctx context.Context) error {
	ctx, cancel := limited(ctx)
	defer cancel()
	_, next, err := r.world.Board().Log().Wait(ctx, r.seen, func(e board.Event) bool { return e.Kind == board.Hello })
	if err != nil {
		return fmt.Errorf("wait for the guest's user space: %w", err)
	}
	r.seen = next
	return nil
}

func (r *recorder) run(ctx context.Context, script string) (board.Result, error) {
	ctx, cancel := limited(ctx)
	defer cancel()
	got, err := r.world.Board().Run(ctx, script)
	if err == nil && got.Exit != 0 {
		err = fmt.Errorf("the guest's %q ended with exit status %d: %s%s", script, got.Exit, got.Stdout, got.Stderr)
	}
	return got, err
}

// installing waits for the `abota boot` of the boot at hand, which has said what it
// does but may not have ended (9).
const installing = `while :; do
	abota install && exit 0
	status=$?
	[ $status = 9 ] || exit $status
	sleep 1
done`

// update plays one chapter.
func (r *recorder) update(ctx context.Context, version string, b guest.Behaviour, target bootctl.Slot) (c Chapter, err error) {
	image, err := r.world.Publish(ctx, version, b)
	if err != nil {
		return c, err
	}
	c = Chapter{Release: published(image, version, b), Target: target}
	place := func(p *int) {
		if err == nil {
			*p, err = r.at()
		}
	}
	place(&c.Begin)
	if err == nil {
		_, err = r.run(ctx, installing)
	}
	place(&c.Armed)
	place(&c.Reboot)
	if err == nil {
		err = r.reboot(ctx)
	}
	if err == nil {
		err = r.up(ctx)
	}
	if err == nil {
		err = r.console(ctx, verdict(b))
	}
	place(&c.Verdict)
	if err == nil && b != guest.Healthy {
		r.seen = max(r.seen, r.greeted)
		err = r.up(ctx)
	}
	if err == nil {
		_, err = r.run(ctx, "sync")
	}
	place(&c.Done)
	if err != nil {
		return c, fmt.Errorf("update to version %s: %w", version, err)
	}
	return c, nil
}

func (r *recorder) reboot(ctx context.Context) error {
	r.seen = r.world.Board().Log().Mark()
	_, err := r.world.Board().Run(ctx, "reboot")
	if err != nil && !errors.Is(err, board.ErrRestarts) {
		return err
	}
	return r.console(ctx, regexp.MustCompile(`reboot: Restarting system`))
}

// story is what every recording goes through: an update that is kept, one that
// is left, and one over a former one.
var story = []struct {
	version string
	b       guest.Behaviour
	target  bootctl.Slot
}{{"2", guest.Healthy, bootctl.B}, {"3", guest.Unhealthy, bootctl.A}, {"4", guest.Healthy, bootctl.A}}

// record lets a world's board, which is off and as it left the factory, live
// through the story. It leaves the board off, and its log and first disk
// beside it in dir.
func record(ctx context.Context, w *sim.World, log, dir string) (*Recording, error) {
	rec := &Recording{
		Board: w.Kind().Name, Layout: w.Layout(), Files: w.LoaderFiles(),
		Base: filepath.Join(dir, "base.img"), Log: filepath.Join(dir, "story.log"),
	}
	if err := copySparse(rec.Base, w.Disk()); err != nil {
		return nil, err
	}
	var err error
	if rec.Factory, err = factory(ctx, rec.Base, rec.Layout); err != nil {
		return nil, err
	}
	r := &recorder{world: w, log: log}
	if err := r.tell(ctx, rec); err != nil {
		return nil, fmt.Errorf("record a story: %w", err)
	}
	w.Board().PowerCut()
	// Every later power-on begins the log anew.
	if err := os.Rename(log, rec.Log); err != nil {
		return nil, fmt.Errorf("keep the log of writes: %w", err)
	}
	text, err := json.MarshalIndent(rec, "", "\t")
	if err == nil {
		err = os.WriteFile(filepath.Join(dir, "story.json"), text, 0o644)
	}
	if err != nil {
		return nil, fmt.Errorf("keep the story: %w", err)
	}
	return rec, nil
}

// tell plays the story and notes its places.
func (r *recorder) tell(ctx context.Context, rec *Recording) (err error) {
	if err := r.start(ctx); err != nil {
		return err
	}
	for _, s := range story {
		c, err := r.update(ctx, s.version, s.b, s.target)
		if err != nil {
			return err
		}
		rec.Chapters = append(rec.Chapters, c)
	}
	if rec.End, err = r.at(); err != nil {
		return err
	}
	if _, err := r.run(ctx, scribble); err != nil {
		return err
	}
	if rec.Scribbled, err = r.at(); err != nil {
		return err
	}
	if r.world.Kind().Loader == parts.LoaderSystemdBoot {
		if _, err := r.run(ctx, renames); err != nil {
			return err
		}
	}
	rec.Renamed, err = r.at()
	return err
}

// published is a release that was offered to the board.
func published(p sim.Published, version string, b guest.Behaviour) Release {
	return Release{Version: version, Behaviour: b, SHA256: p.SHA256, Size: p.Size, Parts: p.Parts}
}

// factory is what slot A of a fresh disk holds.
func factory(ctx context.Context, path string, layout disk.Layout) (Release, error) {
	p, err := layout.Find(disk.Root("A"))
	if err != nil {
		return Release{}, err
	}
	proof, err := slot.DigestIn(ctx, path, slot.Part{Offset: p.Offset, Size: guest.ImageSize})
	return Release{Version: sim.FactoryVersion, Behaviour: guest.Healthy, SHA256: proof.SHA256, Size: proof.Size}, err
}

// copySparse copies a file and leaves holes where it is zero.
func copySparse(dst, src string) error {
	in, err := os.Open(src)
	if err != nil {
		return fmt.Errorf("copy a disk: %w", err)
	}
	defer in.Close()
	out, err := os.Create(dst)
	if err != nil {
		return fmt.Errorf("copy a disk: %w", err)
	}
	err = copyHoles(out, in)
	if err = errors.Join(err, out.Close()); err != nil {
		return fmt.Errorf("copy a disk: %w", err)
	}
	return nil
}

func copyHoles(out *os.File, in io.Reader) error {
	buf, size := make([]byte, 64<<10), int64(0)
	for {
		n, err := io.ReadFull(in, buf)
		if !isZero(buf[:n]) {
			if _, err := out.WriteAt(buf[:n], size); err != nil {
				return err
			}
		}
		size += int64(n)
		if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			return out.Truncate(size)
		}
		if err != nil {
			return err
		}
	}
}

func isZero(b []byte) bool {
	for _, x := range b {
		if x != 0 {
			return false
		}
	}
	return true
}
