package powercut

import (
	"bytes"
	"encoding/binary"
	"os"
	"path/filepath"
	"testing"
	"unicode/utf16"

	"abota/sim/parts"
)

const testVendor = "8be4df61-93ca-11d2-aa0d-00e098032b8c"

// testGUID is that vendor as it lies in flash.
var testGUID = []byte{0x61, 0xdf, 0xe4, 0x8b, 0xca, 0x93, 0xd2, 0x11, 0xaa, 0x0d, 0x00, 0xe0, 0x98, 0x03, 0x2b, 0x8c}

// flash is a volume with an empty store, which is written as firmware does it.
type flash struct {
	content []byte
	end     int
	// wrote sees the content after each byte.
	wrote func([]byte)
}

func newFlash() *flash {
	const volumeHead, size = 72, 4096
	f := &flash{content: bytes.Repeat([]byte{0xff}, volumeHead+size), end: volumeHead + storeHeadSize, wrote: func([]byte) {}}
	copy(f.content, make([]byte, volumeHead+storeHeadSize))
	copy(f.content[volumeSignedAt:], volumeSignature)
	binary.LittleEndian.PutUint16(f.content[volumeHeadSizeAt:], volumeHead)
	copy(f.content[volumeHead:], storeGUID)
	binary.LittleEndian.PutUint32(f.content[volumeHead+storeSizeAt:], size)
	return f
}

func (f *flash) program(at int, content ...byte) {
	for i, b := range content {
		f.content[at+i] &= b
		f.wrote(f.content)
	}
}

// set adds a variable in four steps and then deletes the one at was, if any.
func (f *flash) set(name string, data []byte, was int) (at int) {
	at = f.end
	if was > 0 {
		f.program(was+2, stateLeaving)
	}
	var text []byte
	for _, u := range append(utf16.Encode([]rune(name)), 0) {
		text = binary.LittleEndian.AppendUint16(text, u)
	}
	head := bytes.Repeat([]byte{0}, variableHeadSize)
	binary.LittleEndian.PutUint16(head, variableStart)
	head[2] = 0xff
	binary.LittleEndian.PutUint32(head[4:], 7)
	binary.LittleEndian.PutUint32(head[36:], uint32(len(text)))
	binary.LittleEndian.PutUint32(head[40:], uint32(len(data)))
	copy(head[44:], testGUID)
	f.program(at, head...)
	f.program(at+2, 0x7f)
	f.program(at+variableHeadSize, append(text, data...)...)
	f.program(at+2, stateAdded)
	if was > 0 {
		const deleted = 0x3c
		f.program(was+2, deleted)
	}
	f.end = (at + variableHeadSize + len(text) + len(data) + 3) &^ 3
	return at
}

// At any byte a cut leaves the old variable or the new one.
func TestVariableIsOldOrNewAtEveryByte(t *testing.T) {
	f := newFlash()
	f.set("Timeout", []byte{5, 0}, 0)
	was := f.set("BootOrder", []byte{1, 0, 2, 0}, 0)
	olds, news := 0, 0
	f.wrote = func(content []byte) {
		vars, err := parseVarstore(content)
		if err != nil {
			t.Fatal(err)
		}
		if got := vars["Timeout-"+testVendor]; got.attributes != 7 || !bytes.Equal(got.data, []byte{5, 0}) {
			t.Fatalf("the other variable is %+v", got)
		}
		switch data := vars["BootOrder-"+testVendor].data; {
		case bytes.Equal(data, []byte{1, 0, 2, 0}) && news == 0:
			olds++
		case bytes.Equal(data, []byte{2, 0}):
			news++
		default:
			t.Fatalf("after %d old and %d new states the variable is %x", olds, news, data)
		}
	}
	f.set("BootOrder", []byte{2, 0}, was)
	if olds < 50 || news != 2 {
		t.Errorf("%d states are old and %d new", olds, news)
	}
}

func TestWhatIsNoStoreIsRefused(t *testing.T) {
	whole := newFlash().content
	for name, at := range map[string]int{"signature": volumeSignedAt, "GUID": 72, "size": 72 + storeSizeAt + 3} {
		b := bytes.Clone(whole)
		b[at] ^= 0x40
		if _, err := parseVarstore(b); err == nil {
			t.Errorf("a store with another %s was read", name)
		}
	}
	for n := range 72 + storeHeadSize {
		if _, err := parseVarstore(whole[:n]); err == nil {
			t.Errorf("%d bytes are a store", n)
		}
	}
}

// The firmware's own file holds a store, without a variable of the specification.
func TestStoreOfRealFirmware(t *testing.T) {
	cache, err := parts.DefaultCache()
	if err != nil {
		t.Skip(err)
	}
	found, _ := filepath.Glob(filepath.Join(cache, "*", "usr/share/OVMF/OVMF_VARS_4M.fd"))
	if len(found) == 0 {
		t.Skip("there is no OVMF in the cache: `abota-sim fetch` fills it")
	}
	content, err := os.ReadFile(found[0])
	if err != nil {
		t.Fatal(err)
	}
	if vars, err := parseVarstore(content); err != nil {
		t.Errorf("got %v, %v", vars, err)
	}
}
