package unpack

import (
	"io/fs"
	"strings"
	"unicode/utf8"
)

// checkName accepts names that mean one path, the same one to every reader.
func checkName(name string, flags uint16) error {
	path := strings.TrimSuffix(name, "/")
	switch {
	case name == "":
		return refuse("an entry has no name")
	case !utf8.ValidString(name):
		return refuse("entry %q: its name is not UTF-8: pack it again with UTF-8 names", name)
	case flags&flagUTF8 == 0 && !isASCII(name):
		return refuse("entry %q: its name is not ASCII and the UTF-8 flag is missing: pack it again with UTF-8 names", name)
	case strings.ContainsAny(name, "\x00\\"):
		return refuse("entry %q: its name contains NUL or a backslash: use slashes", name)
	case !fs.ValidPath(path) || path == ".":
		return refuse("entry %q: its name is not a plain relative path: leave out leading slashes and empty, . and .. elements", name)
	}
	return nil
}

func isASCII(s string) bool {
	return strings.IndexFunc(s, func(r rune) bool { return r >= utf8.RuneSelf }) < 0
}
