package jobs

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"
)

var noon = time.Date(2026, 11, 28, 12, 0, 0, 0, time.UTC)

var plain = Policy{Step: time.Hour, LookEvery: 30 * time.Minute, Random: func(time.Duration) time.Duration { return 0 }}

// at is a situation with an execution in hand, quiet but for what the row says.
func at(phase Phase, change ...func(*Situation)) Situation {
	s := Situation{
		Record: Record{Phase: phase, Job: "AFR_OTA-1", Execution: 1, Version: 5, Status: InProgress, Release: idOf("new"), Package: Package{"firmware", "2"}},
		doc:    &Document{File: &File{}}, heard: noon, toldAt: noon, lookAt: noon.Add(time.Hour), budget: 10 * time.Minute,
	}
	switch phase {
	case Idle:
		s.Record = Record{}
	case Owing:
		s.Outcome = &Outcome{Succeeded, "healthy"}
		s.service = Report
	case Installing:
		s.Begun, s.device = true, Install
	case Ready:
		s.Begun, s.Installed = true, true
	case Restarting:
		s.Begun, s.Installed, s.device, s.restartedAt = true, true, Judge, noon
	case Testing:
		s.Begun, s.Installed, s.device = true, true, Judge
	case Leaving:
		s.Begun, s.Installed, s.device = true, true, Judge
	case Judging:
		s.device = Judge
	}
	for _, c := range change {
		c(&s)
	}
	return s
}

func queued(s *Situation) { s.Status = Queued }
func begun(s *Situation)  { s.Begun = true }
func ready(s *Situation)  { s.word = true }
func told(s *Situation)   { s.service = Tell; s.telling = s.Phase; s.toldHold = s.hold + s.why }
func during(op Op) func(*Situation) {
	return func(s *Situation) {
		if op.asks() {
			s.service = op
		} else {
			s.device = op
		}
	}
}

var own = key{"AFR_OTA-1", 1}

func stands(state State, change ...func(*Stood)) Stood {
	e := Stood{key: own, Standing: Standing{State: state, Release: idOf("new"), Slot: "B", Reason: "why"}, Budget: 10 * time.Minute}
	for _, c := range change {
		c(&e)
	}
	return e
}

func shut(e *Stood)   { e.Wait, e.Why = 2*time.Hour, "closed" }
func unsure(e *Stood) { e.Err = errors.New("input/output error") }

func ends(op Op, kind Kind) Ended {
	return Ended{key: own, Op: op, Result: Result{Kind: kind, Err: errors.New("why")}}
}

func gone(op Op, status Status) Answered {
	return Answered{key: own, Op: op, Err: &RejectedError{Code: CodeInvalidState, Status: status}}
}

func refuses(op Op, code Code) Answered {
	return Answered{key: own, Op: op, Err: &RejectedError{Code: code, Status: InProgress, Version: 9}}
}

func describes(status Status, change ...func(*Found)) Answered {
	f := &Found{Execution: Execution{Summary: Summary{Job: "AFR_OTA-1", Number: 1, Version: 7}, Status: status}, Parsed: Document{File: &File{Size: 1}}}
	for _, c := range change {
		c(f)
	}
	return Answered{key: own, Op: Describe, Found: f}
}

