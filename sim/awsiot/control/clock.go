package control

import (
	"net/http"
	"strconv"
	"time"
)

// ClockPath is where the emulator's own time is seen and moved; no service of
// AWS has it. GET shows it. POST with advance=DURATION moves it forward, as in
// 61m, and with speed=N has it go N times as fast as the world's from then on,
// 0 for not at all; what is due by the new time has happened when the reply
// comes. It needs no signature.
//
//	{"now":"2026-11-28T23:04:05Z","speed":1}
const ClockPath = "/_clock"

// maxSpeed is a year in half a minute, maxAdvance more than any schedule.
const maxSpeed, maxAdvance = 1e6, 3 * 365 * 24 * time.Hour

func (s *Server) serveClock(w http.ResponseWriter, r *http.Request) {
	f := refuse("ValidationException", "the clock takes GET, and POST with advance=DURATION or speed=N, not %s", r.Method)
	if r.Method == http.MethodGet {
		f = nil
	} else if r.Method == http.MethodPost {
		r.Body = http.MaxBytesReader(nil, r.Body, maxBody)
		f = s.moveClock(r.FormValue("advance"), r.FormValue("speed"))
	}
	if f != nil {
		s.refuse(w, r, f)
		return
	}
	reply(w, http.StatusOK, struct {
		Now   time.Time `json:"now"`
		Speed float64   `json:"speed"`
	}{s.Service.Now().UTC(), s.Clock.Speed()})
}

// moveClock moves it by what the texts say, if both can be read.
func (s *Server) moveClock(advance, speed string) *fault {
	by, err := time.Duration(0), error(nil)
	if advance != "" {
		if by, err = time.ParseDuration(advance); err != nil || by < 0 || by > maxAdvance {
			return refuse("ValidationException", "advance=%s is no duration of 0 to %s, as in 61m", advance, maxAdvance)
		}
	}
	times := s.Clock.Speed()
	if speed != "" {
		if times, err = strconv.ParseFloat(speed, 64); err != nil || !(times >= 0 && times <= maxSpeed) {
			return refuse("ValidationException", "speed=%s is no number of 0 to %g", speed, float64(maxSpeed))
		}
	}
	if advance == "" && speed == "" {
		return refuse("ValidationException", "say advance=DURATION, speed=N or both")
	}
	s.Clock.SetSpeed(times)
	s.Clock.Advance(by)
	s.Service.Tick()
	s.log("the clock is moved by " + by.String())
	return nil
}
