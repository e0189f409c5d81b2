package broker

import (
	"fmt"
	"slices"
	"testing"
	"time"
)

func numbered(n int) (list []Message) {
	for i := range n {
		list = append(list, Message{Topic: fmt.Sprintf("t/%d", i), Payload: []byte{byte(i)}})
	}
	return list
}

func topics(list []Message) (names []string) {
	for _, m := range list {
		names = append(names, m.Topic)
	}
	return names
}

func TestFaultsDoWhatTheySay(t *testing.T) {
	for _, c := range []struct {
		name  string
		fault Fault
		want  []string
	}{
		{"lost", Lose, nil},
		{"twice", Twice, []string{"t/0", "t/0", "t/1", "t/1", "t/2", "t/2"}},
		{"backwards", Backwards, []string{"t/2", "t/1", "t/0"}},
		{"the first two lost", First(2, Lose), []string{"t/2"}},
		{"one of them lost", On("t/1", Lose), []string{"t/0", "t/2"}},
		{"nothing of it", On("u/#", Lose), []string{"t/0", "t/1", "t/2"}},
		{"two after each other", All(On("t/0", Lose), Backwards), []string{"t/2", "t/1"}},
		{"every time", Sometimes(1, 1, Lose), nil},
	} {
		sent := numbered(3)
		if got := topics(c.fault(Message{}, sent)); !slices.Equal(got, c.want) {
			t.Errorf("%s: %v, want %v", c.name, got, c.want)
		}
		if got := topics(sent); !slices.Equal(got, []string{"t/0", "t/1", "t/2"}) {
			t.Errorf("%s: what was to be sent became %v", c.name, got)
		}
	}
}

func TestChanceIsTheSeeds(t *testing.T) {
	for name, make := range map[string]func(uint64) Fault{
		"shuffle":   Shuffle,
		"damage":    Damage,
		"sometimes": func(seed uint64) Fault { return Sometimes(3, seed, Lose) },
	} {
		show := func(seed uint64) string { return fmt.Sprint(make(seed)(Message{}, numbered(64))) }
		if first, again := show(1), show(1); first != again {
			t.Errorf("%s: one seed does two things", name)
		}
		if show(1) == show(2) {
			t.Errorf("%s: two seeds do the same", name)
		}
	}
}

func TestDamageIsOneBitOfACopy(t *testing.T) {
	sent := []Message{{Topic: "t", Payload: []byte{1, 2, 3, 4}}}
	got := Damage(7)(Message{}, sent)
	if !slices.Equal(sent[0].Payload, []byte{1, 2, 3, 4}) {
		t.Error("what was to be sent was changed in place")
	}
	if bits := differ(got[0].Payload, sent[0].Payload); bits != 1 {
		t.Errorf("%d bits differ", bits)
	}
}

func TestWaitIsForTheFirst(t *testing.T) {
	got := Wait(time.Second)(Message{}, numbered(2))
	if got[0].After != time.Second || got[1].After != 0 {
		t.Errorf("waits %v and %v", got[0].After, got[1].After)
	}
}
