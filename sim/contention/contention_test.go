package contention

import (
	"context"
	"flag"
	"fmt"
	"maps"
	"math/rand/v2"
	"os/exec"
	"slices"
	"sync"
	"syscall"
	"testing"
	"time"

	"abota/sim"
)

// The two kinds of boot table that a file can hold.
const (
	record = "{kind: record}"
	uboot  = "{kind: uboot, env: [{device: DIR/env, offset: 0, size: 0x4000}, {device: DIR/env, offset: 4M, size: 0x4000}]}"
)

// kills is how many random moments there are, over both kinds of device.
const kills = 100

var seed = flag.Uint64("seed", 1, "seed of the random moments")

var build = func() func(*testing.T) string {
	var (
		once sync.Once
		path string
		err  error
	)
	return func(t *testing.T) string {
		t.Helper()
		once.Do(func() {
			var module sim.Module
			if module, err = sim.FindModule(context.Background()); err == nil {
				path, err = module.Build(context.Background(), "abota", "", binaries)
			}
		})
		must(t, err)
		return path
	}
}()

// process is one abota at work.
type process struct {
	*exec.Cmd
	verb  string
	done  chan struct{}
	watch *watch
}

func (w *watch) start(t *testing.T, d *device, args ...string) *process {
	t.Helper()
	p := &process{Cmd: d.command(context.Background(), args...), verb: args[0], done: make(chan struct{}), watch: w}
	must(t, p.Start())
	w.add(p.Process.Pid)
	go func() {
		defer close(p.done)
		_ = p.Wait() // its code counts
		w.remove(p.Process.Pid)
	}()
	return p
}

// wait returns the exit code, -1 when it was killed.
func (p *process) wait() int {
	<-p.done
	return p.ProcessState.ExitCode()
}

// may are the exit codes that each verb may end with in a crowd: done, or
// nothing to do, or refused, or locked, or the release changed once too often.
var may = map[string][]int{
	"install":  {0, 3, 6, 7, 9},
	"boot":     {0},
	"mark":     {0, 7, 9},
	"rollback": {0, 7, 9},
	"run":      {0, 9},
	"status":   {0},
}

// tally is what a whole test saw.
type tally struct {
	ends, phases, killed map[string]int
	looks, held, writing int
	unnoted              int
	installed, restarts  int
}

func upTo(random *rand.Rand, d time.Duration) time.Duration {
	return time.Duration(random.Int64N(int64(d)))
}

// TestKilledInTheCrowd: at each of 100 random moments one process, or all of
// them, is killed.
func TestKilledInTheCrowd(t *testing.T) {
	abota := build(t)
	began := time.Now()
	total := &tally{ends: map[string]int{}, phases: map[string]int{}, killed: map[string]int{}}
	for i, bootloader := range []string{record, uboot} {
		random := rand.New(rand.NewPCG(*seed, uint64(i)))
		d := newDevice(t, abota, bootloader)
		for round := range kills / 2 {
			d.round(round, random, total)
			if t.Failed() {
				_, log := d.run("log")
				t.Fatalf("%s\nround %d of %s, with -seed %d", log, round, bootloader, *seed)
			}
		}
		total.unnoted += d.unnoted
	}
	t.Logf("%d kills in %.0f s: %v", kills, time.Since(began).Seconds(), total.killed)
	t.Logf("phase of the journal after the kill: %v", total.phases)
	for _, end := range slices.Sorted(maps.Keys(total.ends)) {
		t.Logf("%-22s %5d", end, total.ends[end])
	}
	t.Logf("%d looks from outside: the lock was held in %d, a slot written in %d, by more than one in 0", total.looks, total.held, total.writing)
	t.Logf("%d looks found a slot that was noted as to be written, and not touched yet", total.unnoted)
	t.Logf("%d installs afterwards without help, %d restarts into the other slot", total.installed, total.restarts)
	// How many hit what depends on how busy the machine is; none is no test.
	if total.phases["writing"]+total.phases["trying"] == 0 || total.phases["armed"] == 0 {
		t.Error("no kill hit an update under way: the moments are chosen badly")
	}
	if total.held == 0 || total.writing == 0 {
		t.Error("the watch saw nobody at work")
	}
}

