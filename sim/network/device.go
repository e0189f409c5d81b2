package network

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// device is one that was never updated, in a folder of its own.
type device struct {
	abota  string
	dir    string
	slotA  []byte // the sum of what it runs
	config string
	// wrap goes before every command line.
	wrap []string
	env  []string
}

// patience is short, so that a table of faults is over today, but longer than
// a busy machine's own pauses.
const patience = `timeout: {connect: 5s, handshake: 5s, header: 3s, idle: 2s}
retry: {open: 3, resume: 6, first: 100ms, longest: 400ms}
`

// newDevice makes one whose slot B has room for the image. The lines are added
// to its configuration, or take the place of what it says.
func (w *world) newDevice(dir, endpoint string, lines []string) (*device, error) {
	d := &device{abota: w.abota, dir: dir, config: filepath.Join(dir, "config.yaml")}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	ca := filepath.Join(dir, "ca.pem")
	a, b := filepath.Join(dir, "slot-a"), filepath.Join(dir, "slot-b")
	err := errors.Join(
		os.WriteFile(ca, w.ca.PEM(), 0o600),
		os.WriteFile(a, bytes.Repeat([]byte("what runs "), 1000), 0o600),
		os.WriteFile(b, nil, 0o600),
		os.Truncate(b, w.size),
	)
	if err != nil {
		return nil, err
	}
	if d.slotA, err = digest(a); err != nil {
		return nil, err
	}
	text := fmt.Sprintf(`accesskey: %s
secretkey: %s
sessiontoken: %s
region: %s
bucket: %s
endpoint: %s
key_file: %s
state_dir: %s
slots: {a: %s, b: %s}
tls: {ca_file: %s}
`, w.keys.AccessKey, w.keys.SecretKey, w.keys.SessionToken, w.store.Region(), bucket, endpoint, w.keyFile,
		filepath.Join(dir, "state"), a, b, ca)
	return d, os.WriteFile(d.config, []byte(merge(text+patience, lines)), 0o600)
}

// say adds lines to the configuration.
func (d *device) say(lines ...string) error {
	text, err := os.ReadFile(d.config)
	if err != nil {
		return err
	}
	return os.WriteFile(d.config, []byte(merge(string(text), lines)), 0o600)
}

// merge puts lines into a configuration, in the place of those of the same
// key. A key alone takes its line away.
func merge(text string, lines []string) string {
	for _, line := range lines {
		key, _, ok := strings.Cut(line, ":")
		if at := strings.Index("\n"+text, "\n"+key+":"); at >= 0 {
			end := at + strings.IndexByte(text[at:], '\n') + 1
			text = text[:at] + text[end:]
		}
		if ok {
			text += line + "\n"
		}
	}
	return text
}

// ran is how one command of the device ended.
type ran struct {
	exit int
	took time.Duration
	// said is the last line on stderr, or on stdout when there is none.
	said string
	all  string
}

// runLimit ends a command that hangs.
const runLimit = 2 * time.Minute

func (d *device) run(ctx context.Context, args ...string) (ran, error) {
	ctx, cancel := context.WithTimeout(ctx, runLimit)
	defer cancel()
	argv := append(append([]string{}, d.wrap...), d.abota, "--config", d.config, "--booted", "A")
	cmd := exec.CommandContext(ctx, argv[0], append(argv[1:], args...)...)
	cmd.Env = append([]string{"HOME=" + d.dir, "PATH=" + os.Getenv("PATH")}, d.env...)
	cmd.Dir = d.dir
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	began := time.Now()
	err := cmd.Run()
	r := ran{took: time.Since(began), all: stdout.String() + stderr.String()}
	for _, text := range []string{stderr.String(), stdout.String()} {
		if lines := strings.Split(strings.TrimSpace(text), "\n"); r.said == "" {
			r.said = lines[len(lines)-1]
		}
	}
	var ended *exec.ExitError
	switch {
	case ctx.Err() != nil:
		return r, fmt.Errorf("`abota %s` does not end: %w: %s", strings.Join(args, " "), ctx.Err(), r.all)
	case errors.As(err, &ended):
		r.exit = ended.ExitCode()
	case err != nil:
		return r, fmt.Errorf("run abota: %w", err)
	}
	return r, nil
}

// standing is what `abota status --json` says, as far as rows look at it.
type standing struct {
	Booted, Primary, Phase string
	Condemned              []json.RawMessage
	Slots                  []struct {
		Name       string
		BootStatus string `json:"boot_status"`
	}
}

func (d *device) standing(ctx context.Context) (standing, error) {
	var s standing
	argv := append(append([]string{}, d.wrap...), d.abota, "--config", d.config, "--booted", "A", "--json", "status")
	cmd := exec.CommandContext(ctx, argv[0], argv[1:]...)
	cmd.Stderr = io.Discard
	out, err := cmd.Output()
	if err != nil {
		return s, fmt.Errorf("`abota status`: %w", err)
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

// untouched checks that a failed install changed nothing that boots.
func (d *device) untouched(ctx context.Context) error {
	s, err := d.standing(ctx)
	if err != nil {
		return err
	}
	switch {
	case s.Booted != "A" || s.Primary != "A" || s.bootStatus("A") != "good":
		return fmt.Errorf("the pointer moved: booted %s, primary %s, slot A %s", s.Booted, s.Primary, s.bootStatus("A"))
	case s.bootStatus("B") != "bad":
		return fmt.Errorf("slot B could be booted: it is %s", s.bootStatus("B"))
	case len(s.Condemned) != 0:
		return fmt.Errorf("a release was condemned for what the network did: %s", s.Condemned)
	}
	return d.holds("slot-a", d.slotA)
}

// installed checks that slot B holds the image and boots next.
func (d *device) installed(ctx context.Context, image []byte) error {
	s, err := d.standing(ctx)
	if err != nil {
		return err
	}
	if s.Primary != "B" || s.bootStatus("B") != "trial" || s.bootStatus("A") != "good" {
		return fmt.Errorf("slot B is not armed: primary %s, B %s, A %s", s.Primary, s.bootStatus("B"), s.bootStatus("A"))
	}
	return errors.Join(d.holds("slot-a", d.slotA), d.holds("slot-b", image))
}

func (d *device) holds(file string, want []byte) error {
	got, err := digest(filepath.Join(d.dir, file))
	if err != nil {
		return err
	}
	if !bytes.Equal(got, want) {
		return fmt.Errorf("%s holds other bytes than it should", file)
	}
	return nil
}
