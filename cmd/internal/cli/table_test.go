package cli

import (
	"strings"
	"testing"
)

func TestTableHasItsColumnsTwoBlanksApart(t *testing.T) {
	for _, row := range []struct {
		name string
		rows [][]string
		want string
	}{
		{"one column", [][]string{{"a"}, {"long"}}, "a\nlong\n"},
		{"widest cell below", [][]string{{"a", "b", "c"}, {"long", "", "d"}}, "a     b  c\nlong     d\n"},
		{"letters, not bytes", [][]string{{"äöü", "x"}, {"abcd", "y"}}, "äöü   x\nabcd  y\n"},
		{"rows of other lengths", [][]string{{"a"}, {}, {"bb", "c"}, {"long"}}, "a\n\nbb  c\nlong\n"},
		{"a last cell makes no room", [][]string{{"a", "long"}, {"c", "b", "d"}}, "a  long\nc  b  d\n"},
	} {
		var out strings.Builder
		(&Output{Stdout: &out}).Table(row.rows)
		if out.String() != row.want {
			t.Errorf("%s: got %q, want %q", row.name, out.String(), row.want)
		}
	}
}
