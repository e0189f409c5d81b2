package agent

import (
	"encoding/json"
	"testing"
	"time"
)

const release = "0123456789abcdef0123456789abcdef"

var (
	noon   = time.Date(2026, 11, 27, 12, 0, 0, 0, time.UTC) // a Friday
	hourly = Policy{Interval: time.Hour, Jitter: 10 * time.Minute, Identity: "device-1"}
)

// least and longest are the ends of what randomness may bring.
func least(time.Duration) time.Duration { return 0 }

func longest(n time.Duration) time.Duration { return max(n-1, 0) }

// begun is an agent whose first look is over at noon.
func begun(p Policy) (State, Time) {
	now := Time{Wall: noon}
	return Start(p, now, nil, least).After(p, now, Look, Outcome{Kind: NothingNew}, least), now
}

func (t Time) plus(d time.Duration) Time {
	t.Up += d
	if !t.Wall.IsZero() {
		t.Wall = t.Wall.Add(d)
	}
	return t
}

func available(published time.Time) Outcome {
	return Outcome{Kind: Available, Release: release, Name: "2", Published: published}
}

func wantStep(t *testing.T, what string, got Step, do Action, wait time.Duration) {
	t.Helper()
	if got.Do != do || got.Wait != wait {
		t.Errorf("%s: %s in %v, want %s in %v", what, got.Do, got.Wait, do, wait)
	}
}

func TestFirstLookIsSpread(t *testing.T) {
	for _, row := range []struct {
		interval, jitter, most time.Duration
	}{
		{time.Hour, 10 * time.Minute, time.Hour - 1},
		{10 * time.Minute, time.Minute, 10*time.Minute - 1},
		{24 * time.Hour, time.Hour, time.Hour - 1},
		{time.Hour, 0, 0},
	} {
		p := Policy{Interval: row.interval, Jitter: row.jitter}
		wantStep(t, "at the earliest", Start(p, Time{Up: 5}, nil, least).Next(p, Time{Up: 5}), Look, 0)
		wantStep(t, "at the latest", Start(p, Time{Up: 5}, nil, longest).Next(p, Time{Up: 5}), Look, row.most)
	}
}

func TestLooksAreAnIntervalApart(t *testing.T) {
	s, now := begun(hourly)
	wantStep(t, "at the earliest", s.Next(hourly, now), Look, time.Hour)
	s = s.After(hourly, now, Look, Outcome{Kind: Unwanted}, longest)
	wantStep(t, "at the latest", s.Next(hourly, now), Look, 70*time.Minute-1)
	wantStep(t, "when told", s.Now(now).Next(hourly, now), Look, 0)
}

// Each cause has its own pauses, which double up to a limit.
func TestPausesGrowByCause(t *testing.T) {
	m, h := time.Minute, time.Hour
	for _, row := range []struct {
		cause    Kind
		interval time.Duration
		want     []time.Duration
	}{
		{Transport, h, []time.Duration{15 * m, 30 * m, h, h}},
		{Transport, 10 * time.Second, []time.Duration{10 * time.Second, 20 * time.Second, 40 * time.Second, 40 * time.Second}},
		{Transport, 24 * h, []time.Duration{15 * m, 30 * m, h, 2 * h, 4 * h, 8 * h, 16 * h, 24 * h, 24 * h}},
		{Denied, h, []time.Duration{h, 2 * h, 4 * h, 6 * h, 6 * h}},
		{Missing, h, []time.Duration{h, h}},
		{Corrupt, 30 * m, []time.Duration{30 * m, h, 2 * h, 4 * h, 8 * h, 12 * h, 12 * h}},
		{Denied, 48 * h, []time.Duration{48 * h, 48 * h}},
		{Busy, h, []time.Duration{m, 2 * m, 4 * m, 8 * m, 10 * m, 10 * m}},
		{Deferred, h, []time.Duration{5 * m, 10 * m, 20 * m, 40 * m, h, h}},
		{Failed, h, []time.Duration{5 * m, 10 * m, 20 * m, 40 * m, 80 * m}},
	} {
		p := Policy{Interval: row.interval, Jitter: m}
		s, now := begun(p)
		for _, want := range row.want {
			s = s.After(p, now, Look, Outcome{Kind: row.cause}, least)
			wantStep(t, row.cause.String(), s.Next(p, now), Look, want)
		}
		half := s.After(p, now, Look, Outcome{Kind: row.cause}, longest).Next(p, now)
		if last := row.want[len(row.want)-1]; half.Wait < last/2 || half.Wait > 2*last {
			t.Errorf("%s: at random %v, at the most %v", row.cause, half.Wait, last)
		}
		other := s.After(p, now, Look, Outcome{Kind: Refused}, least)
		wantStep(t, "another cause after "+row.cause.String(), other.Next(p, now), Look, row.interval)
		s = s.After(p, now, Look, Outcome{Kind: NothingNew}, least).After(p, now, Look, Outcome{Kind: row.cause}, least)
		wantStep(t, "after a success", s.Next(p, now), Look, row.want[0])
	}
}

