package board

import (
	"bytes"
	"context"
	"errors"
	"os/exec"
	"slices"
	"testing"
	"time"
)

func every(Event) bool { return true }

func none(Event) bool { return false }

func TestSilentGuestIsAFailure(t *testing.T) {
	l := newLog(10 * time.Millisecond)
	if _, _, err := l.Wait(context.Background(), 0, every); !errors.Is(err, ErrSilent) {
		t.Errorf("got %v, want ErrSilent", err)
	}
}

func TestSignsOfLifeAreNoEventButEndTheSilence(t *testing.T) {
	l := newLog(time.Hour)
	l.alive()
	if got := l.Mark(); got != 0 {
		t.Errorf("the log has %d events, want none", got)
	}
	ctx, cancel := context.WithCancelCause(context.Background())
	why := errors.New("enough")
	cancel(why)
	if _, _, err := l.Wait(ctx, 0, every); !errors.Is(err, why) {
		t.Errorf("got %v, want the context's cause", err)
	}
}

func TestWaitGoesOnWhereItStopped(t *testing.T) {
	l := newLog(time.Hour)
	for _, text := range []string{"a", "b", "c"} {
		l.add(Console, text)
	}
	var mark Mark
	for _, want := range []string{"a", "b", "c"} {
		e, next, err := l.Wait(context.Background(), mark, every)
		if err != nil || e.Text != want {
			t.Fatalf("got %q, %v, want %q", e.Text, err, want)
		}
		mark = next
	}
}

func TestWaitSeesWhatComesLater(t *testing.T) {
	l := newLog(time.Hour)
	go l.add(Hello, "boot-id")
	e, _, err := l.Wait(context.Background(), 0, func(e Event) bool { return e.Kind == Hello })
	if err != nil || e.Text != "boot-id" {
		t.Errorf("got %+v, %v", e, err)
	}
}

func TestWaitEndsWhenTheBoardGoesOff(t *testing.T) {
	l := newLog(time.Hour)
	l.add(PowerOff, "power off")
	if _, _, err := l.Wait(context.Background(), 0, none); !errors.Is(err, ErrOff) {
		t.Errorf("got %v, want ErrOff", err)
	}
}

func TestConsoleLinesAreCutAndCleaned(t *testing.T) {
	var got []string
	l := &lines{emit: func(s string) { got = append(got, s) }}
	for _, part := range []string{"\x1b[2J\x1b[1;1Hone\r\n", "tw", "o\n\n", "\x1b7three\x00\n", "unfinished"} {
		if _, err := l.Write([]byte(part)); err != nil {
			t.Fatal(err)
		}
	}
	if want := []string{"one", "two", "three"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestEndlessConsoleLineIsCut(t *testing.T) {
	n := 0
	l := &lines{emit: func(s string) { n += len(s) }}
	for range 3 {
		if _, err := l.Write(bytes.Repeat([]byte("x"), maxLine)); err != nil {
			t.Fatal(err)
		}
	}
	if n != 3*maxLine || len(l.part) != 0 {
		t.Errorf("%d bytes were handed on and %d kept, want all and none", n, len(l.part))
	}
}

func TestAnswersOfTheGuestAreRead(t *testing.T) {
	got, err := parseResult("7 3 o:b25l e:dHdv")
	if want := (Result{Exit: 3, Stdout: "one", Stderr: "two"}); err != nil || got != want {
		t.Errorf("got %+v, %v, want %+v", got, err, want)
	}
	if got, err := parseResult("8 0 o: e:"); err != nil || got != (Result{}) {
		t.Errorf("an empty answer: %+v, %v", got, err)
	}
	for _, bad := range []string{"", "7", "7 x o: e:", "7 0 o:! e:", "7 0 o: e: more"} {
		if _, err := parseResult(bad); err == nil {
			t.Errorf("%q was accepted", bad)
		}
	}
}

func TestCommandsNeedABoardThatIsOn(t *testing.T) {
	b := New(Config{})
	if _, err := b.Run(context.Background(), "true"); !errors.Is(err, ErrOff) {
		t.Errorf("got %v, want ErrOff", err)
	}
	b.PowerCut() // nothing to cut
}

func TestQuotedWordsSurviveAShell(t *testing.T) {
	for _, word := range []string{"plain", "", "two words", "it's", `a"b\c$d`, "*"} {
		out, err := exec.Command("sh", "-c", "printf %s "+quote(word)).Output()
		if err != nil || string(out) != word {
			t.Errorf("%q came back as %q, %v", word, out, err)
		}
	}
}

func TestEmulatorThatCannotStartIsAnError(t *testing.T) {
	b := New(Config{Dir: t.TempDir()})
	b.cfg.Parts.Board.QEMU = []string{"no-such-emulator"}
	if err := b.PowerOn(context.Background()); err == nil {
		t.Fatal("a board without an emulator was switched on")
	}
	b.cfg.Parts.Board.QEMU = []string{"false"}
	if err := b.PowerOn(context.Background()); err == nil {
		t.Fatal("a board whose emulator ends at once was switched on")
	}
}
