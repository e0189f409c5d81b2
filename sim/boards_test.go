package sim

import (
	"bytes"
	"context"
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	"abota/sim/parts"
)

// names are the cases of a board, one string.
func names(t *testing.T, board string, quick bool) string {
	t.Helper()
	kind, err := parts.FindBoard(board)
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, c := range casesOf(kind, quick) {
		all = append(all, c.Name)
	}
	return strings.Join(all, ", ")
}

func TestEachBoardHasItsCases(t *testing.T) {
	const (
		all  = "good, unhealthy, panic, hang, power cut, table lost, slot damaged"
		most = "good, unhealthy, panic, power cut"
	)
	for _, row := range []struct{ board, whole, quick string }{
		{"arm64", all, all},
		{"armhf", "good, unhealthy, panic, power cut, table lost, slot damaged", "good, panic"},
		{"amd64-grub", "good, unhealthy, panic, power cut, table lost, slot damaged", "good, panic"},
		{"amd64-sdboot", most, "good, panic"},
		{"arm64-sdboot", most, "good, panic"},
		{"amd64-efi", most + ", slot damaged", "good, panic"},
	} {
		if got := names(t, row.board, false); got != row.whole {
			t.Errorf("%s: %s\nwant %s", row.board, got, row.whole)
		}
		if got := names(t, row.board, true); got != row.quick {
			t.Errorf("%s, quick: %s\nwant %s", row.board, got, row.quick)
		}
	}
}

func TestTableShowsEachCaseOnceAndWhatFailed(t *testing.T) {
	var out bytes.Buffer
	kinds := parts.Boards()[:2]
	table := newBoardTable(BoardOptions{Boards: kinds, Out: &out})
	table.add(BoardRow{Board: kinds[0].Name, Case: "good", Passed: true, Seconds: 12.34})
	table.add(BoardRow{Board: kinds[0].Name, Case: "panic", Seconds: 5, Reason: "not there", Console: []string{"last words"}})
	table.fail(kinds[1], errLate)
	for _, want := range []string{"not there\n", "  | last words\n", errLate.Error()} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("the rows do not say %q:\n%s", want, out.String())
		}
	}
	out.Reset()
	table.print(time.Minute)
	lines := strings.Split(strings.TrimSpace(out.String()), "\n")
	if len(lines) != len(kinds)+3 || !strings.HasPrefix(lines[len(lines)-1], "1 of 3 cases passed, in 60 s") {
		t.Fatalf("the table is:\n%s", out.String())
	}
	for i, want := range [][]string{{"12.3", "-", "FAILED", "-", "-", "-", "-"}, slices.Repeat([]string{"FAILED"}, len(cases()))} {
		if got := strings.Fields(lines[i+1])[2:]; !slices.Equal(got, want) {
			t.Errorf("%s: %q, want %q", kinds[i].Name, got, want)
		}
		if len(lines[i+1]) != len(lines[0]) {
			t.Errorf("%q is not as long as the heading %q", lines[i+1], lines[0])
		}
	}
}

// toy is a board on which the named cases are not seen.
type toy struct {
	log  *[]string
	fail map[string]bool
}

func (b toy) play(_ context.Context, c Case) BoardRow {
	*b.log = append(*b.log, c.Name)
	return BoardRow{Board: "arm64", Case: c.Name, Passed: !b.fail[c.Name], Reason: "not there"}
}

func (b toy) close()         { *b.log = append(*b.log, "closed") }
func (b toy) keep(io.Writer) { *b.log = append(*b.log, "kept") }

func TestCasesGoOnOnANewBoardAfterOneThatFailed(t *testing.T) {
	for _, row := range []struct {
		name string
		fail []map[string]bool // of each board that is made
		want string
		rows int
	}{
		{"none fails", []map[string]bool{{}}, "good unhealthy panic hang power cut table lost slot damaged closed", 7},
		{"one in the middle", []map[string]bool{{"unhealthy": true}, {}}, "good unhealthy kept good panic hang power cut table lost slot damaged closed", 7},
		{"the last one", []map[string]bool{{"slot damaged": true}}, "good unhealthy panic hang power cut table lost slot damaged kept", 7},
		{"a new board does not get there", []map[string]bool{{"panic": true}, {"good": true}}, "good unhealthy panic kept good kept", 4},
	} {
		var out bytes.Buffer
		var log []string
		table := newBoardTable(BoardOptions{Out: &out})
		made := 0
		table.start = func(context.Context, parts.Board) (player, error) {
			made++
			return toy{&log, row.fail[made-1]}, nil
		}
		kind := parts.DefaultBoard()
		if err := table.board(t.Context(), kind); err != nil {
			table.fail(kind, err)
		}
		if got := strings.Join(log, " "); got != row.want {
			t.Errorf("%s: %s\nwant %s", row.name, got, row.want)
		}
		if got := len(table.rows["arm64"]); got != row.rows || table.failed != (row.name != "none fails") {
			t.Errorf("%s: %d rows, failed %v, want %d rows", row.name, got, table.failed, row.rows)
		}
	}
}
