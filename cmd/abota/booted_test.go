package main

import (
	"errors"
	"testing"

	"abota/bootctl"
)

// saying is a backend whose loader left a variable.
type saying struct {
	bootctl.Backend
	slot  bootctl.Slot
	known bool
	err   error
}

func (s saying) Booted() (bootctl.Slot, bool, error) { return s.slot, s.known, s.err }

// TestTheLoadersVariableIsAskedLast: it counts beside --booted, which it may
// contradict, and not beside the kernel command line.
func TestTheLoadersVariableIsAskedLast(t *testing.T) {
	operator := claim{by: "--booted", slot: bootctl.A}
	line := claim{by: "the kernel command line", slot: bootctl.A, loader: true}
	for _, row := range []struct {
		name     string
		said     claims
		backend  bootctl.Backend
		adds     bool
		byLoader bool
	}{
		{"nobody else", nil, saying{slot: bootctl.B, known: true}, true, true},
		{"the operator", claims{operator}, saying{slot: bootctl.B, known: true}, true, true},
		{"the kernel command line", claims{line}, saying{slot: bootctl.B, known: true}, false, true},
		{"it started something else", nil, saying{}, false, false},
		{"it cannot be read", nil, saying{slot: bootctl.B, known: true, err: errors.New("broken")}, false, false},
		{"a loader without variables", claims{operator}, struct{ bootctl.Backend }{}, false, false},
	} {
		got := row.said.orLoader(row.backend)
		if len(got) != len(row.said) != row.adds || got.byLoader() != row.byLoader {
			t.Errorf("%s: %+v", row.name, got)
		}
		if row.adds && (got[len(got)-1].slot != bootctl.B || !got[len(got)-1].loader) {
			t.Errorf("%s: %+v", row.name, got)
		}
	}
}