func TestDecide(t *testing.T) {
	deferred := func(s *Situation) { s.pausing(noon, "deferred", time.Hour, "the pump runs") }
	for _, row := range []struct {
		name  string
		s     Situation
		e     Event
		after time.Duration // since the situation
		phase Phase
		do    string // the actions
		want  string // of what describe makes of the new situation
	}{
		// Nothing in hand.
		{"up: look", at(Idle), Connected{}, 0, Idle, "look", ""},
		{"notice: look", at(Idle), Notified{}, 0, Idle, "look", ""},
		{"notice while it looks: look again after", at(Idle, during(Look)), Notified{}, 0, Idle, "", "look"},
		{"nothing for long: look", at(Idle), Tick{}, time.Hour, Idle, "look", ""},
		{"nothing found", at(Idle, during(Look)), Looked{}, 0, Idle, "", ""},
		{"cannot look: later", at(Idle, during(Look)), Looked{Err: ErrNoReply}, 0, Idle, "", "look"},
		{"found: judge", at(Idle, during(Look)), Looked{Found: describes(Queued).Found}, 0, Judging, "judge", ""},
		{"found a bad document: start, to reject it", at(Idle, during(Look)), Looked{Found: describes(Queued, func(f *Found) { f.Err = ErrUnknown }).Found}, 0, Owing, "begin", "REJECTED"},
		{"found with a word of a trial", at(Idle, during(Look)), Looked{Found: describes(InProgress, func(f *Found) { f.Details = map[string]string{"self_test": "active"} }).Found}, 0, Judging, "judge", "begun installed"},
		{"a shadow is owed: write it", at(Idle, func(s *Situation) { s.Shadow = &Package{"a", "1"} }), Tick{}, 0, Idle, "shadow", "shadow"},
		{"the shadow is written", at(Idle, during(Shadow), func(s *Situation) { s.Shadow = &Package{"a", "1"} }), Answered{Op: Shadow}, 0, Idle, "", ""},
		{"the shadow is not written: later", at(Idle, during(Shadow), func(s *Situation) { s.Shadow = &Package{"a", "1"} }), Answered{Op: Shadow, Err: ErrNoReply}, 6 * time.Second, Idle, "", "shadow"},

		// Judged.
		{"new and queued: start", at(Judging, queued), stands(New), 0, Judging, "begin", ""},
		{"new and started: install", at(Judging), stands(New), 0, Installing, "install", "begun"},
		{"new, queued, window shut: stays queued", at(Judging, queued), stands(New, shut), 0, Idle, "", "deferred"},
		{"new, started, window shut: deferred", at(Judging), stands(New, shut), 0, Judging, "tell", "deferred"},
		{"new, not described yet: ask first", at(Judging, func(s *Situation) { s.doc = nil }), stands(New), 0, Judging, "describe", ""},
		{"new, doubted: ask first", at(Judging, func(s *Situation) { s.stale = true }), stands(New), 0, Judging, "describe", ""},
		{"confirmed and queued: start, to tell", at(Judging, queued), stands(Confirmed), 0, Owing, "begin", "SUCCEEDED shadow"},
		{"confirmed: succeeded", at(Judging), stands(Confirmed), 0, Owing, "report", "SUCCEEDED shadow"},
		{"failed before: rejected", at(Judging), stands(Failed), 0, Owing, "report", "REJECTED"},
		{"failed before, queued: start, to reject", at(Judging, queued), stands(Failed), 0, Owing, "begin", "REJECTED"},
		{"failed in this execution: failed", at(Judging, begun), stands(Failed), 0, Owing, "report", "begun FAILED"},
		{"armed already: restart", at(Judging), stands(Armed), 0, Ready, "tell", "begun installed"},
		{"on trial already", at(Judging), stands(OnTrial), 0, Testing, "tell", "begun installed"},
		{"another trial, queued: stays queued", at(Judging, queued), stands(Busy), 0, Idle, "", "deferred"},
		{"another trial, started: wait", at(Judging), stands(Busy), 0, Judging, "tell", "waiting"},
		{"nobody knows: the install finds out", at(Judging), stands(New, unsure), 0, Installing, "install", "begun"},
		{"nobody knows, and an install was begun", at(Judging, begun, func(s *Situation) { s.doc = nil }), stands(New, unsure), 0, Judging, "describe", "begun"},

		// Installed.
		{"done: judge", at(Installing), ends(Install, Done), 0, Judging, "judge", "begun installed"},
		{"deferred", at(Installing), ends(Install, Deferred), 0, Judging, "tell", "begun deferred"},
		{"occupied", at(Installing), ends(Install, Occupied), 0, Judging, "tell", "begun waiting"},
		{"transport", at(Installing), ends(Install, Transport), 0, Judging, "tell", "begun waiting"},
		{"expired: a new document", at(Installing), ends(Install, Expired), 0, Judging, "describe", "begun waiting"},
		{"stopped", at(Installing), ends(Install, Stopped), 0, Judging, "describe", "begun waiting"},
		{"untrusted", at(Installing), ends(Install, Untrusted), 0, Owing, "report", "begun FAILED"},
		{"broken", at(Installing), ends(Install, Broken), 0, Owing, "report", "begun FAILED"},
		{"unhealthy", at(Installing), ends(Install, Unhealthy), 0, Owing, "report", "begun FAILED"},
		{"refused", at(Installing), ends(Install, Refused), 0, Owing, "report", "begun REJECTED"},
		{"armed: ask for the word", at(Judging, begun, func(s *Situation) { s.Installed = true }), stands(Armed), 0, Ready, "tell", "begun installed"},
		{"lost by the device: again", at(Judging, begun, func(s *Situation) { s.Installed = true }), stands(New), 0, Installing, "install", "begun tries"},
		{"lost by the device thrice", at(Testing, func(s *Situation) { s.Tries = 2 }), stands(New), 0, Owing, "report", "begun installed tries FAILED"},
		{"progress, soon", at(Installing), Progressed{own, Progress{Done: 50, Total: 100}}, 5 * time.Second, Installing, "", "begun"},
		{"progress, later", at(Installing), Progressed{own, Progress{Done: 50, Total: 100}}, 10 * time.Second, Installing, "tell", "begun"},
		{"little progress", at(Installing, func(s *Situation) { s.told = 49 }), Progressed{own, Progress{Done: 50, Total: 100}}, 30 * time.Second, Installing, "", "begun"},
		{"little progress for long", at(Installing, func(s *Situation) { s.told = 49 }), Progressed{own, Progress{Done: 50, Total: 100}}, time.Minute, Installing, "tell", "begun"},
		{"the same bytes again", at(Installing, func(s *Situation) { s.told, s.best = 60, 60 }), Progressed{own, Progress{Done: 50, Total: 100}}, time.Minute, Installing, "", "begun"},

		// Before the restart.
		{"the word is there: restart", at(Ready, told), Answered{key: own, Op: Tell, Version: 6}, 0, Restarting, "restart", "begun installed"},
		{"the word is not there", at(Ready, told), Answered{key: own, Op: Tell, Err: ErrNoReply}, 0, Ready, "", "begun installed"},
		{"the word is there, but a notice came: ask", at(Ready, told, func(s *Situation) { s.stale = true }), Answered{key: own, Op: Tell, Version: 6}, 0, Ready, "describe", "begun installed"},
		{"and it still stands: restart", at(Ready, ready, during(Describe)), describes(InProgress), 0, Restarting, "restart", "begun installed"},
		{"and it is over: take it back", at(Ready, ready, during(Describe)), describes(Canceled), 0, Leaving, "judge", "begun installed CANCELED"},
		{"the word of a deferral is none", at(Ready, deferred, told), Answered{key: own, Op: Tell, Version: 6}, 0, Ready, "", "begun installed deferred"},
		{"nor is it once the time has come", at(Ready, deferred, told), Answered{key: own, Op: Tell, Version: 6}, time.Hour, Ready, "tell", "begun installed"},
		{"nobody says whether it still stands: no restart", at(Ready, ready, during(Describe)), Answered{key: own, Op: Describe, Err: ErrNoReply}, 0, Ready, "", "begun installed"},
		{"after a deferral: the word anew", at(Ready, deferred), Tick{}, time.Hour, Ready, "tell", "begun installed"},
		{"a notice: ask before the restart", at(Ready, ready), Notified{}, 0, Ready, "describe", "begun installed"},
		{"restart deferred", at(Restarting, during(Restart)), ends(Restart, Deferred), 0, Ready, "tell", "begun installed deferred"},
		{"restart failed", at(Restarting, during(Restart)), ends(Restart, Broken), 0, Ready, "tell", "begun installed waiting"},
		{"nothing to restart into", at(Restarting, during(Restart)), ends(Restart, Refused), 0, Judging, "judge", "begun installed"},
		{"restarting", at(Restarting, during(Restart)), ends(Restart, Done), 0, Restarting, "", "begun installed"},
		{"still armed, soon: it takes a while", at(Restarting), stands(Armed), time.Minute, Restarting, "", "begun installed"},
		{"still armed, later: again", at(Restarting), stands(Armed), 5 * time.Minute, Ready, "tell", "begun installed"},

		// The trial.
		{"trial begins", at(Restarting), stands(OnTrial), 0, Testing, "tell", "begun installed"},
		{"trial goes on", at(Testing), stands(OnTrial), 0, Testing, "", "begun installed"},
		{"trial passed", at(Testing), stands(Confirmed), 0, Owing, "report", "begun installed SUCCEEDED shadow"},
		{"trial failed", at(Testing), stands(Failed), 0, Owing, "report", "begun installed FAILED"},
		{"trial failed, and what runs is known", at(Testing, func(s *Situation) { s.Reported = &Package{"firmware", "1"} }), stands(Failed), 0, Owing, "report", "begun installed FAILED shadow"},
		{"trial, and nobody knows", at(Testing), stands(New, unsure), 0, Testing, "", "begun installed"},

		// The outcome.
		{"taken", at(Owing), Answered{key: own, Op: Report, Version: 8}, 0, Idle, "look", ""},
		{"not taken: later", at(Owing), Answered{key: own, Op: Report, Err: ErrNoReply}, 0, Owing, "", "SUCCEEDED"},
		{"not taken, later", at(Owing, func(s *Situation) { s.service = Nothing }), Tick{}, time.Minute, Owing, "report", "SUCCEEDED"},
		{"another version: ask", at(Owing), refuses(Report, CodeVersionMismatch), 0, Owing, "describe", "SUCCEEDED"},
		{"and tell with that", at(Owing, during(Describe)), describes(InProgress), 0, Owing, "report", "SUCCEEDED"},
		{"not allowed: ask", at(Owing), refuses(Report, CodeInvalidState), 0, Owing, "describe", "SUCCEEDED"},
		{"timed out: nothing is undone", at(Owing), gone(Report, TimedOut), 0, Idle, "", "look"},
		{"over, as a description says: tell, to learn how", at(Owing, during(Describe)), refuses(Describe, CodeTerminal), 0, Owing, "report", "SUCCEEDED"},
		{"timed out, and it was this execution's: nothing is undone", at(Owing, begun), gone(Report, TimedOut), 0, Idle, "", "look"},
		{"not there any more", at(Owing), refuses(Report, CodeNotFound), 0, Idle, "", "look"},
		{"throttled: later", at(Owing), refuses(Report, CodeThrottled), 0, Owing, "", "SUCCEEDED"},
		{"details that nobody takes", at(Owing), refuses(Report, CodeInvalidRequest), 0, Owing, "describe", "SUCCEEDED bare"},

		// Over in mid-flight.
		{"over before anything began", at(Judging, during(Describe)), gone(Describe, Canceled), 0, Idle, "", "look"},
		{"over while it installs: cancel", at(Installing, told), gone(Tell, Canceled), 0, Leaving, "cancel", "begun CANCELED"},
		{"over, and the install has ended", at(Leaving, during(Install)), ends(Install, Stopped), 0, Leaving, "judge", "begun installed"},
		{"over, and nothing is armed", at(Leaving), stands(New), 0, Idle, "look", ""},
		{"over, but it is armed: disarm", at(Leaving), stands(Armed), 0, Leaving, "disarm", "begun installed"},
		{"over, nothing is armed, and what it ended in is asked", at(Leaving, during(Tell), func(s *Situation) { s.probing = true }), stands(New), 0, Leaving, "", "begun installed"},
		{"and answered", at(Leaving, during(Tell), func(s *Situation) { s.probing, s.device = true, Nothing }), gone(Tell, Canceled), 0, Leaving, "judge", "begun installed CANCELED"},
		{"disarmed", at(Leaving, during(Disarm)), Ended{key: own, Op: Disarm}, 0, Idle, "look", ""},
		{"cannot disarm", at(Leaving, during(Disarm)), Ended{key: own, Op: Disarm, Result: Result{Err: ErrCannotDisarm}}, 0, Idle, "look", ""},
		{"disarm failed: again", at(Leaving, during(Disarm)), Ended{key: own, Op: Disarm, Result: Result{Err: errors.New("why")}}, 0, Leaving, "", "begun installed"},
		{"over, what it ended in is unknown: ask", at(Testing, during(Describe)), refuses(Describe, CodeTerminal), 0, Leaving, "tell", "begun installed"},
		{"over during the restart: cancel", at(Restarting, during(Restart), during(Tell)), gone(Tell, Removed), 0, Leaving, "cancel", "begun installed REMOVED"},
		{"cancelled in the trial: go back", at(Leaving, func(s *Situation) { s.Ended = Canceled }), stands(OnTrial), 0, Leaving, "disarm", "begun installed CANCELED"},
		{"timed out in the trial: it goes on", at(Leaving, func(s *Situation) { s.Ended = TimedOut }), stands(OnTrial), 0, Idle, "look", ""},
		{"another execution of the job", at(Judging, during(Describe)), describes(Queued, func(f *Found) { f.Number = 2 }), 0, Idle, "", "look"},

		// What is about something else.
		{"an answer about another execution", at(Owing), Answered{key: key{"AFR_OTA-1", 2}, Op: Report}, 0, Owing, "report", "SUCCEEDED"},
		{"a judgement about another execution", at(Judging), Stood{key: key{"AFR_OTA-0", 1}, Standing: Standing{State: Confirmed}}, 0, Judging, "judge", ""},
		{"a version that is its end: take it back", at(Ready, during(Tell)), Answered{key: own, Op: Tell, Err: &RejectedError{Code: CodeVersionMismatch, Status: Canceled, Version: 9}}, 0, Leaving, "judge", "begun installed CANCELED"},
		{"and where that was to be asked", at(Leaving, during(Tell), func(s *Situation) { s.probing = true }), Answered{key: own, Op: Tell, Err: &RejectedError{Code: CodeVersionMismatch, Status: TimedOut, Version: 9}}, 0, Leaving, "", "begun installed TIMED_OUT"},
		{"start-next gave another one", at(Judging, queued, during(Begin)), Answered{key: own, Op: Begin, Found: describes(InProgress, func(f *Found) { f.Job = "AFR_OTA-2" }).Found}, 0, Judging, "", ""},
		{"start-next gave none", at(Judging, queued, during(Begin)), Answered{key: own, Op: Begin}, 0, Idle, "", "look"},
		{"silence: ask", at(Installing), Tick{}, 5 * time.Minute, Installing, "describe", "begun"},
	} {
		t.Run(row.name, func(t *testing.T) {
			s, todo := Decide(plain, row.s, noon.Add(row.after), row.e)
			var did []string
			for _, a := range todo {
				did = append(did, a.Do.String())
			}
			if got := strings.Join(did, " "); s.Phase != row.phase || got != row.do || described(s) != row.want {
				t.Errorf("%q, %q (%s), want %q, %q (%s)", s.Phase, got, described(s), row.phase, row.do, row.want)
			}
		})
	}
}

