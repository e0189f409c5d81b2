package record_test

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"syscall"
	"testing"

	"abota/bootctl"
	"abota/bootctl/bootctltest"
	"abota/bootctl/record"
	"abota/sim/cutdisk"
	"abota/updater/journal"
)

const recordSize = 4096

func TestConformance(t *testing.T) {
	bootctltest.Run(t, bootctltest.Factory{
		Blank: make([]byte, 2*recordSize),
		Open: func(d *cutdisk.Disk) bootctl.Backend {
			j, err := journal.On(cutdisk.Folded{Disk: d, Piece: recordSize, Second: journal.Offsets[1]}, recordSize)
			if err != nil {
				t.Fatal(err)
			}
			return record.New(j, journal.ErrLost)
		},
		Copies: [2]bootctltest.Region{{Offset: 0, Size: recordSize}, {Offset: recordSize, Size: recordSize}},
	})
}

func TestKeepsTheTableInAFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "table")
	want := bootctl.Table{Generation: 7, ConfirmedTries: 10}.WithOrder(bootctl.B, bootctl.A)
	want.Slots[bootctl.A] = bootctl.State{Priority: 1, Tries: 3, Good: true}
	want.Slots[bootctl.B].Failed = "0123456789abcdef"
	for range 2 {
		j, err := journal.Open(path, recordSize)
		if err != nil {
			t.Fatal(err)
		}
		b := record.New(j, journal.ErrLost)
		if err := b.Store(want); err != nil {
			t.Fatal(err)
		}
		if got, err := b.Load(); err != nil || got != want {
			t.Fatalf("loaded %+v, %v, want %+v", got, err, want)
		}
		if err := j.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

// memory is a storage that holds a record or an error.
type memory struct {
	text  []byte
	err   error
	saved int
}

func (m *memory) Load() ([]byte, error) { return m.text, m.err }

func (m *memory) Save(text []byte) error {
	m.text, m.err, m.saved = bytes.Clone(text), nil, m.saved+1
	return nil
}

var errLost = errors.New("no record")

func TestTellsNoTableFromAFailingStorage(t *testing.T) {
	for _, c := range []struct {
		name  string
		store memory
		none  bool
	}{
		{"never saved", memory{err: errLost}, true},
		{"no file", memory{err: fmt.Errorf("%w: %w", errLost, fs.ErrNotExist)}, true},
		{"both copies fail to be read", memory{err: fmt.Errorf("%w: %w", errLost, syscall.EIO)}, false},
		{"other error", memory{err: errors.New("closed")}, false},
		{"not JSON", memory{text: []byte("{")}, true},
		{"no order", memory{text: []byte(`{}`)}, true},
		{"a slot twice", memory{text: []byte(`{"order":["B","B"]}`)}, true},
		{"three slots", memory{text: []byte(`{"order":["A","B","A"]}`)}, true},
		{"a foreign slot", memory{text: []byte(`{"order":["C"]}`)}, true},
	} {
		b := record.New(&c.store, errLost)
		_, err := b.Load()
		if err == nil || errors.Is(err, bootctl.ErrNoTable) != c.none {
			t.Errorf("%s: load returned %v; want ErrNoTable: %v", c.name, err, c.none)
		}
		err = b.Store(bootctl.Table{}.WithOrder(bootctl.A))
		if (err == nil) != c.none || c.store.saved > 0 != c.none {
			t.Errorf("%s: store returned %v after %d saves; want one save: %v", c.name, err, c.store.saved, c.none)
		}
	}
}

func TestReadsARecordWithUnknownFields(t *testing.T) {
	store := &memory{text: []byte(`{"order":["B","A"],"generation":7,"confirmed_tries":10,"later":{"x":1},` +
		`"a":{"tries":3,"good":true,"failed":"0123456789abcdef","later":2},"b":{"tries":10,"good":true}}`)}
	b := record.New(store, errLost)
	want := bootctl.Table{Generation: 7, ConfirmedTries: 10}
	want.Slots[bootctl.A] = bootctl.State{Priority: 1, Tries: 3, Good: true, Failed: "0123456789abcdef"}
	want.Slots[bootctl.B] = bootctl.State{Priority: 2, Tries: 10, Good: true}
	if got, err := b.Load(); err != nil || got != want {
		t.Fatalf("loaded %+v, %v, want %+v", got, err, want)
	}
	if err := b.Store(want); err != nil || store.saved != 0 {
		t.Errorf("storing the same table: %v, %d saves, want none", err, store.saved)
	}
}
