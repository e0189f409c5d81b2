package classic

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"

	"abota/updater/source"
	"abota/updater/unpack"
)

// damagePlaces are offsets in every region of a token: version, time, IV,
// the zip's headers, its data, its directory, the padding, the HMAC.
func damagePlaces(size int) []int {
	var places []int
	for i := 0; i < 150; i += 3 {
		places = append(places, i, size-1-i)
	}
	for i := 150; i < size; i += size/23 + 1 {
		places = append(places, i)
	}
	return places
}

// flip changes one character into another of the alphabet.
func flip(token []byte, at int) []byte {
	other := bytes.Clone(token)
	if other[at] == 'A' {
		other[at] = 'Q'
	} else {
		other[at] = 'A'
	}
	return other
}

func mustBeCorrupt(t *testing.T, r *Release, words ...string) {
	t.Helper()
	_, _, err := fetch(t, r)
	if !errors.Is(err, ErrCorrupt) || errors.Is(err, source.ErrChanged) || errors.Is(err, source.ErrTransport) {
		t.Errorf("got %v, want ErrCorrupt", err)
	}
	mustSay(t, err, words...)
}

func TestDamagedTokenDoesNotMatchItsChecksum(t *testing.T) {
	objects := publication(t, randomBytes(1, 30_000), keyOf(1), "")
	token := objects["firmware.zip"].data
	for _, at := range damagePlaces(len(token)) {
		damaged := flip(token, at)
		objects["firmware.zip"] = object{data: damaged}
		_, r := folder(t, objects)
		mustBeCorrupt(t, r, "firmware.zip in "+r.Source.String(), "checksum.txt", "upload both again", md5Hex(token), md5Hex(damaged))
	}
}

func TestDamageThatTheChecksumFollowsIsCaughtByTheHMAC(t *testing.T) {
	token := encrypt(t, keyOf(1), zipOf(t, randomBytes(1, 30_000)))
	for _, at := range damagePlaces(len(token)) {
		_, r := folder(t, objectsOf(flip(token, at), keyOf(1), ""))
		mustBeCorrupt(t, r, "firmware.zip in "+r.Source.String(), "matches checksum.txt")
	}
}

func TestTruncatedTokenIsCorrupt(t *testing.T) {
	objects := publication(t, randomBytes(1, 30_000), keyOf(1), "")
	token := objects["firmware.zip"].data
	for _, n := range append(damagePlaces(len(token)), 0) {
		_, consistent := folder(t, objectsOf(token[:n], keyOf(1), ""))
		mustBeCorrupt(t, consistent, "firmware.zip")
		objects["firmware.zip"] = object{data: token[:n]}
		_, stale := folder(t, objects)
		mustBeCorrupt(t, stale, "upload both again")
	}
}

func TestStaleChecksumAloneIsCorrupt(t *testing.T) {
	objects := publication(t, randomBytes(1, 300_000), keyOf(1), "")
	objects["checksum.txt"] = object{data: []byte(abcMD5)}
	b, r := serve(t, objects)
	mustBeCorrupt(t, r, "s3://fleet", abcMD5, "upload both again")
	if n := len(b.requests); n != 3+2*3 {
		t.Errorf("%d requests: %q", n, b.requests)
	}
}

func TestWrongKeyIsToldFromDamage(t *testing.T) {
	objects := publication(t, randomBytes(1, 300_000), keyOf(1), "")
	objects["key.key"] = object{data: []byte(keyOf(2).Encode())}
	_, r := serve(t, objects)
	mustBeCorrupt(t, r, "the key key.key in s3://fleet", "does not open firmware.zip")
	r.KeyFile = writeKey(t, keyOf(3).Encode(), 0o600)
	mustBeCorrupt(t, r, "the key "+r.KeyFile, "does not open firmware.zip")
	r.KeyFile = writeKey(t, keyOf(1).Encode(), 0o600)
	if _, _, err := fetch(t, r); err != nil {
		t.Errorf("with the right key: %v", err)
	}
}

func TestZipThatWasNotEncryptedIsExplained(t *testing.T) {
	for _, size := range []int{5, 3 << 20} { // the second is more than is ever read ahead
		_, r := folder(t, objectsOf(zipOf(t, randomBytes(1, size)), keyOf(1), ""))
		mustBeCorrupt(t, r, "matches checksum.txt", "was not encrypted", "abota-publish encrypt")
	}
}

