package front

import (
	"fmt"
	"io"
	"net/http"
	"path"
	"sync"
)

// Fault answers a request in place of the front. It may let it pass.
type Fault func(f *Front, w http.ResponseWriter, r *http.Request)

// Pass is no fault: the store answers.
func Pass(f *Front, w http.ResponseWriter, r *http.Request) { f.store.ServeHTTP(w, r) }

// Always meets every request for an object; others pass. An empty name is
// every object's.
func Always(object string, fault Fault) Fault {
	return func(f *Front, w http.ResponseWriter, r *http.Request) {
		if object != "" && path.Base(r.URL.Path) != object {
			Pass(f, w, r)
			return
		}
		fault(f, w, r)
	}
}

// InTurn lets the first request for an object meet the first fault, the second
// the second, and those after the last pass.
func InTurn(object string, faults ...Fault) Fault {
	var mu sync.Mutex
	next := func() Fault {
		mu.Lock()
		defer mu.Unlock()
		if len(faults) == 0 {
			return Pass
		}
		fault := faults[0]
		faults = faults[1:]
		return fault
	}
	return Always(object, func(f *Front, w http.ResponseWriter, r *http.Request) { next()(f, w, r) })
}

// Says answers like S3 does when it refuses: with a status, a code, and pairs
// of header names and values.
func Says(status int, code string, header ...string) Fault {
	return func(f *Front, w http.ResponseWriter, r *http.Request) {
		f.Disturbed()
		h := w.Header()
		h.Set("Content-Type", "application/xml")
		for i := 0; i+1 < len(header); i += 2 {
			h.Set(header[i], header[i+1])
		}
		w.WriteHeader(status)
		fmt.Fprintf(w, `<?xml version="1.0" encoding="UTF-8"?><Error><Code>%s</Code><Message>as the simulator wants it</Message></Error>`, code)
	}
}

// Portal answers as the login page of a guest network does: with a page, or
// with the way to one.
func Portal(status int) Fault {
	return func(f *Front, w http.ResponseWriter, r *http.Request) {
		f.Disturbed()
		w.Header().Set("Content-Type", "text/html")
		if status/100 == 3 {
			w.Header().Set("Location", "http://127.0.0.1:1/login")
		}
		w.WriteHeader(status)
		io.WriteString(w, "<html><body>Welcome! Accept our terms to go online.</body></html>")
	}
}

// Hangs up without an answer.
func HangsUp(f *Front, _ http.ResponseWriter, r *http.Request) {
	f.Disturbed()
	tear(r, true)
}

// Silent takes a request and never answers.
func Silent(f *Front, _ http.ResponseWriter, r *http.Request) {
	f.Disturbed()
	<-r.Context().Done()
}

// Cut ends the connection after so many bytes of the body: with a reset, or
// else with an ordinary close, although more was announced.
func Cut(after int64, reset bool) Fault {
	return func(f *Front, w http.ResponseWriter, r *http.Request) {
		Pass(f, &bodyWriter{ResponseWriter: w, at: after, do: func(rest []byte) {
			f.Disturbed()
			_ = http.NewResponseController(w).Flush() // or there is nobody any more
			tear(r, reset)
		}}, r)
	}
}

// Flipped changes one bit of the body, at an offset in it.
func Flipped(at int64) Fault {
	return func(f *Front, w http.ResponseWriter, r *http.Request) {
		Pass(f, &bodyWriter{ResponseWriter: w, at: at, do: func(rest []byte) {
			f.Disturbed()
			rest[0] ^= 1
		}}, r)
	}
}

// After does something beside the answer once so many bytes of its body are
// out, and then lets it go on.
func After(at int64, do func(*Front)) Fault {
	return func(f *Front, w http.ResponseWriter, r *http.Request) {
		Pass(f, &bodyWriter{ResponseWriter: w, at: at, do: func([]byte) {
			f.Disturbed()
			do(f)
		}}, r)
	}
}

// Before does something first, and then lets the store answer.
func Before(do func(*Front)) Fault {
	return func(f *Front, w http.ResponseWriter, r *http.Request) {
		f.Disturbed()
		do(f)
		Pass(f, w, r)
	}
}

// readyRate keeps an answer that is going to be afflicted from being over
// before it is, in KiB a second.
const readyRate = 16 << 10

// Afflicted puts a toxic on the answer's line once so many bytes of its body
// are out, or soon after. The next request gets a line that is well.
func Afflicted(at int64, t Toxic) Fault {
	return func(f *Front, w http.ResponseWriter, r *http.Request) {
		sick := f.line()
		if sick.add(Narrow(readyRate)) != nil {
			tear(r, true)
		}
		After(at, func(f *Front) {
			// Not here: toxiproxy waits for the line to move, and we are its end.
			go func() {
				_ = sick.add(t) // fails only when the line has ended already
			}()
			_ = f.Replace() // when it fails, the next request meets the toxic too
		})(f, w, r)
	}
}

// Edited gives the answer of another fault, or of [Pass], another header.
func Edited(edit func(http.Header), answer Fault) Fault {
	return func(f *Front, w http.ResponseWriter, r *http.Request) {
		f.Disturbed()
		answer(f, &headWriter{ResponseWriter: w, edit: edit}, r)
	}
}

// Whole answers with all of the object, whatever part of it was asked for. It
// is fetched by the link, which needs no signature.
func Whole(link string) Fault {
	return func(f *Front, w http.ResponseWriter, r *http.Request) {
		f.Disturbed()
		req, err := http.NewRequestWithContext(r.Context(), http.MethodGet, link, nil)
		if err != nil {
			tear(r, true)
		}
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			tear(r, true)
		}
		defer resp.Body.Close()
		for _, name := range []string{"ETag", "Content-Length", "Last-Modified"} {
			w.Header().Set(name, resp.Header.Get(name))
		}
		w.WriteHeader(resp.StatusCode)
		_, _ = io.Copy(w, resp.Body) // the device hangs up when it has seen enough
	}
}

// bodyWriter does something once, when the body has reached an offset. What it
// does gets the bytes that follow it in the same write.
type bodyWriter struct {
	http.ResponseWriter
	at int64 // bytes still to go
	do func(rest []byte)
}

func (w *bodyWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

func (w *bodyWriter) Write(p []byte) (int, error) {
	if w.do == nil || w.at >= int64(len(p)) {
		w.at -= int64(len(p))
		return w.ResponseWriter.Write(p)
	}
	n, err := w.ResponseWriter.Write(p[:w.at])
	if err != nil {
		return n, err
	}
	do, rest := w.do, p[n:]
	w.do = nil
	do(rest)
	m, err := w.ResponseWriter.Write(rest)
	return n + m, err
}

// headWriter edits the header before it goes out.
type headWriter struct {
	http.ResponseWriter
	edit func(http.Header)
}

func (w *headWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

func (w *headWriter) WriteHeader(status int) {
	w.edit(w.Header())
	w.ResponseWriter.WriteHeader(status)
}
