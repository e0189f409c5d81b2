package unpack

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// python makes one archive of each kind that its zipfile can write. "pipe-"
// archives go through a stream that cannot seek.
const python = `
import io, sys, zipfile
out = sys.argv[1]
data = b"a root file system " * 5000

class Pipe(io.RawIOBase):
    def __init__(self, f): self.f = f
    def writable(self): return True
    def seekable(self): return False
    def write(self, b): return self.f.write(b)

def make(name, method, pipe, force):
    with open(out + "/" + name + ".zip", "wb") as f:
        with zipfile.ZipFile(Pipe(f) if pipe else f, "w", method) as z:
            with z.open("rootfs.img", "w", force_zip64=force) as e:
                e.write(data)
            z.writestr("gr\u00fc\u00dfe", "hello")
            z.comment = b"made by Python"

for pipe in (False, True):
    for method, kind in ((zipfile.ZIP_STORED, "stored"), (zipfile.ZIP_DEFLATED, "deflate")):
        for force in (False, True):
            make(("pipe-" if pipe else "") + kind + ("-zip64" if force else ""), method, pipe, force)
make("bzip2", zipfile.ZIP_BZIP2, False, False)
`

func TestReadsWhatPythonWrites(t *testing.T) {
	dir := t.TempDir()
	run(t, dir, "/usr/bin/python3", "-c", python, dir)
	refused := map[string]bool{"pipe-stored": true, "pipe-stored-zip64": true, "bzip2": true}
	checkArchives(t, dir, 9, refused)
}

// infoZip makes one archive of each kind that Info-ZIP's zip writes.
const infoZip = `
mkdir -p tree/sub && seq 20000 > tree/numbers && echo hello > tree/sub/file && chmod 600 tree/sub/file
zip -qr tree.zip tree
zip -qr0 stored.zip tree
zip -qr - tree | cat > pipe.zip
zip -qfz force64.zip tree/numbers
cat tree/numbers | zip -q - - > stdin.zip
zip -qfd descriptor.zip tree/numbers
zip -q0 - tree/numbers | cat > pipe-stored.zip
zip -qP secret encrypted.zip tree/numbers
(echo junk && cat tree.zip) > junk.zip
`

func TestReadsWhatInfoZipWrites(t *testing.T) {
	if _, err := exec.LookPath("zip"); err != nil {
		t.Skipf("skipped: Info-ZIP's zip is not installed: %v", err)
	}
	dir := t.TempDir()
	run(t, dir, "/bin/sh", "-ec", infoZip)
	checkArchives(t, dir, 9, map[string]bool{"pipe-stored": true, "encrypted": true, "junk": true})
}

func run(t *testing.T, dir, name string, args ...string) {
	t.Helper()
	if _, err := os.Stat(name); err != nil {
		t.Skipf("skipped: %v", err)
	}
	cmd := exec.Command(name, args...)
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%s: %v\n%s", name, err, out)
	}
}

// checkArchives reads every archive in dir as archive/zip does, but for those
// that must be refused.
func checkArchives(t *testing.T, dir string, count int, refused map[string]bool) {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(dir, "*.zip"))
	if err != nil || len(paths) != count {
		t.Fatalf("%d archives were made, want %d (%v)", len(paths), count, err)
	}
	for _, path := range paths {
		name := strings.TrimSuffix(filepath.Base(path), ".zip")
		t.Run(name, func(t *testing.T) {
			data, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			got, err := readAll(bytes.NewReader(data))
			if refused[name] {
				if !errors.Is(err, ErrRefused) {
					t.Fatalf("not refused: %v", err)
				}
				return
			}
			want, oracleErr := oracle(data)
			if err != nil || oracleErr != nil {
				t.Fatalf("%v; archive/zip: %v", err, oracleErr)
			}
			if len(want) == 0 || !sameFiles(got, want) {
				t.Errorf("%d entries, archive/zip has %d, or they differ", len(got), len(want))
			}
		})
	}
}