func TestAuthenticTokenOverABadZipIsCorrupt(t *testing.T) {
	archive := zipOf(t, randomBytes(1, 30_000))
	for what, plain := range map[string][]byte{
		"empty":          nil,
		"no zip":         []byte("#!/bin/sh\n"),
		"cut short":      archive[:len(archive)-30],
		"only half":      archive[:len(archive)/2],
		"trailing junk":  append(bytes.Clone(archive), "junk"...),
		"leading junk":   append([]byte("junk"), archive...),
		"two archives":   append(bytes.Clone(archive), archive...),
		"a damaged byte": append(append(bytes.Clone(archive[:2000]), archive[2000]^1), archive[2001:]...),
	} {
		_, r := folder(t, objectsOf(encrypt(t, keyOf(1), plain), keyOf(1), ""))
		_, _, err := fetch(t, r)
		if !errors.Is(err, unpack.ErrCorrupt) && !errors.Is(err, unpack.ErrRefused) {
			t.Errorf("%s: the zip's own reason is lost: %v", what, err)
		}
		mustBeCorrupt(t, r, "is authentic", "firmware.zip in "+r.Source.String())
	}
}

func TestBrokenTransportIsNeverCorruption(t *testing.T) {
	objects := publication(t, randomBytes(1, 300_000), keyOf(1), "")
	size := len(objects["firmware.zip"].data)
	for _, at := range []int{0, 1, 3, 50, 100, size / 2, size - 70, size - 1} {
		b, r := serve(t, objects)
		b.before = func(n int) {
			b.mu.Lock()
			defer b.mu.Unlock()
			b.cutAt, b.down = at, n > 2
		}
		_, _, err := fetch(t, r)
		if !errors.Is(err, source.ErrTransport) || errors.Is(err, ErrCorrupt) || errors.Is(err, source.ErrChanged) {
			t.Errorf("cut after %d of %d: %v", at, size, err)
		}
	}
}

// When the source cannot be asked for a race, there is no verdict.
func TestNoVerdictWhileTheSourceIsDown(t *testing.T) {
	objects := publication(t, []byte("image"), keyOf(1), "")
	objects["checksum.txt"] = object{data: []byte(abcMD5)}
	for down := 3; down < 9; down++ {
		b, r := serve(t, objects)
		b.before = func(n int) {
			b.mu.Lock()
			defer b.mu.Unlock()
			b.down = n >= down
		}
		_, _, err := fetch(t, r)
		if !errors.Is(err, source.ErrTransport) || errors.Is(err, ErrCorrupt) {
			t.Errorf("down from request %d: %v", down, err)
		}
		mustSay(t, err, "cannot be found out")
	}
}

// packings are the two ways to pack an image: with its size in front, and
// with the size where one request more must look for it.
var packings = map[string]func(testing.TB, []byte) []byte{"sized": zipOf, "piped": pipedZip}

// oldAndNew are two releases that have nothing in common.
func oldAndNew(t *testing.T, pack func(testing.TB, []byte) []byte) (was, is map[string]object) {
	t.Helper()
	return objectsOf(encrypt(t, keyOf(1), pack(t, []byte("old"))), keyOf(1), "1"),
		objectsOf(encrypt(t, keyOf(2), pack(t, []byte("new"))), keyOf(2), "2")
}

// A publisher replaces all three objects at once, before any one request. The
// device must get the one release or the other, or start over.
func TestRaceWithAWholePublicationIsNeverCorruption(t *testing.T) {
	images := map[string]bool{"old": true, "new": true}
	for packing, startOver := range map[string]int{"sized": 2, "piped": 3} {
		was, is := oldAndNew(t, packings[packing])
		seen := map[string]int{}
		for at := range 12 {
			b, r := serve(t, was)
			b.before = func(n int) {
				if n == at {
					b.put(is)
				}
			}
			image, p, err := fetch(t, r)
			switch {
			case err == nil && images[string(image)]:
				seen[string(image)]++
				if want := map[string]string{"old": "1", "new": "2"}[string(image)]; p.ID().Version != want {
					t.Errorf("the %s image has version %q", image, p.ID().Version)
				}
			case errors.Is(err, source.ErrChanged) && !errors.Is(err, ErrCorrupt):
				seen["start over"]++
				mustSay(t, err, "s3://fleet", "start over")
				if image, _, err := fetch(t, r); err != nil || string(image) != "new" {
					t.Errorf("%s, replaced before request %d, second try: %q, %v", packing, at, image, err)
				}
			default:
				t.Errorf("%s, replaced before request %d: %q, %v", packing, at, image, err)
			}
		}
		if seen["old"] == 0 || seen["new"] == 0 || seen["start over"] != startOver {
			t.Errorf("%s: outcomes: %v", packing, seen)
		}
	}
}