// described are the parts of a situation that a row speaks of.
func described(s Situation) string {
	var words []string
	add := func(word string, there bool) {
		if there {
			words = append(words, word)
		}
	}
	add("begun", s.Begun)
	add("installed", s.Installed)
	add("tries", s.Tries > 0)
	add(string(s.Ended), s.Ended != "")
	add(s.hold, s.hold != "")
	if s.Outcome != nil {
		words = append(words, string(s.Outcome.Status))
	}
	add("shadow", s.Shadow != nil)
	add("look", s.look)
	add("bare", s.bare)
	return strings.Join(words, " ")
}

// A service that never says what an execution ended in holds up no other one.
func TestServiceThatDoesNotSayWhy(t *testing.T) {
	p := Policy{Random: func(time.Duration) time.Duration { return 0 }}
	for _, code := range []Code{CodeInvalidRequest, CodeVersionMismatch} {
		s := at(Leaving, func(s *Situation) { s.probing, s.device = true, Nothing })
		for hour := range 20 {
			now := noon.Add(time.Duration(hour) * time.Hour)
			for _, e := range []Event{Tick{}, refuses(Tell, code), stands(New)} {
				s, _ = Decide(p, s, now, e)
			}
		}
		if s.Phase != Idle {
			t.Errorf("%s: still %s", code, s.Phase)
		}
	}
}

