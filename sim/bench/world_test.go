package bench

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"abota/sim"
	"abota/sim/store"
)

const bucket = "bench"

// python is Debian's own, which has the packages; others on the path may not.
const python = "/usr/bin/python3"

// place is where everything lies that is kept from run to run.
type place struct {
	cache   string
	scripts string
}

func newPlace(b *testing.B) place {
	b.Helper()
	base, err := os.UserCacheDir()
	must(b, err)
	p := place{cache: filepath.Join(base, "abota", "bench")}
	must(b, os.MkdirAll(p.cache, 0o755))
	b.Cleanup(func() { must(b, os.RemoveAll(p.slot())) })
	p.scripts, err = filepath.Abs("../../testdata/bench")
	must(b, err)
	return p
}

// slot is the file that every run installs into.
func (p place) slot() string { return filepath.Join(p.cache, "slot-b") }

// world is what whole installs need: the command, and a store to read from.
type world struct {
	place
	binary string
	store  *store.Store
}

func newWorld(b *testing.B) *world {
	b.Helper()
	module, err := sim.FindModule(b.Context())
	must(b, err)
	w := &world{place: newPlace(b)}
	w.binary, err = module.Build(b.Context(), "abota", "", b.TempDir())
	must(b, err)
	w.store, err = store.Start(context.Background(), filepath.Join(w.cache, "store"))
	must(b, err)
	b.Cleanup(func() { must(b, w.store.Stop()) })
	must(b, w.store.MakeBucket(b.Context(), bucket))
	return w
}

// abota is one install by the built binary, of a state that knows nothing.
func (w *world) abota(b *testing.B, rel release) *exec.Cmd {
	b.Helper()
	dir, keys := b.TempDir(), w.store.Keys()
	slotA := filepath.Join(dir, "slot-a")
	must(b, os.WriteFile(slotA, make([]byte, 4096), 0o600))
	config := filepath.Join(dir, "config.yaml")
	must(b, os.WriteFile(config, fmt.Appendf(nil, `accesskey:%s
secretkey:%s
region:%s
bucket:%s
endpoint:%s
file_name:%[6]s/firmware.zip
checksum_name:%[6]s/checksum.txt
key_name:%[6]s/key.key
state_dir:%s
slots: {a: %s, b: %s}
`, keys.AccessKey, keys.SecretKey, w.store.Region(), bucket, w.store.Endpoint(), rel.prefix, filepath.Join(dir, "state"), slotA, w.slot()), 0o600))
	cmd := exec.CommandContext(b.Context(), w.binary, "--config", config, "--booted", "A", "install")
	cmd.Env = []string{"HOME=" + dir, "PATH=" + os.Getenv("PATH")}
	cmd.Dir = dir
	return cmd
}

// seed is one install by the older scripts' Python.
func (w *world) seed(b *testing.B, rel release) *exec.Cmd {
	b.Helper()
	dir, keys := b.TempDir(), w.store.Keys()
	cmd := exec.CommandContext(b.Context(), python, filepath.Join(w.scripts, "seed_install.py"), w.store.Endpoint(), bucket, rel.prefix, dir, w.slot())
	cmd.Env = []string{
		"HOME=" + dir, "PATH=" + os.Getenv("PATH"), "AWS_EC2_METADATA_DISABLED=true",
		"AWS_ACCESS_KEY_ID=" + keys.AccessKey, "AWS_SECRET_ACCESS_KEY=" + keys.SecretKey,
	}
	cmd.Dir = dir
	return cmd
}

// runQuietly runs a program that only speaks when it fails.
func runQuietly(cmd *exec.Cmd) error {
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w: %s", filepath.Base(cmd.Path), err, out)
	}
	return nil
}

func must(b *testing.B, err error) {
	b.Helper()
	if err != nil {
		b.Fatal(err)
	}
}
