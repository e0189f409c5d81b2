package bench

import (
	"archive/zip"
	"compress/flate"
	"crypto/md5"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"abota/updater/fernet"
)

// release is one that the store holds, and the image that it must give.
type release struct {
	prefix string
	size   int64 // of the image, in bytes
	token  int64 // as stored, in bytes
	image  func() (io.ReadCloser, error)
}

// The three objects; the checksum is stored last, and so says that all are.
var objects = []string{"firmware.zip", "key.key", "checksum.txt"}

// rootRelease is a real Debian root file system, packed by the older scripts.
func (w *world) rootRelease(b *testing.B) release {
	b.Helper()
	rel, dir := w.rootFiles(b)
	return w.upload(b, rel, dir)
}

// rootFiles makes what rootRelease stores, and says in which folder it lies.
func (p place) rootFiles(b *testing.B) (rel release, dir string) {
	b.Helper()
	if err := exec.CommandContext(b.Context(), python, "-c", "import boto3, cryptography").Run(); err != nil {
		b.Skipf("%s cannot import boto3 and cryptography (%v): apt-get install python3-boto3 python3-cryptography", python, err)
	}
	image := filepath.Join(p.cache, "root.ext4")
	if _, err := os.Stat(image); errors.Is(err, fs.ErrNotExist) {
		p.makeRoot(b, image)
	}
	dir = filepath.Join(p.cache, "root")
	if _, err := os.Stat(filepath.Join(dir, "checksum.txt")); errors.Is(err, fs.ErrNotExist) {
		must(b, os.MkdirAll(dir, 0o755))
		must(b, runQuietly(exec.CommandContext(b.Context(), python, filepath.Join(p.scripts, "seed_pack.py"), image, dir)))
	}
	info, err := os.Stat(image)
	must(b, err)
	token, err := os.Stat(filepath.Join(dir, "firmware.zip"))
	must(b, err)
	return release{
		prefix: "root", size: info.Size(), token: token.Size(),
		image: func() (io.ReadCloser, error) { return os.Open(image) },
	}, dir
}

func (p place) makeRoot(b *testing.B, image string) {
	b.Helper()
	for _, tool := range []string{"debootstrap", "mkfs.ext4"} {
		if _, err := exec.LookPath(tool); err != nil {
			b.Skipf("cannot make a root file system because %s is missing: apt-get install debootstrap e2fsprogs", tool)
		}
	}
	if os.Getuid() != 0 {
		b.Skipf("cannot make a root file system because debootstrap needs root: run testdata/bench/make_root.sh %s as root, once", image)
	}
	fmt.Printf("making %s, once: a real Debian, some three minutes\n", image)
	must(b, runQuietly(exec.CommandContext(b.Context(), filepath.Join(p.scripts, "make_root.sh"), image)))
}

// madeRelease is an image of any size that nobody has to store: blocks of
// noise and of zeros, the same ones every time.
func (w *world) madeRelease(b *testing.B, size int64) release {
	b.Helper()
	rel := release{
		prefix: fmt.Sprintf("made-%d", size>>20), size: size,
		image: func() (io.ReadCloser, error) { return io.NopCloser(io.LimitReader(newMade(), size)), nil },
	}
	if token, ok := w.stored(b, rel.prefix, nil); ok {
		rel.token = token
		return rel
	}
	dir := b.TempDir()
	must(b, packMade(rel, dir))
	info, err := os.Stat(filepath.Join(dir, "firmware.zip"))
	must(b, err)
	rel.token = info.Size()
	return w.upload(b, rel, dir)
}

// packMade makes the three files of a release, as streams.
func packMade(rel release, dir string) (err error) {
	f, err := os.Create(filepath.Join(dir, "firmware.zip"))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	var key fernet.Key
	if err := key.Generate(); err != nil {
		return err
	}
	sum := md5.New()
	token := fernet.NewWriter(io.MultiWriter(f, sum), &key)
	archive := zip.NewWriter(token)
	archive.RegisterCompressor(zip.Deflate, func(w io.Writer) (io.WriteCloser, error) { return flate.NewWriter(w, flate.BestSpeed) })
	entry, err := archive.Create("image")
	if err != nil {
		return err
	}
	image, err := rel.image()
	if err != nil {
		return err
	}
	if _, err := io.Copy(entry, image); err != nil {
		return err
	}
	if err := errors.Join(archive.Close(), token.Close()); err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(dir, "key.key"), []byte(key.Encode()), 0o600); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, "checksum.txt"), []byte(hex.EncodeToString(sum.Sum(nil))), 0o600)
}

// made is noise in one block of eight, and zeros.
type made struct {
	noise *rand.ChaCha8
	at    int64
}

func newMade() *made { return &made{noise: rand.NewChaCha8([32]byte{1})} }

const madeBlock = 64 << 10

func (m *made) Read(p []byte) (int, error) {
	p = p[:min(int64(len(p)), madeBlock-m.at%madeBlock)]
	if (m.at/madeBlock)%8 == 0 {
		_, _ = m.noise.Read(p) // never fails
	} else {
		clear(p)
	}
	m.at += int64(len(p))
	return len(p), nil
}

// upload stores what is not stored yet.
func (w *world) upload(b *testing.B, rel release, dir string) release {
	b.Helper()
	checksum, err := os.ReadFile(filepath.Join(dir, "checksum.txt"))
	must(b, err)
	if _, ok := w.stored(b, rel.prefix, checksum); ok {
		return rel
	}
	for _, name := range objects {
		f, err := os.Open(filepath.Join(dir, name))
		must(b, err)
		info, err := f.Stat()
		must(b, err)
		must(b, w.store.Put(b.Context(), bucket, rel.prefix+"/"+name, f, info.Size(), nil))
		must(b, f.Close())
	}
	return rel
}

// stored reports whether the release is whole in the store, with this checksum
// unless that is nil, and its token's size. It reads the token once, which
// also brings it into the page cache.
func (w *world) stored(b *testing.B, prefix string, checksum []byte) (token int64, ok bool) {
	b.Helper()
	got, err := w.read(b, prefix+"/checksum.txt")
	if err != nil || (checksum != nil && got != string(checksum)) {
		return 0, false
	}
	o, err := w.store.Get(b.Context(), bucket, prefix+"/firmware.zip")
	must(b, err)
	defer o.Close()
	token, err = io.Copy(io.Discard, o)
	return token, err == nil
}

func (w *world) read(b *testing.B, name string) (string, error) {
	b.Helper()
	o, err := w.store.Get(b.Context(), bucket, name)
	must(b, err)
	defer o.Close()
	data, err := io.ReadAll(o)
	return string(data), err
}