// A deferral sets the step timer: one that was not told is told again.
func TestDeferralThatWasNotTold(t *testing.T) {
	s := at(Judging, told)
	s.pausing(noon, "deferred", 20*time.Hour, "the pump runs")
	s.device, s.toldHold = Nothing, s.hold+s.why
	s, todo := Decide(plain, s, noon, Answered{key: own, Op: Tell, Err: ErrNoReply})
	if len(todo) > 0 {
		t.Errorf("did %v at once", todo)
	}
	_, todo = Decide(plain, s, noon.Add(firstRetry), Tick{})
	if len(todo) != 1 || todo[0].Do != Tell || todo[0].Change.Step != 21*time.Hour {
		t.Errorf("did %+v", todo)
	}
}

// What is no record, or holds together no more, is none.
func TestRecordsThatAreNone(t *testing.T) {
	for _, text := range []string{``, `[]`, `{"phase":"owing","job":"AFR_OTA-1"}`, `{"phase":"judging"}`, `{"phase":"judging","job":"a/#"}`, `{"phase":7}`} {
		if r, err := decodeRecord([]byte(text)); err == nil && r != (Record{}) {
			t.Errorf("%s: %+v", text, r)
		}
	}
	r, err := decodeRecord([]byte(`{"phase":"owing","job":"a/#","reported":{"name":"firmware","version":"1"},"later":1}`))
	if err != nil || r.Phase != Idle || r.Reported == nil || *r.Reported != (Package{"firmware", "1"}) {
		t.Errorf("%+v, %v", r, err)
	}
}

