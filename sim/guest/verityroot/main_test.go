package main

import (
	"bytes"
	"encoding/binary"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// What veritysetup writes is read, and makes the line that its own `dump` and
// the kernel's documentation lead to.
func TestSuperblockOfVeritysetup(t *testing.T) {
	tool, err := exec.LookPath("veritysetup")
	if err != nil {
		if tool = "/usr/sbin/veritysetup"; exec.Command(tool, "--version").Run() != nil {
			t.Skip("skipped: veritysetup is not installed (Debian: cryptsetup-bin)")
		}
	}
	dir := t.TempDir()
	data, hashes := filepath.Join(dir, "data"), filepath.Join(dir, "hashes")
	if err := os.WriteFile(data, make([]byte, 100<<12), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, salt := range []string{"-", "0123456789abcdef"} {
		os.Remove(hashes)
		out, err := exec.Command(tool, "format", "--salt="+salt, data, hashes).CombinedOutput()
		if err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		root := regexp.MustCompile(`Root hash:\s+(\S+)`).FindSubmatch(out)
		raw, err := os.ReadFile(hashes)
		if err != nil || root == nil {
			t.Fatalf("%v: %s", err, out)
		}
		s, err := parse(raw[:superblockSize])
		if err != nil {
			t.Fatal(err)
		}
		want := "1 /dev/d /dev/h 4096 4096 100 1 sha256 " + string(root[1]) + " " + salt
		if got := s.line("/dev/d", "/dev/h", string(root[1])); got != want {
			t.Errorf("got  %s\nwant %s", got, want)
		}
	}
}

func TestDamagedSuperblocks(t *testing.T) {
	good := make([]byte, superblockSize)
	copy(good, "verity\x00\x00\x01\x00\x00\x00\x01")
	copy(good[32:], "sha256")
	binary.LittleEndian.PutUint32(good[64:], 4096)
	binary.LittleEndian.PutUint32(good[68:], 4096)
	binary.LittleEndian.PutUint64(good[72:], 10)
	if _, err := parse(good); err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string]func(b []byte){
		"magic":       func(b []byte) { b[0] = 'V' },
		"version":     func(b []byte) { b[8] = 2 },
		"no blocks":   func(b []byte) { clear(b[72:80]) },
		"many blocks": func(b []byte) { b[79] = 0xff },
		"long salt":   func(b []byte) { b[81] = 2 },
		"block size":  func(b []byte) { clear(b[64:68]) },
		"algorithm":   func(b []byte) { b[34] = ' ' },
	} {
		b := bytes.Clone(good)
		change(b)
		if s, err := parse(b); err == nil {
			t.Errorf("%s: %+v", name, s)
		}
	}
	if _, err := parse(good[:100]); err == nil {
		t.Error("a short one was read")
	}
}

// The layout is that of linux/dm-ioctl.h: 312 bytes of request, 40 of target, its
// parameters ended by a zero and padded to eight bytes.
func TestRequests(t *testing.T) {
	b := request("root", dmReadOnly, target(800, "verity", "1 x"))
	ne := binary.NativeEndian
	if len(b) != 312+48 || ne.Uint32(b[12:]) != uint32(len(b)) || ne.Uint32(b[16:]) != 312 || ne.Uint32(b[20:]) != 1 || ne.Uint32(b[28:]) != 1 {
		t.Errorf("header % x", b[:48])
	}
	if !strings.HasPrefix(string(b[48:]), "root\x00") || ne.Uint64(b[312+8:]) != 800 || ne.Uint32(b[312+20:]) != 48 ||
		!strings.HasPrefix(string(b[312+24:]), "verity\x00") || string(b[312+40:]) != "1 x\x00\x00\x00\x00\x00" {
		t.Errorf("request % x", b[48:])
	}
	if _, err := open("root", "/nowhere", "/nowhere", "zz"); err == nil || !strings.Contains(err.Error(), "no root hash") {
		t.Errorf("%v", err)
	}
}
