package service

import (
	"fmt"
	"strings"
	"testing"
)

func TestShadow(t *testing.T) {
	w := newWorld(t)
	update := func(body string) string {
		w.Helper()
		return string(must[[]byte](w)(w.UpdateThingShadow("cam", "", []byte(body))))
	}
	get := func() string {
		w.Helper()
		return string(must[[]byte](w)(w.GetThingShadow("cam", "")))
	}
	_, err := w.GetThingShadow("cam", "")
	same(w, "none", w.refused(err, "ResourceNotFound", 404).Message, "No shadow exists with name: 'cam'")

	same(w, "accepted", update(`{"state":{"reported":{"a":1,"b":{"c":[1,2]}}},"clientToken":"t"}`),
		`{"state":{"reported":{"a":1,"b":{"c":[1,2]}}},"metadata":{"reported":{"a":{"timestamp":1795348800},"b":{"c":[{"timestamp":1795348800},{"timestamp":1795348800}]}}},"version":1,"timestamp":1795348800,"clientToken":"t"}`)
	w.hears("cam update/accepted", "cam update/documents")
	w.minutes(1)
	update(`{"state":{"desired":{"a":2,"b":{"c":[1,2]},"n":null}}}`)
	w.hears("cam update/accepted", "cam update/delta", "cam update/documents")
	same(w, "document", get(), `{"state":{"delta":{"a":2},"desired":{"a":2,"b":{"c":[1,2]}},"reported":{"a":1,"b":{"c":[1,2]}}},"metadata":{`+
		`"desired":{"a":{"timestamp":1795348860},"b":{"c":[{"timestamp":1795348860},{"timestamp":1795348860}]}},`+
		`"reported":{"a":{"timestamp":1795348800},"b":{"c":[{"timestamp":1795348800},{"timestamp":1795348800}]}}},"version":2,"timestamp":1795348860}`)
	update(`{"state":{"reported":{"a":2,"b":null}}}`)
	if text := get(); !strings.Contains(text, `"delta":{"b":{"c":[1,2]}}`) || !strings.Contains(text, `"reported":{"a":2}`) {
		t.Errorf("got %s", text)
	}
	update(`{"state":{"desired":null}}`)
	if text := get(); strings.Contains(text, "desired") || strings.Contains(text, "delta") {
		t.Errorf("got %s", text)
	}
	_, err = w.UpdateThingShadow("cam", "", []byte(`{"state":{"reported":{"a":3}},"version":3}`))
	w.refused(err, "Conflict", 409)
	update(`{"state":{"reported":{"a":3}},"version":4}`)
	same(w, "deleted", string(must[[]byte](w)(w.DeleteThingShadow("cam", ""))), `{"version":5,"timestamp":1795348860}`)
	_, err = w.DeleteThingShadow("cam", "")
	w.refused(err, "ResourceNotFound", 404)
	update(`{"state":{"reported":{}}}`)
	same(w, "the version goes on", get(), `{"state":{"reported":{}},"metadata":{"reported":{}},"version":6,"timestamp":1795348860}`)
}

// TestShadowHistory: documents show what was and what is, and a refused update
// leaves no trace.
func TestShadowHistory(t *testing.T) {
	w := newWorld(t)
	must[[]byte](w)(w.UpdateThingShadow("cam", "", []byte(`{"state":{"reported":{"a":{"b":1}}}}`)))
	_, err := w.UpdateThingShadow("cam", "", []byte(`{"state":{"reported":{"a":{"b":2,"c":"`+strings.Repeat("x", 9000)+`"}}}}`))
	w.refused(err, "RequestEntityTooLarge", 413)
	w.heard = nil
	must[[]byte](w)(w.UpdateThingShadow("cam", "", []byte(`{"state":{"reported":{"a":{"b":3}}}}`)))
	same(w, "documents", string(w.heard[1].Payload), `{"previous":{"state":{"reported":{"a":{"b":1}}},"metadata":{"reported":{"a":{"b":{"timestamp":1795348800}}}},"version":1},`+
		`"current":{"state":{"reported":{"a":{"b":3}}},"metadata":{"reported":{"a":{"b":{"timestamp":1795348800}}}},"version":2},"timestamp":1795348800}`)
}

func TestNamedShadows(t *testing.T) {
	w := newWorld(t)
	for _, name := range []string{"", "b", "a", "$package"} {
		must[[]byte](w)(w.UpdateThingShadow("cam", name, []byte(`{"state":{"reported":{}}}`)))
	}
	must[[]byte](w)(w.DeleteThingShadow("cam", "b"))
	same(w, "names", fmt.Sprint(must[[]string](w)(w.ListNamedShadows("cam"))), "[$package a]")
	same(w, "topic", w.heard[2].Topic, "$aws/things/cam/shadow/name/b/update/accepted")
	_, err := w.GetThingShadow("cam", "b")
	same(w, "text", w.refused(err, "ResourceNotFound", 404).Message, "No shadow exists with name: 'cam~b'")
}

func TestShadowRefused(t *testing.T) {
	w := newWorld(t)
	nested := func(n int) string {
		return `{"state":{"reported":` + strings.Repeat(`{"a":`, n) + `1` + strings.Repeat(`}`, n) + `}}`
	}
	// The state around n letters is {"reported":{"a":"…"}}.
	sized := func(n int) string {
		return `{"state":{"reported":{"a":"` + strings.Repeat("x", n-len(`{"reported":{"a":""}}`)) + `"}}}`
	}
	for _, test := range []struct {
		shadow, body string
		status       int // 0 when it is taken
	}{
		{"", `{"state":{}}`, 0},
		{"", ``, 400},
		{"", `{`, 400},
		{"", `[]`, 400},
		{"", `{}`, 400},
		{"", `{"state":null}`, 400},
		{"", `{"state":{"reported":7}}`, 400},
		{"", `{"state":{"other":{}}}`, 400},
		{"", `{"state":{"reported":{}}}{}`, 400},
		{"", nested(8), 0},
		{"", nested(9), 400},
		{"", sized(8192), 0},
		{"", sized(8193), 413},
		{"a b", `{"state":{}}`, 400},
		{strings.Repeat("n", 64), `{"state":{}}`, 0},
		{strings.Repeat("n", 65), `{"state":{}}`, 400},
		{"$package", `{"state":{"reported":{"fw":{"version":"1","attributes":{"a":"b"}}}}}`, 0},
		{"$package", `{"state":{"reported":{"fw":null}}}`, 0},
		{"$package", `{"state":{"reported":{"fw":{"version":"1","more":1}}}}`, 400},
		{"$package", `{"state":{"reported":{"fw":"1"}}}`, 400},
	} {
		_, err := w.UpdateThingShadow("cam", test.shadow, []byte(test.body))
		if got := statusOf(err); got != test.status {
			t.Errorf("%s %.80s: got %d, %v", test.shadow, test.body, got, err)
		}
	}
}

func statusOf(err error) int {
	if err == nil {
		return 0
	}
	return AsError(err).Status
}