// A new agent judges anew what an earlier one left, in each phase.
func TestStart(t *testing.T) {
	for _, row := range []struct {
		left  Record
		phase Phase
	}{
		{Record{}, Idle},
		{at(Judging).Record, Judging},
		{at(Installing).Record, Judging},
		{at(Ready).Record, Judging},
		{at(Restarting).Record, Judging},
		{at(Testing).Record, Judging},
		{at(Leaving).Record, Leaving},
		{at(Owing).Record, Judging}, // the device may have gone back
		{at(Owing, func(s *Situation) { s.Outcome = &Outcome{FailedJob, "why"} }).Record, Owing},
		{at("a later phase").Record, Judging},
	} {
		s := Start(row.left, noon)
		if _, todo := Decide(plain, s, noon, Tick{}); len(todo) > 0 && todo[0].Do != Judge {
			t.Errorf("%q: %v before the link is up", row.left.Phase, todo)
		}
		if _, todo := Decide(plain, s, noon, Connected{}); len(todo) == 0 && row.phase != Leaving {
			t.Errorf("%q: nothing once the link is up", row.left.Phase)
		}
		if s.Phase != row.phase || s.stale != (row.phase != Idle) || (s.Outcome != nil) != (row.phase == Owing) {
			t.Errorf("%q became %q (%+v)", row.left.Phase, s.Phase, s)
		}
	}
}

