package slot

import (
	"bytes"
	"encoding/binary"
	"flag"
	"fmt"
	"hash/crc32"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"unicode/utf16"
)

// testGPT is a disk of 16 sectors with a GPT of four entries at both ends:
// number 2 is "root-a" with uuid2, number 3 "rööt-b" with uuid3.
func testGPT(sector int) []byte {
	entries := make([]byte, 4*128)
	for number, label := range map[int]string{2: "root-a", 3: "rööt-b"} {
		e := entries[(number-1)*128:]
		copy(e, "linux filesystem")
		copy(e[16:], "\x1e\x3c\x5a\x9f\x0b\x0a\x0d\x4c\x8e\x0f\x00\x00\x00\x00\x00")
		e[31] = byte(number)
		for i, unit := range utf16.Encode([]rune(label)) {
			binary.LittleEndian.PutUint16(e[56+2*i:], unit)
		}
	}
	image := make([]byte, 16*sector)
	putGPT(image, sector, 1, 2, entries)
	putGPT(image, sector, 15, 14, entries)
	return image
}

func putGPT(image []byte, sector, lba, first int, entries []byte) {
	le := binary.LittleEndian
	head := image[lba*sector:]
	copy(head, "EFI PART\x00\x00\x01\x00")
	le.PutUint32(head[12:], 92)
	le.PutUint64(head[24:], uint64(lba))
	le.PutUint64(head[72:], uint64(first))
	le.PutUint32(head[80:], uint32(len(entries)/128))
	le.PutUint32(head[84:], 128)
	le.PutUint32(head[88:], crc32.ChecksumIEEE(entries))
	le.PutUint32(head[16:], crc32.ChecksumIEEE(head[:92]))
	copy(image[first*sector:], entries)
}

func TestDamagedTableIsNotBelieved(t *testing.T) {
	image := testGPT(512)
	want := map[int]names{2: {label: "root-a", uuid: uuid2}, 3: {label: "rööt-b", uuid: uuid3}}
	parse := func(b []byte) map[int]names {
		got, _ := parseTable(bytes.NewReader(b), int64(len(b)), 512)
		return got
	}
	if got := parse(image); !maps.Equal(got, want) {
		t.Fatalf("parsed %v", got)
	}
	for bit := range (92 + 512) * 8 {
		one := slices.Clone(image)
		at := 512 + bit/8
		if bit/8 >= 92 {
			at = 1024 + bit/8 - 92
		}
		one[at] ^= 1 << (bit % 8)
		if got := parse(one); !maps.Equal(got, want) {
			t.Fatalf("with bit %d of byte %d flipped: %v", bit%8, at, got)
		}
		copy(one[15*512:], make([]byte, 512)) // the other copy is gone too
		if got := parse(one); len(got) != 0 {
			t.Fatalf("with bit %d of byte %d flipped and no other copy: %v", bit%8, at, got)
		}
	}
}

func tableSeeds() map[string][]byte {
	gpt := testGPT(512)
	second := slices.Clone(gpt)
	clear(second[:2048])
	wide := slices.Clone(gpt[:2048])
	binary.LittleEndian.PutUint32(wide[512+80:], 1<<31)
	mbr := make([]byte, 512)
	copy(mbr[440:], "\xd4\xc3\xb2\xa1")
	copy(mbr[510:], "\x55\xaa")
	return map[string][]byte{
		"both": gpt, "second": second, "first": gpt[:2048], "header": gpt[:1024],
		"many-entries": wide, "mbr": mbr, "nothing": nil,
	}
}

var update = flag.Bool("update", false, "write the fuzz corpus again")

func TestCorpusHoldsTheSeeds(t *testing.T) {
	for name, b := range tableSeeds() {
		path := filepath.Join("testdata/fuzz/FuzzTable", name)
		text := fmt.Sprintf("go test fuzz v1\n[]byte(%q)\n", b)
		if *update {
			if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		if got, err := os.ReadFile(path); err != nil || string(got) != text {
			t.Errorf("%s is not the seed (run go test -update): %v", path, err)
		}
	}
}

func FuzzTable(f *testing.F) {
	f.Fuzz(func(t *testing.T, b []byte) {
		found, err := parseTable(bytes.NewReader(b), int64(len(b)), 512)
		if err != nil && found != nil {
			t.Fatalf("names %v came with %v", found, err)
		}
		for number, n := range found {
			if number < 1 || n.uuid == "" {
				t.Fatalf("partition %d has the names %+v", number, n)
			}
		}
	})
}
