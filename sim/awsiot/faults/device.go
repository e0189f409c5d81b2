package faults

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"abota/sim/awsiot"
)

// device is a thing that was never updated, in a folder of its own.
type device struct {
	w      *world
	dir    string
	thing  awsiot.Device
	first  []byte            // the sum of what slot A held at first
	iot    map[string]string // the values below aws_iot
	lines  []string          // of its configuration, beside those that all have
	agent  *agent
	trial  *agent // an `abota boot` that goes on
	booted string
	boots  int
	exits  []int // of every `abota boot`
}

// agent is a process of `abota run`.
type agent struct {
	cmd  *exec.Cmd
	over chan struct{} // closed once it has ended
}

// slots as `abota` names them.
const slotA, slotB = "A", "B"

func (w *world) newDevice(dir, name, broker string) (*device, error) {
	d := &device{w: w, dir: dir, booted: slotA}
	var err error
	if d.thing, err = w.cloud.NewDevice(name, groupOf(name)); err != nil {
		return nil, err
	}
	signing, err := w.cloud.SigningCertificate(awsiot.Profile)
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(d.at("certs"), 0o700); err != nil {
		return nil, err
	}
	err = errors.Join(
		os.WriteFile(d.at("a.img"), bytes.Repeat([]byte("factory!"), int(w.size/8)), 0o600),
		os.WriteFile(d.at("b.img"), nil, 0o600),
		os.Truncate(d.at("b.img"), w.size),
		os.WriteFile(d.at("healthy"), nil, 0o600),
		os.WriteFile(d.at("certs", awsiot.CertName), signing, 0o600),
	)
	if err != nil {
		return nil, err
	}
	d.iot = map[string]string{
		"endpoint": `"` + broker + `"`, "thing": name, "ca_file": d.thing.CA, "cert": d.thing.Certificate, "key": d.thing.Key,
		"certificates": d.at("certs"), "block_size": "16K", "keep_alive": "30s",
	}
	d.first, err = digest(d.at("a.img"))
	return d, err
}

// groupOf is the group in which a thing is alone.
func groupOf(thing string) string { return thing + "-group" }

func (d *device) at(name ...string) string {
	return filepath.Join(append([]string{d.dir}, name...)...)
}

// settings are what all devices have: patience that is short, so that a table of
// faults is over today, but longer than a busy machine's own pauses.
const settings = `mode: aws-iot
slots: {a: DIR/a.img, b: DIR/b.img}
state_dir: DIR/state
timeout: {connect: 5s, handshake: 5s, header: 3s, idle: 2s}
retry: {open: 3, resume: 6, first: 100ms, longest: 400ms}
health: {deadline: 1s, stable_for: 1ms, update_path: false, checks: [{exec: [test, -e, DIR/healthy]}]}
hooks: {before_reboot: [touch, DIR/rebooted]}
`

// configure writes the configuration.
func (d *device) configure() error {
	var iot []string
	for key, value := range d.iot {
		iot = append(iot, key+": "+value)
	}
	slices.Sort(iot)
	text := settings
	for _, line := range d.lines {
		text = replaceKey(text, line)
	}
	text += "aws_iot: {" + strings.Join(iot, ", ") + "}\n"
	return os.WriteFile(d.at("config.yaml"), []byte(strings.ReplaceAll(text, "DIR", d.dir)), 0o600)
}

// replaceKey puts a line into a configuration, in the place of that of the same
// key.
func replaceKey(text, line string) string {
	key, _, _ := strings.Cut(line, ":")
	if at := strings.Index("\n"+text, "\n"+key+":"); at >= 0 {
		end := at + strings.IndexByte(text[at:], '\n') + 1
		text = text[:at] + text[end:]
	}
	return text + line + "\n"
}

// command is one of abota on the system that is booted, in this boot.
func (d *device) command(ctx context.Context, args ...string) *exec.Cmd {
	const view = `mount --bind "$1" /proc/sys/kernel/random/boot_id && shift && exec "$@"`
	argv := append([]string{
		"--map-root-user", "--mount", "sh", "-c", view, "view", d.at("boot_id"),
		d.w.abota, "--config", d.at("config.yaml"), "--booted", d.booted,
	}, args...)
	cmd := exec.CommandContext(ctx, "unshare", argv...)
	cmd.Env = []string{"HOME=" + d.dir, "PATH=" + os.Getenv("PATH")}
	cmd.Dir = d.dir
	return cmd
}

// namespaces says why this machine does not let a user make namespaces.
func namespaces(ctx context.Context) error {
	if out, err := exec.CommandContext(ctx, "unshare", "--map-root-user", "--mount", "true").CombinedOutput(); err != nil {
		return fmt.Errorf("it needs user namespaces: %w: %s", err, strings.TrimSpace(string(out)))
	}
	return nil
}

// powerOn begins a boot with a boot_id of its own.
func (d *device) powerOn() error {
	d.boots++
	return os.WriteFile(d.at("boot_id"), fmt.Appendf(nil, "00000000-0000-4000-8000-%012d\n", d.boots), 0o600)
}

