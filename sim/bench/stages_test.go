package bench

import (
	"crypto/md5"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"testing"

	"abota/updater/classic"
	"abota/updater/fernet"
	"abota/updater/readahead"
	"abota/updater/slot"
	"abota/updater/source"
	"abota/updater/unpack"
)

// BenchmarkStages shows where the time of an install goes: the stages, in
// this process, from a local file, each with all that stands before it. MB/s
// are of the image. `-bench 'Stages/whole.*slot' -cpuprofile` shows more.
func BenchmarkStages(b *testing.B) {
	p := newPlace(b)
	rel, dir := p.rootFiles(b)
	for _, stage := range []struct {
		name string
		run  func() error
	}{
		{"read+digests", func() error { return digestToken(dir) }},
		{"read+fernet", func() error { return decryptToken(dir) }},
		{"read+fernet+unzip", func() error { return unzipToken(dir) }},
		{"whole-release", func() error { return readRelease(b, dir) }},
		{"image-into-slot", func() error { return p.writeSlot(b, rel) }},
		{"whole-release-into-slot", func() error { return p.fillSlotFrom(b, dir) }},
	} {
		b.Run(stage.name, func(b *testing.B) {
			b.SetBytes(rel.size)
			for b.Loop() {
				b.StopTimer()
				must(b, fillSlot(p.slot(), rel.size))
				b.StartTimer()
				must(b, stage.run())
			}
		})
	}
}

func digestToken(dir string) error {
	return withToken(dir, func(token io.Reader, _ *fernet.Key) error {
		_, err := io.Copy(io.MultiWriter(md5.New(), sha256.New()), token)
		return err
	})
}

func decryptToken(dir string) error {
	return withToken(dir, func(token io.Reader, key *fernet.Key) error {
		_, err := io.Copy(io.Discard, fernet.NewReader(token, key))
		return err
	})
}

func unzipToken(dir string) error {
	return withToken(dir, func(token io.Reader, key *fernet.Key) error {
		z := unpack.NewZip(fernet.NewReader(token, key))
		for {
			if _, err := z.Next(); errors.Is(err, io.EOF) {
				return nil
			} else if err != nil {
				return err
			}
			if _, err := io.Copy(io.Discard, z); err != nil {
				return err
			}
		}
	})
}

func withToken(dir string, use func(io.Reader, *fernet.Key) error) error {
	text, err := os.ReadFile(filepath.Join(dir, "key.key"))
	if err != nil {
		return err
	}
	key, err := fernet.ParseKey(text)
	if err != nil {
		return err
	}
	f, err := os.Open(filepath.Join(dir, "firmware.zip"))
	if err != nil {
		return err
	}
	defer f.Close()
	return use(f, key)
}

// openRelease opens the release in a folder up to its image.
func openRelease(b *testing.B, dir string) (*classic.Payload, error) {
	from, err := source.NewDir(dir)
	if err != nil {
		return nil, err
	}
	r := &classic.Release{Source: from, Token: "firmware.zip", Checksum: "checksum.txt", KeyName: "key.key"}
	p, err := r.Open(b.Context())
	if err != nil {
		return nil, err
	}
	_, err = p.Next()
	return p, err
}

func readRelease(b *testing.B, dir string) error {
	p, err := openRelease(b, dir)
	if err != nil {
		return err
	}
	defer p.Close()
	if _, err := io.Copy(io.Discard, p); err != nil {
		return err
	}
	return atEnd(p)
}

func atEnd(p *classic.Payload) error {
	if _, err := p.Next(); !errors.Is(err, io.EOF) {
		return fmt.Errorf("the release does not end well: %w", err)
	}
	return nil
}

// intoSlot writes and proves what image gives.
func (p place) intoSlot(b *testing.B, image io.Reader) error {
	other := filepath.Join(b.TempDir(), "other")
	if err := os.WriteFile(other, []byte("x"), 0o600); err != nil {
		return err
	}
	target, err := slot.Host{}.OpenTarget(p.slot(), other)
	if err != nil {
		return err
	}
	defer target.Close()
	out := target.Writer()
	if _, err := io.CopyBuffer(out, image, make([]byte, 256<<10)); err != nil {
		return err
	}
	_, err = out.Close()
	return err
}

func (p place) writeSlot(b *testing.B, rel release) error {
	image, err := rel.image()
	if err != nil {
		return err
	}
	defer image.Close()
	return p.intoSlot(b, image)
}

func (p place) fillSlotFrom(b *testing.B, dir string) error {
	payload, err := openRelease(b, dir)
	if err != nil {
		return err
	}
	defer payload.Close()
	ahead := readahead.New(payload, 4, 256<<10)
	defer ahead.Close()
	if err := p.intoSlot(b, ahead); err != nil {
		return err
	}
	return atEnd(payload)
}
