package mqtt

import "testing"

func TestMatches(t *testing.T) {
	for _, c := range []struct {
		filter, topic string
		want          bool
	}{
		{"a/b", "a/b", true},
		{"a/b", "a/b/c", false},
		{"a/b", "a", false},
		{"a/+", "a/b", true},
		{"a/+", "a/", true},
		{"a/+", "a", false},
		{"a/+", "a/b/c", false},
		{"a/+/c", "a/b/c", true},
		{"+/+", "/finance", true},
		{"/+", "/finance", true},
		{"+", "/finance", false},
		{"a/#", "a", true},
		{"a/#", "a/b/c", true},
		{"a/#", "ab", false},
		{"#", "a/b", true},
		{"#", "$aws/a", false},
		{"+/a", "$aws/a", false},
		{"$aws/+", "$aws/a", true},
		{"$aws/things/t/jobs/+/get/+", "$aws/things/t/jobs/$next/get/accepted", true},
		{"$aws/things/t/jobs/+/get/+", "$aws/things/t/jobs/J/update/accepted", false},
		{"", "", true},
		{"a//c", "a//c", true},
		{"a/+/c", "a//c", true},
		{"A", "a", false},
	} {
		if got := matches(c.filter, c.topic); got != c.want {
			t.Errorf("matches(%q, %q) is %v", c.filter, c.topic, got)
		}
	}
}
