package powercut

import (
	"bytes"
	"encoding/binary"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

// logOf makes a log as the kernel's documentation has it.
func logOf(entries ...[]byte) []byte {
	head := make([]byte, SectorSize)
	binary.LittleEndian.PutUint64(head, logMagic)
	binary.LittleEndian.PutUint64(head[8:], logVersion)
	binary.LittleEndian.PutUint64(head[16:], uint64(len(entries)))
	binary.LittleEndian.PutUint32(head[24:], SectorSize)
	return append(head, bytes.Join(entries, nil)...)
}

func entryOf(sector, count, flags, text uint64, data []byte) []byte {
	b := make([]byte, SectorSize)
	for i, v := range []uint64{sector, count, flags, text} {
		binary.LittleEndian.PutUint64(b[8*i:], v)
	}
	return append(b, data...)
}

func saved(t *testing.T, content []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "log")
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestLogReadsBack(t *testing.T) {
	data := bytes.Repeat([]byte("ab"), SectorSize)
	mark := make([]byte, SectorSize)
	copy(mark, "a mark")
	path := saved(t, logOf(
		entryOf(7, 2, 0, 0, data),
		entryOf(0, 0, flagFlush, 0, nil),
		entryOf(0, 0, flagMark, 6, mark),
		entryOf(100, 3, flagDiscard, 0, nil),
		entryOf(9, 1, flagFlush|flagFUA, 0, data[:SectorSize]),
	))
	got, err := ReadLog(path)
	want := []Entry{
		{Sector: 7, Count: 2, Data: data},
		{Flush: true},
		{Sector: 100, Count: 3, Discard: true},
		{Sector: 9, Count: 1, Flush: true, Through: true, Data: data[:SectorSize]},
	}
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, %v", got, err)
	}
	if n, err := LogLength(path); n != 5 || err != nil {
		t.Errorf("it has %d entries, %v", n, err)
	}
}

func TestBadLogsAreRefused(t *testing.T) {
	good := logOf(entryOf(1, 1, 0, 0, make([]byte, SectorSize)))
	changed := func(at int, v byte) []byte {
		b := bytes.Clone(good)
		b[at] = v
		return b
	}
	for _, c := range []struct {
		name string
		log  []byte
		says string
	}{
		{"empty", nil, "read its head"},
		{"another magic", changed(0, 0), "magic"},
		{"another version", changed(8, 2), "version 2"},
		{"other sectors", changed(25, 0), "sectors have 0 bytes"},
		{"cut short", good[:len(good)-1], "entry 0 of 1"},
		{"fewer entries than it says", changed(16, 2), "entry 1 of 2"},
		{"an impossible length", changed(SectorSize+13, 1), "cannot believe"},
	} {
		if _, err := ReadLog(saved(t, c.log)); err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: got %v, want %q", c.name, err, c.says)
		}
	}
	if n, err := LogLength(saved(t, nil)); n != 0 || err != nil {
		t.Errorf("a log that was only begun has %d entries, %v", n, err)
	}
}
