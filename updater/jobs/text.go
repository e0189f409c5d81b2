package jobs

import (
	"strings"
	"unicode"
)

// maxValue bounds a value of statusDetails: AWS IoT allows 1 to 1024
// characters; counted here in bytes, which are never fewer.
const maxValue = 1024

// oneLine makes a text fit for a value of statusDetails: without control
// characters (all of Unicode's category C, as the service has it), and not too
// long.
func oneLine(text string) string {
	text = strings.Map(func(r rune) rune {
		switch {
		case unicode.IsSpace(r):
			return ' '
		case r == unicode.ReplacementChar || !unicode.IsPrint(r):
			return '?'
		}
		return r
	}, text)
	return cut(strings.TrimSpace(text), maxValue)
}

// cut shortens a text to so many bytes, at the end of a character.
func cut(text string, most int) string {
	if len(text) <= most {
		return text
	}
	return strings.ToValidUTF8(text[:most-3], "") + "..."
}