func TestEveryKindHasItsPlace(t *testing.T) {
	failures := 0
	for k := range Kind(len(kindNames)) {
		_, failed := paces[k]
		if failed != (k >= Transport) {
			t.Errorf("%s has a pace: %v", k, failed)
		}
		if failed {
			failures++
		}
	}
	if failures != len(paces) || len(kindNames) != int(Failed)+1 {
		t.Errorf("%d failures, %d paces, %d names", failures, len(paces), len(kindNames))
	}
}

func TestRetryAfterIsObeyed(t *testing.T) {
	s, now := begun(hourly)
	ask := func(after time.Duration, r Rand) Step {
		return s.After(hourly, now, Look, Outcome{Kind: Transport, RetryAfter: after}, r).Next(hourly, now)
	}
	wantStep(t, "shorter than the pause", ask(time.Second, least), Look, 15*time.Minute)
	wantStep(t, "longer", ask(3*time.Hour, least), Look, 3*time.Hour)
	wantStep(t, "not all at once", ask(3*time.Hour, longest), Look, 3*time.Hour+18*time.Minute-1)
	wantStep(t, "a little, spread by the jitter", ask(26*time.Minute, longest), Look, 36*time.Minute-1)
	wantStep(t, "at most a day", ask(1000*time.Hour, least), Look, 24*time.Hour)

	s = s.After(hourly, now, Look, available(time.Time{}), least)
	s = s.After(hourly, now, Look, Outcome{Kind: Transport, RetryAfter: 2 * time.Hour}, least)
	if step := s.Next(hourly, now); step.Wait != 2*time.Hour {
		t.Errorf("an install in %v asks the server before it wants to be asked", step.Wait)
	}
}

// A release waits for its wave and its jitter, by the device's own shares,
// whenever it is looked for again.
func TestReleaseIsTakenInItsWave(t *testing.T) {
	p := hourly
	p.Wave = 24 * time.Hour
	wave, jitter := part(share(p.Identity, release, ""), p.Wave), part(share(p.Identity, release, "jitter"), p.Jitter)
	for _, row := range []struct {
		name      string
		published time.Duration
		want      time.Duration
	}{
		{"now", 0, wave + jitter},
		{"an hour ago", -time.Hour, wave - time.Hour + jitter},
		{"long ago", -100 * time.Hour, jitter},
		{"in the future", 5 * time.Hour, wave + jitter},
	} {
		s, now := begun(p)
		s = s.After(p, now, Look, available(noon.Add(row.published)), least)
		for now.Wall.Before(noon.Add(row.want)) {
			if step := s.Next(p, now); step.Do == Install && now.plus(step.Wait).Wall != noon.Add(row.want) {
				t.Fatalf("%s: install at %v, want %v", row.name, now.plus(step.Wait).Wall, noon.Add(row.want))
			} else {
				now = now.plus(step.Wait)
			}
			s = s.Observe(now)
			if now.Wall.Before(noon.Add(row.want)) {
				s = s.After(p, now, Look, available(noon.Add(row.published)), least)
			}
		}
		wantStep(t, row.name, s.Next(p, now), Install, 0)
	}
	if wave < time.Hour || jitter == 0 {
		t.Errorf("the shares prove nothing: %v, %v", wave, jitter)
	}
}

