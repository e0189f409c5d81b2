package config

import (
	"fmt"
	"strings"
)

// quoteLines turns top-level lines of the form name:VALUE into YAML, in
// place: every other line, and the number of lines, stay as they are. VALUE
// loses trailing blanks and the carriage return, and nothing else.
func quoteLines(source string) string {
	lines := strings.SplitAfter(source, "\n")
	for i, line := range lines {
		if name, value, ok := cutLine(line); ok {
			lines[i] = name + ": " + quote(value) + "\n"
		}
	}
	return strings.Join(lines, "")
}

// cutLine splits a line that starts with a name, a colon and no blank after
// it. In YAML such a line is no key and value, so nothing that YAML means is
// lost.
func cutLine(line string) (name, value string, ok bool) {
	name, value, ok = strings.Cut(line, ":")
	value = strings.TrimRight(value, " \t\r\n")
	if !ok || name == "" || value == "" || value[0] == ' ' || value[0] == '\t' {
		return "", "", false
	}
	isName := func(r rune) bool {
		return r == '_' || (r >= 'a' && r <= 'z') || (r >= 'A' && r <= 'Z') || (r >= '0' && r <= '9')
	}
	if strings.TrimLeftFunc(name, isName) != "" {
		return "", "", false
	}
	return name, value, true
}

// quote writes a value as one double-quoted YAML scalar. Everything but plain
// ASCII is escaped, since YAML folds line breaks of other kinds.
func quote(value string) string {
	var b strings.Builder
	b.WriteByte('"')
	for _, r := range value {
		switch {
		case r == '"' || r == '\\':
			b.WriteByte('\\')
			b.WriteRune(r)
		case r < ' ' || r > '~':
			fmt.Fprintf(&b, `\U%08X`, r)
		default:
			b.WriteRune(r)
		}
	}
	b.WriteByte('"')
	return b.String()
}