// Whatever AWS IoT answers, it is not asked without end.
func TestServiceThatContradictsItself(t *testing.T) {
	for _, code := range []Code{CodeVersionMismatch, CodeInvalidState, CodeInvalidRequest, CodeNotFound, CodeTerminal, CodeThrottled, "Other"} {
		t.Run(string(code), func(t *testing.T) {
			s, now, asked := at(Owing), noon, 0
			e := Event(refuses(Report, code))
			for now.Before(noon.Add(time.Hour)) {
				var todo []Action
				s, todo = Decide(plain, s, now, e)
				e = Tick{}
				for _, a := range todo {
					asked++
					switch a.Do {
					case Look:
						e = Looked{Found: describes(InProgress, func(f *Found) { f.Err = ErrUnknown }).Found}
					case Describe:
						e = describes(InProgress)
					default:
						e = refuses(a.Do, code)
					}
				}
				if e == (Tick{}) {
					if at := s.Wake(plain, now); at.After(now) {
						now = at
					} else {
						t.Fatalf("sleeps for ever in %+v", s)
					}
				}
			}
			if asked > 80 {
				t.Errorf("asked %d times in an hour", asked)
			}
		})
	}
}

func TestDetailsFit(t *testing.T) {
	long := strings.Repeat("é", 2000)
	many := map[string]string{"reason": long, "a b": "x", "empty": "", "line": "a\nb\x00\x1b", strings.Repeat("k", 129): "x", "phase": "p"}
	for i := range 12 {
		many[fmt.Sprint("key", i)] = "v"
	}
	got := clip(many)
	if len(got) != 10 || got["phase"] != "p" || got["reason"] == "" || len(got["reason"]) > 1024 {
		t.Errorf("%d pairs: %v", len(got), got)
	}
	for k, v := range got {
		if !detailKeys.MatchString(k) || !goodValue.MatchString(v) {
			t.Errorf("%q: %q", k, v)
		}
	}
	if got := clip(map[string]string{"line": "a\nb\x00\x1b"})["line"]; got != "a b??" {
		t.Errorf("%q", got)
	}
}