// logged has a command's output join that of all others.
func (d *device) logged(cmd *exec.Cmd) (*os.File, error) {
	log, err := os.OpenFile(d.at("log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	cmd.Stdout, cmd.Stderr = log, log
	return log, err
}

// start starts the agent.
func (d *device) start(ctx context.Context) error {
	if d.boots == 0 {
		if err := errors.Join(d.configure(), d.powerOn()); err != nil {
			return err
		}
	}
	if err := os.RemoveAll(d.at("rebooted")); err != nil {
		return err
	}
	cmd := d.command(context.WithoutCancel(ctx), "-v", "run")
	log, err := d.logged(cmd)
	if err != nil {
		return err
	}
	defer log.Close()
	d.agent, err = began(cmd)
	return err
}

// kill ends everything as a power cut does.
func (d *device) kill() {
	for _, a := range []*agent{d.agent, d.trial} {
		if a != nil {
			_ = a.cmd.Process.Kill() // fails only if it is gone already
			<-a.over
		}
	}
	d.agent, d.trial = nil, nil
}

// stop asks the agent to end, and returns its exit code.
func (d *device) stop() (int, error) {
	a := d.agent
	if a == nil {
		return 0, nil
	}
	d.agent = nil
	_ = a.cmd.Process.Signal(syscall.SIGTERM) // fails only if it is gone already
	select {
	case <-a.over:
		return a.cmd.ProcessState.ExitCode(), nil
	case <-time.After(20 * time.Second):
		_ = a.cmd.Process.Kill()
		<-a.over
		return -1, errors.New("the agent does not end when it is told to")
	}
}

// restartAgent is for a fault that an operator mends: the pause that the agent
// makes would only take time.
func (d *device) restartAgent(ctx context.Context) error {
	d.kill()
	return errors.Join(d.configure(), d.start(ctx))
}

// rebooting reports whether the agent has asked for a restart.
func (d *device) rebooting() bool {
	_, err := os.Stat(d.at("rebooted"))
	return err == nil
}

// reboot takes the power away and starts what the boot table names, until
// `abota boot` lets it run.
func (d *device) reboot(ctx context.Context) error {
	d.kill()
	for range 8 {
		s, err := d.standing(ctx)
		if err != nil {
			return err
		}
		d.booted = s.Primary
		if err := errors.Join(d.configure(), d.powerOn()); err != nil {
			return err
		}
		code, err := d.abotaBoot(ctx)
		if err != nil {
			return err
		}
		d.exits = append(d.exits, code)
		if s, err = d.standing(ctx); err != nil {
			return err
		}
		if s.Primary == d.booted {
			return d.start(ctx)
		}
	}
	return errors.New("the device restarts for ever")
}

// abotaBoot is `abota boot`, to its end or until the power goes; then its exit
// code is -1.
func (d *device) abotaBoot(ctx context.Context) (int, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	cmd := d.command(ctx, "boot")
	log, err := d.logged(cmd)
	if err != nil {
		return 0, err
	}
	defer log.Close()
	err = cmd.Run()
	var ended *exec.ExitError
	if err != nil && !errors.As(err, &ended) {
		return 0, fmt.Errorf("run abota boot: %w", err)
	}
	return cmd.ProcessState.ExitCode(), ctx.Err()
}

// standing is what `abota status --json` says, as far as rows look at it.
type standing struct {
	Booted, Primary, Phase string
	Condemned              []json.RawMessage
	Held                   json.RawMessage
	Job                    *struct {
		Job, Phase, Status, Reason string
	}
	Slots []struct {
		Name       string
		BootStatus string `json:"boot_status"`
	}
}

func (d *device) standing(ctx context.Context) (standing, error) {
	var s standing
	var complaint bytes.Buffer
	cmd := d.command(ctx, "--json", "status")
	cmd.Stderr = &complaint
	out, err := cmd.Output()
	if err != nil {
		return s, fmt.Errorf("`abota status`: %w: %s", err, complaint.String())
	}
	if err := json.Unmarshal(out, &s); err != nil {
		return s, fmt.Errorf("read abota status: %w", err)
	}
	return s, nil
}

func (s standing) bootStatus(slot string) string {
	for _, have := range s.Slots {
		if have.Name == slot {
			return have.BootStatus
		}
	}
	return "missing"
}

// untouched checks that nothing changed that boots.
func (d *device) untouched(ctx context.Context, condemned int, held bool) error {
	s, err := d.standing(ctx)
	if err != nil {
		return err
	}
	switch {
	case d.booted != slotA || s.Primary != slotA || s.bootStatus(slotA) != "good":
		return fmt.Errorf("the pointer moved: booted %s, primary %s, slot A %s", d.booted, s.Primary, s.bootStatus(slotA))
	case s.bootStatus(slotB) != "bad":
		return fmt.Errorf("slot B could be booted: it is %s", s.bootStatus(slotB))
	}
	return errors.Join(s.verdicts(condemned, held), d.holds("a.img", d.first))
}

// committed checks that slot B runs the image for good.
func (d *device) committed(ctx context.Context, sum []byte) error {
	s, err := d.standing(ctx)
	if err != nil {
		return err
	}
	if d.booted != slotB || s.Primary != slotB || s.bootStatus(slotB) != "good" {
		return fmt.Errorf("slot B does not run for good: booted %s, primary %s, slot B %s", d.booted, s.Primary, s.bootStatus(slotB))
	}
	return errors.Join(s.verdicts(0, false), d.holds("a.img", d.first), d.holds("b.img", sum))
}

func (s standing) verdicts(condemned int, held bool) error {
	switch {
	case len(s.Condemned) != condemned:
		return fmt.Errorf("%d releases are condemned, not %d: %s", len(s.Condemned), condemned, s.Condemned)
	case (len(s.Held) > 0 && string(s.Held) != "null") != held:
		return fmt.Errorf("what is held back is %q", s.Held)
	}
	return nil
}

func (d *device) holds(file string, want []byte) error {
	got, err := digest(d.at(file))
	if err != nil {
		return err
	}
	if !bytes.Equal(got, want) {
		return fmt.Errorf("%s holds other bytes than it should", file)
	}
	return nil
}

// said is all that was printed by commands that change something.
func (d *device) said() string {
	text, err := os.ReadFile(d.at("log"))
	if err != nil {
		return ""
	}
	return string(text)
}
