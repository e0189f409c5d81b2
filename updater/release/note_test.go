package release

import (
	"strings"
	"testing"
)

func TestNotes(t *testing.T) {
	for text, want := range map[string]Note{
		"1.4.0":                      {Version: "1.4.0"},
		"1.4.0\n":                    {Version: "1.4.0"},
		"v1.4.0-3-gabc\r\n\n":        {Version: "v1.4.0-3-gabc"},
		"version=1.4.0\nfloor=1.2\n": {Version: "1.4.0", Floor: "1.2"},
		"# made by ci\nfloor = 7\nversion = a b\n": {Version: "a b", Floor: "7"},
		"version=1\nfloor=\ncolour=blue\n":         {Version: "1"},
	} {
		if got, err := ParseNote([]byte(text)); err != nil || got != want {
			t.Errorf("%q: %+v, %v, want %+v", text, got, err, want)
		}
	}
}

func TestNotesThatSayNothing(t *testing.T) {
	for text, want := range map[string]string{
		"":                                     "names no version",
		"\n# nothing\n":                        "names no version",
		"floor=1":                              "names no version",
		"1.4.0\n1.5.0\n":                       `gives "version" twice`,
		"version=1\nversion=2":                 `gives "version" twice`,
		"version=1\nfloor=1.x":                 `floor="1.x" is not numbers`,
		"version=1\nfloor=1..2":                "is not numbers",
		"version=1\nfloor=-1":                  "is not numbers",
		"version=1\nfloor=99999999999":         "is not numbers",
		"1\x1b[2J":                             "names no version",
		"\xff":                                 "not UTF-8",
		strings.Repeat("x", 65):                "names no version",
		"v\n" + strings.Repeat("#\n", MaxNote): "larger than 4096 bytes",
	} {
		if got, err := ParseNote([]byte(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.40q: %+v, %v, want %q", text, got, err, want)
		}
	}
}

func TestFloorsAreComparedNumberByNumber(t *testing.T) {
	rising := []string{"", "0", "0.1", "1", "1.2", "1.2.1", "1.9", "1.10", "2", "10"}
	for i, a := range rising {
		for j, b := range rising {
			if got := Below(a, b); got != (i < j) {
				t.Errorf("Below(%q, %q) is %t", a, b, got)
			}
		}
	}
	if Below("1", "1.0") || Below("1.0", "1") {
		t.Error("1 is not 1.0")
	}
}

func FuzzParseNote(f *testing.F) {
	f.Add([]byte("1.4.0\n"))
	f.Add([]byte("version=1\nfloor=1.2\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		n, err := ParseNote(text)
		if err != nil {
			return
		}
		again, err := ParseNote([]byte("version=" + n.Version + "\nfloor=" + n.Floor + "\n"))
		if err != nil || again != n {
			t.Errorf("%+v became %+v, %v", n, again, err)
		}
	})
}
