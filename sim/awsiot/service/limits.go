package service

import (
	"encoding/base64"
	"regexp"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Limits of the service quotas and of the API's model.
const (
	maxConcurrentJobs  = 500
	maxDocument        = 32768 // bytes
	maxDocumentSource  = 1350
	maxTargets         = 100
	maxDescription     = 2028
	maxDetails         = 10
	maxDetailKey       = 128
	maxDetailValue     = 1024
	maxPage            = 250
	maxTags            = 50
	maxTimeoutMinutes  = 10080
	maxPackageVersions = 25
)

var (
	jobIDPattern      = regexp.MustCompile(`^[a-zA-Z0-9_-]{1,64}$`)
	namePattern       = regexp.MustCompile(`^[a-zA-Z0-9:_-]{1,128}$`)
	namespacePattern  = regexp.MustCompile(`^[a-zA-Z0-9_-]+$`)
	streamIDPattern   = regexp.MustCompile(`^[a-zA-Z0-9_-]{1,128}$`)
	detailKeyPattern  = regexp.MustCompile(`^[a-zA-Z0-9:_-]{1,128}$`)
	reasonCodePattern = regexp.MustCompile(`^[\p{Lu}\p{Nd}_]{1,128}$`)
	attributeName     = regexp.MustCompile(`^[a-zA-Z0-9_.,@/:#=\[\]-]{1,128}$`)
	attributeValue    = regexp.MustCompile(`^[a-zA-Z0-9_.,@/:#=\[\]-]{0,800}$`)
)

// printable says whether a text holds no character of the category C.
func printable(text string) bool {
	if !utf8.ValidString(text) {
		return false
	}
	for _, r := range text {
		if unicode.Is(unicode.C, r) {
			return false
		}
	}
	return true
}

func checkDetails(details map[string]string) error {
	if len(details) > maxDetails {
		return invalid("statusDetails has %d pairs: at most %d are allowed", len(details), maxDetails)
	}
	for key, value := range details {
		if !detailKeyPattern.MatchString(key) {
			return invalid("statusDetails has a key of %d bytes that is not 1 to %d of letters, digits, colon, underscore and hyphen", len(key), maxDetailKey)
		}
		if n := utf8.RuneCountInString(value); n < 1 || n > maxDetailValue || !printable(value) {
			return invalid("the value of %s in statusDetails is not 1 to %d characters without control characters", key, maxDetailValue)
		}
	}
	return nil
}

func checkText(what, text string, most int) error {
	if n := utf8.RuneCountInString(text); n > most {
		return invalid("%s has %d characters: at most %d are allowed", what, n, most)
	}
	if !printable(text) {
		return invalid("%s holds a control character", what)
	}
	return nil
}

// cut is a page of a list. A token is where the next page begins, so that what
// is added or removed meanwhile may show twice or not at all.
func cut[T any](list []T, page Page) ([]T, string, error) {
	if page.MaxResults < 0 || page.MaxResults > maxPage {
		return nil, "", invalid("maxResults is %d: give 1 to %d", page.MaxResults, maxPage)
	}
	from, err := page.from()
	if err != nil {
		return nil, "", err
	}
	list = list[min(from, len(list)):]
	size := page.MaxResults
	if size == 0 {
		size = maxPage
	}
	if len(list) <= size {
		return append([]T{}, list...), "", nil
	}
	return append([]T{}, list[:size]...), base64.RawURLEncoding.EncodeToString([]byte("from " + strconv.Itoa(from+size))), nil
}

func (p Page) from() (int, error) {
	if p.NextToken == "" {
		return 0, nil
	}
	text, err := base64.RawURLEncoding.DecodeString(p.NextToken)
	if err == nil {
		if digits, ok := strings.CutPrefix(string(text), "from "); ok {
			if from, err := strconv.Atoi(digits); err == nil && from > 0 {
				return from, nil
			}
		}
	}
	return 0, invalid("nextToken is none that this list gave")
}
