package ota

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// ParseTag reads "KEY=VALUE".
func ParseTag(text string) (Tag, error) {
	key, value, ok := strings.Cut(text, "=")
	if !ok || key == "" {
		return Tag{}, fmt.Errorf("%q is not KEY=VALUE", text)
	}
	return Tag{key, value}, nil
}

func (r *Request) checkTags() error {
	if len(r.Tags) > maxTags {
		return usage("there are %d tags, and a job takes %d", len(r.Tags), maxTags)
	}
	seen := map[string]bool{}
	for _, t := range r.Tags {
		switch {
		case seen[t.Key]:
			return usage("the tag %q is given twice", t.Key)
		case strings.HasPrefix(strings.ToLower(t.Key), "aws:"):
			return usage("the tag %q begins with aws:, which is reserved", t.Key)
		case utf8.RuneCountInString(t.Key) > maxTagKey || utf8.RuneCountInString(t.Value) > maxTagValue:
			return usage("the tag %q is too long: a key has %d characters at most, a value %d", t.Key, maxTagKey, maxTagValue)
		case !tagText.MatchString(t.Key) || !tagText.MatchString(t.Value):
			return usage("the tag %q may only have letters, digits, blanks and _.:/=+-@, in its key and in its value", t.Key)
		}
		seen[t.Key] = true
	}
	return nil
}

// checkText checks a description or comment: bounded, and without control
// characters.
func checkText(what, text string, most int) error {
	switch n := utf8.RuneCountInString(text); {
	case n > most:
		return usage("the %s has %d characters, and %d are the most", what, n, most)
	case !utf8.ValidString(text) || controls.MatchString(text):
		return usage("the %s has characters that cannot be printed, such as a line's end: leave them out", what)
	}
	return nil
}
