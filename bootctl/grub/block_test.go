package grub

import (
	"bytes"
	"slices"
	"strings"
	"testing"
)

func TestBlocksAreReadAsGRUBDoes(t *testing.T) {
	for _, c := range []struct {
		name, text string
		want       map[string]string
	}{
		{"one variable", "a=b\n", map[string]string{"a": "b"}},
		{"the last of one name counts", "a=b\na=c\n", map[string]string{"a": "c"}},
		{"comments are skipped", "# a=x\na=b\n#a=c\n", map[string]string{"a": "b"}},
		{"a comment goes on behind a backslash", "# c\\\na=x\nz=y\n", map[string]string{"a": "", "z": "y"}},
		{"a backslash keeps a line break", "a=b\\\nc\\\\d\nz=y\n", map[string]string{"a": "b\nc\\d", "z": "y"}},
		{"a value holds what separates names", "a=b=c\n", map[string]string{"a": "b=c"}},
		{"a line without = joins the next", "odd\na=b\nz=y\n", map[string]string{"a": "", "odd\na": "b", "z": "y"}},
		{"a value without an end is none", "z=y\na=b", map[string]string{"z": "y", "a": ""}},
		{"an empty value", "a=\nz=y\n", map[string]string{"a": "", "z": "y"}},
	} {
		entries, ok := parseBlock(padded(signature + c.text))
		if !ok {
			t.Errorf("%s: no block", c.name)
		}
		for name, want := range c.want {
			if got := get(entries, name); got != want {
				t.Errorf("%s: %q is %q, want %q", c.name, name, got, want)
			}
		}
	}
	for _, text := range []string{"", "x", signature[:24], "# GRUB environment block\n", " " + signature} {
		if _, ok := parseBlock([]byte(text)); ok {
			t.Errorf("%q is taken for a block", text)
		}
	}
}

// TestLayout pins down what the package's documentation says.
func TestLayout(t *testing.T) {
	record, err := stored{1_000_000_007, sample(), nil}.record()
	if err != nil {
		t.Fatal(err)
	}
	const want = "1000000007 order=BA a=good,10 b=unproven,3 confirmed=0 generation=31 a_failed=0123456789abcdef"
	if record != want {
		t.Errorf("record %q, want %q", record, want)
	}
	b, err := encodeBlock(record, "saved_entry=2\n")
	if err != nil {
		t.Fatal(err)
	}
	if len(b) != blockSize || b[sectorSize-1] != '\n' || !bytes.HasPrefix(b, []byte(signature+"abota_head="+want+"\n#")) {
		t.Errorf("block of %d bytes begins with %q", len(b), b[:150])
	}
	if !bytes.HasSuffix(b[:sectorSize], []byte("#\nabota_tail="+want+"\n")) {
		t.Errorf("first sector ends with %q", b[sectorSize-150:sectorSize])
	}
	if rest := string(b[sectorSize:]); rest != "saved_entry=2\n"+strings.Repeat("#", 512-14) {
		t.Errorf("second sector is %q", rest)
	}
}

func TestWhatDoesNotFitIsRefused(t *testing.T) {
	for _, c := range []struct{ name, record, others, want string }{
		{"a long record", strings.Repeat("x", 231), "", "do not fit twice"},
		{"many variables of others", "x", strings.Repeat("y", 513), "need 513 bytes and have 512"},
	} {
		if _, err := encodeBlock(c.record, c.others); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", c.name, err, c.want)
		}
	}
	if b, err := encodeBlock(strings.Repeat("x", 230), strings.Repeat("y", 512)); err != nil || len(b) != blockSize {
		t.Errorf("the longest: %d bytes, %v", len(b), err)
	}
}

func TestForeignVariablesAreKept(t *testing.T) {
	const others = "# theirs\nsaved_entry=a\\\nb\nnext=\nodd\nx=y\n"
	record, err := stored{firstSequence, sample(), nil}.record()
	if err != nil {
		t.Fatal(err)
	}
	b, err := encodeBlock(record, others)
	if err != nil {
		t.Fatal(err)
	}
	entries, _ := parseBlock(b)
	if got := foreign(entries); got != others {
		t.Errorf("kept %q, want %q", got, others)
	}
	b[150] = 'x' // within the padding before the tail
	entries, _ = parseBlock(b)
	if got := foreign(entries); got != others {
		t.Errorf("with decayed padding: kept %q, want %q", got, others)
	}
	before := slices.Concat([]byte(signature), []byte("moved=1\n"), b[len(signature):])
	entries, _ = parseBlock(before)
	if got := foreign(entries); got != "moved=1\n"+others {
		t.Errorf("kept %q", got)
	}
}

func TestCounts(t *testing.T) {
	for _, c := range []struct {
		name, text string
		want       counts
		ok         bool
	}{
		{"both alike", "abota_count=1000000007 9 3\nabota_count_again=1000000007 9 3\n", counts{1_000_000_007, [2]int{9, 3}}, true},
		{"two digits", "abota_count=1000000007 19 0\nabota_count_again=1000000007 19 0\n", counts{1_000_000_007, [2]int{19, 0}}, true},
		{"torn", "abota_count=1000000007 9 2\nabota_count_again=1000000007 9 3\n", counts{}, false},
		{"one", "abota_count=1000000007 9 2\n", counts{}, false},
		{"octal", "abota_count=1000000007 09 2\nabota_count_again=1000000007 09 2\n", counts{}, false},
		{"three digits", "abota_count=1000000007 100 2\nabota_count_again=1000000007 100 2\n", counts{}, false},
		{"none", "", counts{}, false},
	} {
		if got, ok := parseCounts(padded(signature + c.text)); got != c.want || ok != c.ok {
			t.Errorf("%s: %+v, %v, want %+v, %v", c.name, got, ok, c.want, c.ok)
		}
	}
}

func TestWhereGRUBCanCount(t *testing.T) {
	for name, c := range map[string]struct {
		block []byte
		want  bool
	}{
		"made by grub-editenv":     {emptyCounts(), true},
		"with counts":              {counted("1000000007 9 3"), true},
		"full, with counts":        {padded(string(bytes.TrimRight(counted("1000000007 99 99"), "#")) + "f=" + strings.Repeat("x", blockSize-100-roomForCounts) + "\n"), true},
		"full, no counts":          {padded(signature + "f=" + strings.Repeat("x", blockSize-len(signature)-20) + "\n"), false},
		"zeroes":                   {make([]byte, blockSize), false},
		"last line without an end": {padded(signature + "f=x"), false},
		"no padding":               {[]byte(signature + strings.Repeat("x=y\n", (blockSize-len(signature))/4) + "x=\n"), false},
	} {
		if got := writable(c.block); got != c.want {
			t.Errorf("%s: %v, want %v", name, got, c.want)
		}
	}
}
