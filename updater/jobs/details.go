package jobs

import (
	"regexp"
	"slices"
)

// What AWS IoT takes as statusDetails.
const (
	maxPairs = 10
	maxKey   = 128
)

var detailKeys = regexp.MustCompile(`^[a-zA-Z0-9:_-]+$`)

// weight says which details stay when there are too many of them.
var weight = map[string]int{"reason": 0, "phase": 1, "self_test": 2, "receive": 3, "progress": 4, "release": 5, "slot": 6}

// clip makes details such that the service takes them: what is empty or has an
// impossible key is left out, what is too long is cut.
func clip(details map[string]string) map[string]string {
	var names []string
	for name, value := range details {
		if len(name) <= maxKey && detailKeys.MatchString(name) && oneLine(value) != "" {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	kept := map[string]string{}
	for w := 0; w <= len(weight); w++ {
		for _, name := range names {
			if rank(name) == w && len(kept) < maxPairs {
				kept[name] = oneLine(details[name])
			}
		}
	}
	return kept
}

func rank(name string) int {
	if w, ok := weight[name]; ok {
		return w
	}
	return len(weight)
}