// The waves of a fleet are spread evenly.
func TestSharesAreSpread(t *testing.T) {
	var tenths [10]int
	for i := range 10000 {
		x := share(string(rune('a'+i%26))+time.Duration(i).String(), release, "")
		if x < 0 || x >= 1 {
			t.Fatalf("share %v", x)
		}
		tenths[int(x*10)]++
	}
	for i, n := range tenths {
		if n < 850 || n > 1150 {
			t.Errorf("%d of 10000 in tenth %d", n, i)
		}
	}
	// SHA-256 of "ab" begins fb8e20fc2e4c3f24.
	if got := share("a", "", "b"); got < 0.98263 || got > 0.98264 {
		t.Errorf("share is %v", got)
	}
}

// A restart of the agent neither moves nor forgets a release.
func TestRestartKeepsTheTime(t *testing.T) {
	p := hourly
	p.Wave = 24 * time.Hour
	s, now := begun(p)
	s = s.After(p, now, Look, available(noon), least)
	s = s.After(p, now, Install, Outcome{Kind: Corrupt}, least)
	s = s.After(p, now, Install, Outcome{Kind: Corrupt}, least)
	want := noon.Add(s.Found.wait(p, now))

	text, err := json.Marshal(s.Found)
	if err != nil {
		t.Fatal(err)
	}
	var left Found
	if err := json.Unmarshal(text, &left); err != nil {
		t.Fatal(err)
	}
	later := Time{Wall: noon.Add(30 * time.Minute)}
	again := Start(p, later, &left, longest).Observe(later)
	if got := later.Wall.Add(again.Found.wait(p, later)); !got.Equal(want) {
		t.Errorf("after a restart at %v, before at %v (%s)", got, want, text)
	}
	if again.Found.Failures[Corrupt] != 2 {
		t.Errorf("forgot failures: %s", text)
	}
}

func TestInstallAndRestartKeepToTheWindow(t *testing.T) {
	p := hourly
	p.Jitter = 0
	p.Windows = []Window{{Days: everyDay, From: hm(20, 0), To: hm(22, 0)}}
	open, next := 8*time.Hour, 32*time.Hour
	for _, row := range []struct {
		reboot           Reboot
		install, restart time.Duration // the restart of an install that ends at 23:00
	}{
		{RebootNow, open, next - 11*time.Hour},
		{RebootInWindow, 0, next - 11*time.Hour},
		{RebootByApplication, open, -1},
	} {
		p.Reboot = row.reboot
		s, now := begun(p)
		s = s.After(p, now, Look, available(noon), least)
		s.look = 1000 * time.Hour
		wantStep(t, "install", s.Next(p, now), Install, row.install)

		now = now.plus(11 * time.Hour)
		s = s.Observe(now).After(p, now, Install, Outcome{Kind: Waiting}, least)
		if step := s.Next(p, now); row.restart < 0 {
			wantStep(t, "left to the application", step, Look, 989*time.Hour)
		} else {
			wantStep(t, "restart", step, Restart, row.restart)
		}
	}
}