// round lets a crowd loose, kills, looks, and brings the device back to work.
func (d *device) round(round int, random *rand.Rand, total *tally) {
	d.t.Helper()
	booted := d.digest(d.booted)
	d.server.current.Store(&d.server.releases[round%len(d.server.releases)])
	d.server.slow.Store(true)
	w := watchOver(d)
	var crowd []*process
	for _, verb := range d.verbs(random) {
		crowd = append(crowd, w.start(d.t, d, verb...))
		time.Sleep(upTo(random, 25*time.Millisecond))
	}
	if random.IntN(3) > 0 && w.untilWriting(crowd) {
		time.Sleep(upTo(random, 60*time.Millisecond))
	} else {
		time.Sleep(upTo(random, 120*time.Millisecond))
	}
	d.kill(crowd, random, total)
	if random.IntN(2) > 0 {
		// An agent takes over, among those that are left.
		crowd = append(crowd, w.start(d.t, d, "run"))
		time.Sleep(upTo(random, 120*time.Millisecond))
	}
	d.finish(crowd, total)
	w.end()
	total.looks, total.held, total.writing = total.looks+w.looks, total.held+w.held, total.writing+w.writing
	for _, wrong := range w.wrong {
		d.t.Error(wrong)
	}
	total.phases[d.check(booted)]++
	d.goOn(round, random, total)
}

// verbs are a crowd: two agents, a boot, an install, and some of the rest.
func (d *device) verbs(random *rand.Rand) [][]string {
	all := [][]string{
		{"install"},
		{"mark", "active", names[random.IntN(2)]},
		{"mark", "good"},
		{"mark", "bad", names[1-d.booted]},
		{"rollback"},
		{"install"},
		{"status"},
	}
	random.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	all = append(all[:1+random.IntN(4)], []string{"run"}, []string{"run"}, []string{"boot"}, []string{"install"})
	random.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	return all
}

// untilWriting waits for somebody to write a slot, as long as somebody could,
// and reports whether anybody does.
func (w *watch) untilWriting(crowd []*process) bool {
	for range 300 {
		busy := false
		for _, p := range crowd {
			busy = busy || p.alive() && p.verb != "run"
		}
		if writing := len(w.writers()) > 0; writing || !busy {
			return writing
		}
		time.Sleep(time.Millisecond)
	}
	return false
}

// alive reports whether it runs.
func (p *process) alive() bool {
	select {
	case <-p.done:
		return false
	default:
		return true
	}
}

// kill ends one of those that are at work, or all of them, without a word.
func (d *device) kill(crowd []*process, random *rand.Rand, total *tally) {
	d.t.Helper()
	var alive []*process
	for _, p := range crowd {
		if p.alive() {
			alive = append(alive, p)
		}
	}
	victims, name := alive, "all at once"
	if random.IntN(3) > 0 && len(alive) > 0 {
		i := random.IntN(len(alive))
		// Whoever holds the lock is the one to hit.
		for j, p := range alive {
			if slices.Contains(lockHolders(d.state("lock")), p.Process.Pid) {
				i = j
			}
		}
		victims, name = alive[i:i+1], alive[i].verb
	}
	total.killed[name]++
	for _, p := range victims {
		_ = p.Process.Kill() // it may have ended just now
	}
}

// finish waits for the verbs, and stops the agents.
func (d *device) finish(crowd []*process, total *tally) {
	d.t.Helper()
	for _, p := range crowd {
		if p.verb != "run" {
			d.ended(p, total)
		}
	}
	for _, p := range crowd {
		if p.verb == "run" {
			_ = p.Process.Signal(syscall.SIGTERM)
			d.ended(p, total)
		}
	}
}

func (d *device) ended(p *process, total *tally) {
	d.t.Helper()
	code := p.wait()
	if code < 0 {
		total.ends[p.verb+", killed"]++
		return
	}
	total.ends[fmt.Sprintf("%s, exit code %d", p.verb, code)]++
	if !slices.Contains(may[p.verb], code) {
		d.t.Errorf("%s ended with exit code %d", p.verb, code)
	}
}

// goOn starts the device anew, as its boot loader would, and installs another
// release: without help from anybody.
func (d *device) goOn(round int, random *rand.Rand, total *tally) {
	d.t.Helper()
	d.server.slow.Store(false)
	d.restart(total)
	booted := d.digest(d.booted)
	if code, out := d.run("boot"); code != 0 {
		d.t.Errorf("boot after the kill ends with %d: %s", code, out)
	}
	d.check(booted)
	another := &d.server.releases[(round+2)%len(d.server.releases)]
	if another.image == booted {
		another = &d.server.releases[(round+3)%len(d.server.releases)]
	}
	d.server.current.Store(another)
	// A rollback among the crowd may have condemned it.
	if code, out := d.run("install", "--reinstall"); code != 0 && code != 3 {
		d.t.Errorf("install after the kill ends with %d: %s", code, out)
	}
	d.check(booted)
	if s := d.status(); s.Phase != "armed" || d.digest(1-d.booted) != another.image {
		d.t.Errorf("after the install: phase %s, slot %s does not hold the release", s.Phase, names[1-d.booted])
	}
	total.installed++
	if random.IntN(3) == 0 {
		d.restart(total) // the next crowd meets a trial
	}
}

// restart boots what the table puts first.
func (d *device) restart(total *tally) {
	d.t.Helper()
	if next := slices.Index(names[:], d.status().Primary); next != d.booted {
		d.booted = next
		total.restarts++
	}
}