// A publisher replaces one object after the other, in every order and at
// every moment. No mixture is ever a clean end, and once he has finished
// before the verdict it is never corruption.
func TestRaceWithAStepwisePublication(t *testing.T) {
	orders := [][]string{
		{"firmware.zip", "checksum.txt", "key.key"},
		{"firmware.zip", "key.key", "checksum.txt"},
		{"checksum.txt", "firmware.zip", "key.key"},
		{"checksum.txt", "key.key", "firmware.zip"},
		{"key.key", "firmware.zip", "checksum.txt"},
		{"key.key", "checksum.txt", "firmware.zip"},
	}
	// Beyond the three objects, the size and the first question for a race.
	for packing, never := range map[string]int{"sized": 5, "piped": 6} {
		was, is := oldAndNew(t, packings[packing])
		for _, order := range orders {
			for i := range never * never * never {
				at := []int{i % never, i / never % never, i / never / never}
				if at[0] > at[1] || at[1] > at[2] {
					continue
				}
				b, r := serve(t, was)
				b.before = func(n int) {
					for step, name := range order {
						if at[step] == n {
							b.put(map[string]object{name: is[name]})
						}
					}
				}
				image, _, err := fetch(t, r)
				switch {
				case err == nil && (string(image) == "old" || string(image) == "new"):
				case errors.Is(err, source.ErrChanged) && !errors.Is(err, ErrCorrupt):
				default:
					t.Errorf("%s, %q before requests %v: %q, %v", packing, order, at, image, err)
				}
			}
		}
	}
}

// All three were read from a mixture, and the publisher goes on only while
// the verdict is being reached.
func TestRaceDuringTheVerdictIsNoticed(t *testing.T) {
	mixed := publication(t, []byte("old"), keyOf(1), "1")
	is := publication(t, []byte("new"), keyOf(2), "2")
	mixed["key.key"] = is["key.key"]
	for at := 3; at < 9; at++ {
		b, r := serve(t, mixed)
		b.before = func(n int) {
			if n == at {
				b.put(is)
			}
		}
		if _, _, err := fetch(t, r); !errors.Is(err, source.ErrChanged) || errors.Is(err, ErrCorrupt) {
			t.Errorf("replaced before request %d: %v", at, err)
		}
	}
}

func TestObjectThatVanishesIsARace(t *testing.T) {
	objects := publication(t, []byte("image"), keyOf(1), "")
	objects["checksum.txt"] = object{data: []byte(abcMD5)}
	for name := range objects {
		b, r := serve(t, objects)
		b.before = func(n int) {
			b.mu.Lock()
			defer b.mu.Unlock()
			if n == 3 {
				delete(b.objects, name)
			}
		}
		if _, _, err := fetch(t, r); !errors.Is(err, source.ErrChanged) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestTokenReplacedInMidStreamStartsOver(t *testing.T) {
	was := publication(t, randomBytes(1, 3<<20), keyOf(1), "")
	is := publication(t, randomBytes(2, 3<<20), keyOf(1), "")
	dir, r := folder(t, was)
	p, err := r.Open(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	if _, err := p.Next(); err != nil {
		t.Fatal(err)
	}
	// Overwritten in place, as cp does it: the open file shows a mixture.
	for name, o := range is {
		if err := os.WriteFile(filepath.Join(dir, name), o.data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := io.Copy(io.Discard, p); !errors.Is(err, source.ErrChanged) || errors.Is(err, ErrCorrupt) {
		t.Errorf("got %v", err)
	}
}