func TestInstalledReleaseIsStartedOnce(t *testing.T) {
	s, now := begun(hourly)
	s = s.After(hourly, now, Look, available(noon), least)
	s = s.After(hourly, now, Install, Outcome{Kind: Waiting}, least)
	wantStep(t, "at once", s.Next(hourly, now), Restart, 0)
	late := now.plus(3 * time.Hour)
	wantStep(t, "before a look that is overdue", s.Observe(late).Next(hourly, late), Restart, 0)
	again := s.After(hourly, now, Look, Outcome{Kind: Waiting}, least)
	wantStep(t, "after a look", again.Next(hourly, now), Restart, 0)
	s = s.After(hourly, now, Restart, Outcome{Kind: Deferred}, least)
	wantStep(t, "put off by a hook", s.Next(hourly, now), Restart, 5*time.Minute)
	s = s.After(hourly, now, Restart, Outcome{Kind: NothingNew}, least)
	wantStep(t, "runs already", s.Next(hourly, now), Look, time.Hour)
}

func TestWhatIsOfferedInsteadHasATimeOfItsOwn(t *testing.T) {
	p := hourly
	p.Jitter = 0
	s, now := begun(p)
	s = s.After(p, now, Look, available(noon), least).After(p, now, Install, Outcome{Kind: Transport}, least)
	now = now.plus(time.Minute)
	other := available(noon)
	other.Release = "another"
	s = s.Observe(now).After(p, now, Look, other, least)
	if f := s.Found; f.Release != "another" || f.Failures != nil || !f.Seen.Equal(now.Wall) {
		t.Errorf("%+v", f)
	}
	s = s.After(p, now, Install, Outcome{Kind: Superseded}, least)
	wantStep(t, "superseded", s.Next(p, now), Look, time.Hour)
}

// A device that never learns the time updates all the same.
func TestWithoutAClock(t *testing.T) {
	p := hourly
	p.Wave = 24 * time.Hour
	delay := part(share(p.Identity, release, ""), p.Wave) + part(share(p.Identity, release, "jitter"), p.Jitter)
	for _, windows := range [][]Window{nil, {weekdays}} {
		p.Windows = windows
		want := delay
		if windows != nil {
			want += 24 * time.Hour
		}
		now := Time{}
		s := Start(p, now, nil, least).After(p, now, Look, available(noon.Add(-1000*time.Hour)), least)
		s.look = 1000 * time.Hour
		wantStep(t, "in one piece", s.Next(p, now), Install, want)

		// Switched off twice a day, with only the record left.
		var passed time.Duration
		for passed+12*time.Hour < want {
			now = now.plus(12 * time.Hour)
			passed += 12 * time.Hour
			left := *s.Observe(now).Found
			left.counted, left.retry = 0, 0
			now = Time{}
			s = Start(p, now, &left, least)
			s.look = 1000 * time.Hour
		}
		wantStep(t, "in pieces", s.Observe(now).Next(p, now), Install, want-passed)

		// The time becomes known: what has passed counts.
		now = now.plus(time.Minute)
		known := Time{Wall: noon, Up: now.Up}
		s = s.Observe(now).Observe(known)
		if want := noon.Add(-passed - time.Minute); !s.Found.Seen.Equal(want) {
			t.Errorf("seen at %v, want %v", s.Found.Seen, want)
		}
	}
}

// A clock that is set back does not put a release off by what it was wrong.
func TestClockThatIsSetBack(t *testing.T) {
	p := hourly
	s, now := begun(p)
	s = s.After(p, now, Look, available(noon), least)
	now.Wall = noon.Add(-1000 * time.Hour)
	s = s.Observe(now)
	if wait := s.Found.wait(p, now); wait > p.Jitter {
		t.Errorf("waits %v", wait)
	}
}

// Nor does it put off the restart.
func TestClockThatIsSetBackBeforeTheRestart(t *testing.T) {
	p := hourly
	p.Windows = []Window{{Days: [7]bool{true, true, true, true, true, true, true}, From: 2 * time.Hour, To: 4 * time.Hour}}
	s, now := begun(p)
	s = s.After(p, now, Look, available(noon), least).After(p, now, Install, Outcome{Kind: Waiting}, least)
	now.Wall = noon.Add(-10000 * time.Hour)
	s = s.Observe(now)
	if wait := s.Found.wait(p, now); wait > 24*time.Hour {
		t.Errorf("waits %v", wait)
	}
}
