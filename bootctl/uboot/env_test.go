package uboot

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"abota/bootctl/dialect"
)

func mustEncode(t *testing.T, env environment, size int, serial byte) []byte {
	t.Helper()
	b, err := env.encode(size, serial)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestVariablesAreReadAsUBootDoes(t *testing.T) {
	for _, c := range []struct {
		data, want string // want is the value of x
	}{
		{"x=1\x00", "1"},
		{"a=0\x00x=1\x00b=2\x00", "1"},
		{"x=1\x00x=2\x00", "2"},            // the last one counts
		{"x=1\x00x=\x00", ""},              // an empty value removes
		{"x=1\x00x\x00", ""},               // so does none at all
		{"x=\x00x=1\x00", "1"},             // and what comes later counts again
		{" \tx=1\x00", "1"},                // blanks before the name
		{"#x=1\x00", ""},                   // a comment
		{"x=a=b\x00", "a=b"},               // only the first = ends the name
		{"x =1\x00", ""},                   // a blank belongs to the name
		{"y=1\x00\x00x=1\x00", ""},         // behind the end
		{"x=1", "1"},                       // the data ends without a NUL
		{"x=\xff\xfe\x00\x00", "\xff\xfe"}, // not UTF-8
		{"xx=1\x00X=1\x00", ""},
		{"", ""},
	} {
		if got := parseEnvironment([]byte(c.data)).get("x"); got != c.want {
			t.Errorf("%q: x is %q, want %q", c.data, got, c.want)
		}
	}
}

func TestForeignVariablesStayByteForByteInTheirOrder(t *testing.T) {
	foreign := environment{"z=1", "a=b=c", "#BOOT_ORDER=no", "novalue", "empty=", "latin=\xe9", "z=2", " spaced=x", "=x", "esc=a\\;b", "BOOT_C_LEFT=1"}
	mixed := slices.Concat(environment{"BOOT_ORDER=A"}, foreign[:4], environment{"BOOT_A_LEFT=2", " BOOT_ORDER=B"}, foreign[4:], environment{"BOOT_A_LEFT="})
	got := mixed.with([]dialect.Variable{{Name: "BOOT_ORDER", Value: "B A"}, {Name: "BOOT_A_LEFT", Value: "3"}, {Name: "BOOT_A_FAILED"}})
	want := slices.Concat(environment{"BOOT_ORDER=B A", "BOOT_A_LEFT=3"}, foreign)
	if !slices.Equal(got, want) {
		t.Fatalf("got  %q\nwant %q", got, want)
	}
	decoded, serial, ok := decode(mustEncode(t, got, 1024, 77))
	if !ok || serial != 77 || !slices.Equal(decoded, want) {
		t.Errorf("decoded %q, serial %d, valid %v", decoded, serial, ok)
	}
}

func TestAnEnvironmentIsFullOnlyWhenItIs(t *testing.T) {
	const size = 512
	exact := environment{"x=" + strings.Repeat("v", size-headerSize-1-1-len("x="))}
	b := mustEncode(t, exact, size, 0)
	if b[size-2] != 0 || b[size-1] != 0 || b[size-3] != 'v' {
		t.Errorf("the last bytes are %q, want the value and two NUL", b[size-3:])
	}
	if env, _, ok := decode(b); !ok || !slices.Equal(env, exact) {
		t.Error("the full environment does not come back")
	}
	exact[0] += "v"
	if _, err := exact.encode(size, 0); err == nil || !strings.Contains(err.Error(), "513 of 512 bytes") {
		t.Errorf("one byte too many: %v", err)
	}
}

func TestACopyIsValidOnlyWhenItsChecksumHolds(t *testing.T) {
	whole := mustEncode(t, environment{"x=1"}, 512, 5)
	for bit := range len(whole) * 8 {
		b := bytes.Clone(whole)
		b[bit/8] ^= 1 << (bit % 8)
		_, serial, ok := decode(b)
		if inSerial := bit/8 == 4; ok != inSerial || (ok && serial == 5) {
			t.Fatalf("bit %d flipped: valid %v", bit, ok)
		}
	}
	for n := range headerSize + 1 {
		if _, _, ok := decode(make([]byte, n)); ok {
			t.Errorf("a copy of %d bytes is valid", n)
		}
	}
}

const corpus = "testdata/fuzz/FuzzEnvironment"

// FuzzEnvironment reads any bytes as the data of a copy: what is read can be
// written and comes back, and our variables do not disturb the others.
func FuzzEnvironment(f *testing.F) {
	f.Fuzz(func(t *testing.T, data []byte) {
		env := parseEnvironment(data)
		size := len(data) + 256
		again, _, ok := decode(mustEncode(t, env, size, 1))
		if !ok || !slices.Equal(again, env) {
			t.Fatalf("read %q, wrote it, and read %q", env, again)
		}
		table, err := dialectOf(true).Read(env.get)
		if err != nil {
			table = sample()
		}
		own, err := dialectOf(true).Write(table, env.get)
		if err != nil {
			t.Fatalf("cannot write %+v, which was read: %v", table, err)
		}
		next := env.with(own)
		if got, err := dialectOf(true).Read(next.get); err != nil || got != table {
			t.Fatalf("wrote %+v, read %+v, %v", table, got, err)
		}
		ours := func(entry string) bool {
			name, _ := split(entry)
			return slices.ContainsFunc(own, func(v dialect.Variable) bool { return v.Name == name })
		}
		if was, is := slices.DeleteFunc(env, ours), slices.DeleteFunc(next, ours); !slices.Equal(was, is) {
			t.Fatalf("foreign variables %q became %q", was, is)
		}
	})
}

func TestFuzzCorpusIsNotEmpty(t *testing.T) {
	seeds, err := filepath.Glob(filepath.Join(corpus, "*"))
	if err != nil || len(seeds) < 8 {
		t.Fatalf("%d seeds in %s, %v", len(seeds), corpus, err)
	}
	for _, seed := range seeds {
		if text, err := os.ReadFile(seed); err != nil || !bytes.HasPrefix(text, []byte("go test fuzz v1\n")) {
			t.Errorf("%s is no seed: %v", seed, err)
		}
	}
}
