package bootcuts

import (
	"bytes"
	"strings"
	"testing"

	"abota/sim/powercut"
)

// content is a sector full of one letter.
func content(letter string) string { return strings.Repeat(letter, sectorSize) }

// writing is a log entry that fills sectors from one on with these letters.
func writing(sector int64, letters string) powercut.Entry {
	var data string
	for _, l := range letters {
		data += content(string(l))
	}
	return powercut.Entry{Sector: sector, Count: int64(len(letters)), Data: []byte(data)}
}

var flush = powercut.Entry{Flush: true}

// blank is a base of eight sectors of dots.
func blank() image {
	return image{bytes.NewReader([]byte(strings.Repeat(content("."), 8)))}
}

// shown are states as letters of the base's sectors; '#' is one that is torn.
func shown(t *testing.T, m image, states []state) map[string]bool {
	t.Helper()
	seen := map[string]bool{}
	for _, s := range states {
		var text string
		for n := range int64(8) {
			sector, err := m.sector(s.overlay, n)
			if err != nil {
				t.Fatal(err)
			}
			if sector == content(sector[:1]) {
				text += sector[:1]
			} else {
				text += "#"
			}
		}
		seen[text] = true
	}
	return seen
}

func TestStatesOfALog(t *testing.T) {
	for _, row := range []struct {
		name string
		from overlay
		log  []powercut.Entry
		cut  cutting
		want string
	}{
		{"nothing is written", nil, []powercut.Entry{flush}, cutting{}, "........"},
		{"one write", nil, []powercut.Entry{writing(2, "a"), flush}, cutting{}, "........ ..a....."},
		{
			"two without a flush between them: any subset", nil,
			[]powercut.Entry{writing(2, "a"), writing(5, "b"), flush},
			cutting{},
			"........ ..a..... .....b.. ..a..b..",
		},
		{
			"a flush between them: in their order", nil,
			[]powercut.Entry{writing(2, "a"), flush, writing(5, "b"), flush},
			cutting{},
			"........ ..a..... ..a..b..",
		},
		{
			"the same where flushes count for nothing", nil,
			[]powercut.Entry{writing(2, "a"), flush, writing(5, "b"), flush},
			cutting{unflushed: true},
			"........ ..a..... .....b.. ..a..b..",
		},
		{"a write of two sectors", nil, []powercut.Entry{writing(2, "ab"), flush}, cutting{}, "........ ..a..... ...b.... ..ab...."},
		{
			"one sector may be torn, the other may not", nil,
			[]powercut.Entry{writing(2, "ab"), flush},
			cutting{torn: func(n int64) bool { return n == 3 }},
			"........ ..a..... ...b.... ..ab.... ...#....",
		},
		{
			"what was there before stays, and what does not change is no cut",
			overlay{1: content("x"), 2: content("a")},
			[]powercut.Entry{writing(2, "ab"), flush},
			cutting{},
			".xa..... .xab....",
		},
		{
			"a discard leaves zeros",
			overlay{1: content("x")},
			[]powercut.Entry{{Sector: 1, Count: 1, Discard: true}, flush},
			cutting{},
			".x...... .\x00......",
		},
	} {
		t.Run(row.name, func(t *testing.T) {
			m := blank()
			states, err := m.states(row.from, row.log, row.cut)
			if err != nil {
				t.Fatal(err)
			}
			got, want := shown(t, m, states), strings.Fields(row.want)
			for _, w := range want {
				if !got[w] {
					t.Errorf("the state %q is missing", w)
				}
				delete(got, w)
			}
			for g := range got {
				t.Errorf("the state %q cannot be", g)
			}
		})
	}
}

func TestWriteThroughIsRefused(t *testing.T) {
	e := writing(2, "a")
	e.Through = true
	if _, err := blank().states(nil, []powercut.Entry{e}, cutting{}); err == nil {
		t.Error("a log was cut whose writes do not need a flush")
	}
}

// TestEqualDisksAreOneState also when they came about in different ways.
func TestEqualDisksAreOneState(t *testing.T) {
	m := blank()
	one, err := m.with(nil, overlay{2: content("a"), 3: content(".")})
	if err != nil {
		t.Fatal(err)
	}
	other, err := m.with(overlay{2: content("b"), 3: content("c")}, overlay{2: content("a"), 3: content(".")})
	if err != nil {
		t.Fatal(err)
	}
	if one.key() != other.key() {
		t.Errorf("the keys of equal disks are %s and %s", one.key(), other.key())
	}
	if third := (overlay{2: content("a"), 3: content("x")}); third.key() == one.key() {
		t.Error("different disks have one key")
	}
}
