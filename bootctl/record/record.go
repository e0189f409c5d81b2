// Package record keeps the boot table of slots that no bootloader reads: plain
// image files, and folders whose service is restarted instead of the device
// (package symlink).
//
// # Guarantee
//
// Store saves one record and does not save one that changes nothing. That a
// record is saved whole or not at all, durably and read back, is what its
// storage promises.
//
// # Not guaranteed
//
// Nobody counts boots here: a table's tries are kept, and stay what they are.
//
// # Format
//
// The record is one JSON object, so that an older abota reads what a newer one
// wrote: fields are only added, and unknown ones are ignored.
//
//	{"order":["A","B"],"generation":7,"confirmed_tries":10,
//	 "a":{"tries":3,"good":true,"failed":"0123456789abcdef"},"b":{…}}
package record

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"syscall"

	"abota/bootctl"
)

// Storage keeps one record.
type Storage interface {
	// Load returns the record, or the error that New was told of when there
	// is none.
	Load() ([]byte, error)
	// Save makes the record durable in one commit point and reads it back.
	Save([]byte) error
}

// Backend keeps the table in a record. It is not safe for concurrent use.
type Backend struct {
	storage Storage
	lost    error
	// unsure says that a save failed, so that what Load returns need not
	// survive a power cut.
	unsure bool
}

// New is the backend on this storage, whose Load returns an error that wraps
// lost when it holds no record.
func New(storage Storage, lost error) *Backend {
	return &Backend{storage: storage, lost: lost}
}

// Caps says that all is kept, and that no loader counts.
func (b *Backend) Caps() bootctl.Caps { return bootctl.Caps{Good: true, Generation: true} }

// document is the record.
type document struct {
	Order          []bootctl.Slot `json:"order"`
	Generation     uint32         `json:"generation"`
	ConfirmedTries int            `json:"confirmed_tries"`
	A              slot           `json:"a"`
	B              slot           `json:"b"`
}

type slot struct {
	Tries  int    `json:"tries"`
	Good   bool   `json:"good"`
	Failed string `json:"failed,omitempty"`
}

// Load reads the table. A record that is no table is ErrNoTable too, since
// nothing but a new one helps.
func (b *Backend) Load() (bootctl.Table, error) {
	text, err := b.storage.Load()
	if err != nil {
		return bootctl.Table{}, b.explain(err)
	}
	var doc document
	if err := json.Unmarshal(text, &doc); err != nil {
		return bootctl.Table{}, fmt.Errorf("%w: the boot record is not a table (%w): run `abota provision`", bootctl.ErrNoTable, err)
	}
	return doc.table()
}

// explain tells a storage without a record from one that cannot be read: a
// storage that survives damage by itself may report both as lost.
func (b *Backend) explain(err error) error {
	var errno syscall.Errno
	failed := errors.As(err, &errno) && !errors.Is(err, fs.ErrNotExist)
	if errors.Is(err, b.lost) && !failed {
		return fmt.Errorf("%w: %w: run `abota provision`", bootctl.ErrNoTable, err)
	}
	return fmt.Errorf("load boot record: %w", err)
}

// Store saves the table unless it is there already.
func (b *Backend) Store(t bootctl.Table) error {
	was, err := b.Load()
	switch {
	case err == nil && !b.unsure && was == t.WithOrder(t.Order()...):
		return nil
	case err != nil && !errors.Is(err, bootctl.ErrNoTable):
		return err
	}
	text, err := json.Marshal(encode(t))
	if err != nil {
		return fmt.Errorf("encode boot record: %w", err)
	}
	err = b.storage.Save(text)
	b.unsure = err != nil
	if err != nil {
		return fmt.Errorf("save boot record: %w", err)
	}
	return nil
}

func encode(t bootctl.Table) document {
	of := func(s bootctl.Slot) slot {
		st := t.Slots[s]
		return slot{Tries: st.Tries, Good: st.Good, Failed: st.Failed}
	}
	return document{
		Order:          t.Order(),
		Generation:     t.Generation,
		ConfirmedTries: t.ConfirmedTries,
		A:              of(bootctl.A),
		B:              of(bootctl.B),
	}
}

func (d document) table() (bootctl.Table, error) {
	twice := len(d.Order) == 2 && d.Order[0] == d.Order[1]
	if len(d.Order) == 0 || len(d.Order) > 2 || twice {
		return bootctl.Table{}, fmt.Errorf("%w: the boot record has the order %v: run `abota provision`", bootctl.ErrNoTable, d.Order)
	}
	t := bootctl.Table{Generation: d.Generation, ConfirmedTries: d.ConfirmedTries}
	for i, from := range [2]slot{d.A, d.B} {
		t.Slots[i] = bootctl.State{Tries: from.Tries, Good: from.Good, Failed: from.Failed}
	}
	return t.WithOrder(d.Order...), nil
}
