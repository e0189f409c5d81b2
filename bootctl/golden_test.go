package bootctl_test

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"

	"abota/bootctl"
)

var update = flag.Bool("update", false, "write testdata/verbs.txt anew; read the difference before it is committed")

const goldenFile = "testdata/verbs.txt"

const goldenHead = `# What every verb does in every state that the verbs reach from a provisioned
# device whose loader counts confirmed boots up to ten.
#
# A state is the boot order, first choice first: A+10 is slot A, confirmed, with
# ten tries left; B?3 a trial of slot B with three. Slots in small letters are
# not in the order. !failed notes the digest of a release that failed there.
# "proven" is what is known of the slot that is not booted. "same" means that
# nothing is changed, so that nothing is written.
`

// short writes a table as the golden file does.
func short(t bootctl.Table) string {
	var words []string
	for _, s := range t.Order() {
		words = append(words, word(t, s))
	}
	for _, s := range bootctl.Slots {
		if !t.Slots[s].Bootable() {
			words = append(words, strings.ToLower(word(t, s)))
		}
	}
	return strings.Join(words, " ")
}

func word(t bootctl.Table, s bootctl.Slot) string {
	st := t.Slots[s]
	w := s.String()
	switch {
	case st.Good:
		w += fmt.Sprintf("+%d", st.Tries)
	case st.Tries > 0 || st.Bootable():
		w += fmt.Sprintf("?%d", st.Tries)
	}
	if st.Failed != "" {
		w += "!failed"
	}
	return w
}

// reachable walks the verbs breadth-first from a provisioned device. A slot
// that has left the order may still be the booted one, until the reboot.
func reachable() (all []bootctl.Situation) {
	first := bootctl.Table{ConfirmedTries: 10}.WithOrder(bootctl.A, bootctl.B)
	for i := range first.Slots {
		first.Slots[i].Good, first.Slots[i].Tries = true, 10
	}
	seen := map[bootctl.Situation]bool{}
	visit := func(t bootctl.Table) {
		t.Generation = 0
		for _, booted := range bootctl.Slots {
			for _, proven := range []bool{false, true} {
				s := bootctl.Situation{Table: t, Booted: booted}
				s.Proven[booted.Other()] = proven
				if !seen[s] {
					seen[s] = true
					all = append(all, s)
				}
			}
		}
	}
	visit(first)
	for i := 0; i < len(all); i++ {
		for _, v := range verbs() {
			if to, err := v.do(all[i]); err == nil {
				visit(to)
			}
		}
	}
	return all
}

func verdict(s bootctl.Situation, v verb) string {
	to, err := v.do(s)
	switch {
	case err != nil:
		_, reason, _ := strings.Cut(err.Error(), " because ")
		reason, _, _ = strings.Cut(reason, ":")
		return "refused: " + reason
	case to == s.Table:
		return "same"
	}
	return short(to)
}

func TestVerdictsInReachableStates(t *testing.T) {
	var b strings.Builder
	b.WriteString(goldenHead)
	states := reachable()
	for _, s := range states {
		proven := "proven"
		if !s.Proven[s.Booted.Other()] {
			proven = "not proven"
		}
		fmt.Fprintf(&b, "\n%s, %s booted, %s %s\n", short(s.Table), s.Booted, s.Booted.Other(), proven)
		for _, v := range verbs() {
			fmt.Fprintf(&b, "  %-20s %s\n", v.name, verdict(s, v))
		}
	}
	if *update {
		if err := os.WriteFile(goldenFile, []byte(b.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	golden, err := os.ReadFile(goldenFile)
	if err != nil {
		t.Fatal(err)
	}
	want := strings.Split(string(golden), "\n")
	got := strings.Split(b.String(), "\n")
	state := ""
	for i := range min(len(got), len(want)) {
		if strings.Contains(got[i], " booted, ") {
			state = got[i]
		}
		if got[i] != want[i] {
			t.Errorf("%s:%d: in %s\n got %s\nwant %s", goldenFile, i+1, state, got[i], want[i])
		}
	}
	if len(got) != len(want) {
		t.Errorf("%d lines, want %d", len(got), len(want))
	}
	t.Logf("%d reachable states, %d verbs, %d verdicts", len(states), len(verbs()), len(states)*len(verbs()))
}
