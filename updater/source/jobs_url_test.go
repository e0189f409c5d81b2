package source

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"abota/sim/store"
)

// theJob is what renews the URLs of these tests.
var theJob = &Renewer{"the job", "look at the job's presignedUrlConfig"}

// TestEscapesOfAURLSurvive: a signature holds for the address as it is written,
// byte for byte.
func TestEscapesOfAURLSurvive(t *testing.T) {
	o := stored{[]byte("hello"), `"v1"`}
	var sent []string
	h := newHostile(t, func(n int, w http.ResponseWriter, r *http.Request) {
		sent = append(sent, r.RequestURI)
		o.serve(w, r, 2)
	})
	for _, address := range []string{
		"/bucket/SignedImage/a%20b%2Bc%2Fd%7E.bin?versionId=null&X-Amz-Credential=AKIA%2F20261128%2Feu-west-1%2Fs3%2Faws4_request&X-Amz-Signature=00ff",
		"/b/k?versionId=3%2FL4kqtJlcpXroDTDmJ%2BrmSpXd3dIbrHY%2BMTRCxf3vjVBH40Nr8X8gdRQBpUMLUo%3D&X-Amz-Security-Token=FwoG%2F%2F%2F%2Bab%3D%3D&x=%25",
		"/b/k%2f%2F%e2%82%ac!$&'()*+,;=:@-._~?a=b;c&d=%c3%a4&e&&f=%2b+%20&X-Amz-SignedHeaders=host",
		"/b//k/./..x/?q=%7B%22a%22%7D",
	} {
		sent = nil
		web := newTestWeb(t, WebOptions{Network: h.options().Network, URL: h.URL + address})
		if got, err := fetchAll(t.Context(), web, "the image"); err != io.EOF || string(got) != "hello" {
			t.Fatalf("%s: %q, %v", address, got, err)
		}
		if len(sent) < 2 { // once for the whole, and for the rest
			t.Errorf("%s: %d requests", address, len(sent))
		}
		for _, s := range sent {
			if s != address {
				t.Errorf("sent  %s\nwant  %s", s, address)
			}
		}
		// The same from Renew.
		sent = nil
		web = newTestWeb(t, WebOptions{Network: h.options().Network, Renew: func(context.Context) (string, error) { return h.URL + address, nil }})
		if _, err := fetchAll(t.Context(), web, "the image"); err != io.EOF || sent[0] != address {
			t.Errorf("renewed: sent %s, %v\nwant %s", sent[0], err, address)
		}
	}
}

func TestPlaceholdersThatNobodyFilledIn(t *testing.T) {
	for _, text := range []string{
		"${aws:iot:s3-presigned-url:https://s3.eu-west-1.amazonaws.com/bucket/key}",
		"${aws:iot:s3-presigned-url-v2:https://s3.eu-west-1.amazonaws.com/bucket/key%3FversionId%3DX}",
		"https://host/${aws:iot:package:app:version:1.0:artifact:s3-presigned-url}",
	} {
		_, err := NewWeb(WebOptions{URL: text})
		if err == nil || !strings.Contains(err.Error(), "placeholder") || !strings.Contains(err.Error(), "presignedUrlConfig") || strings.Contains(err.Error(), "amazonaws") {
			t.Errorf("%s: %v", text, err)
		}
		o := WebOptions{Network: Network{Getenv: noEnv}, RenewedBy: theJob, Renew: func(context.Context) (string, error) { return text, nil }}
		_, err = newTestWeb(t, o).Open(t.Context(), "the image")
		wantWebError(t, err, ErrDenied, "the job gives an address in which AWS IoT has filled in nothing", "presignedUrlConfig whose role")
	}
}

// TestAdviceNamesWhatRenews: whoever reads a message about a job has no
// url_command.
func TestAdviceNamesWhatRenews(t *testing.T) {
	h := newHostile(t, func(n int, w http.ResponseWriter, r *http.Request) { w.WriteHeader(http.StatusForbidden) })
	for _, row := range []struct {
		gives string
		fails error
		kind  error
		says  string
	}{
		{h.URL + "/firmware.zip" + signed, nil, ErrDenied, "check the address that the job gives"},
		{"/firmware.zip" + signed, nil, ErrTransport, "the job gives no http or https address"},
		{"", errors.New("it was\ncancelled"), ErrTransport, "the job gives no address: it was cancelled: look at the job's presignedUrlConfig"},
		{"", fmt.Errorf("%w: it was cancelled", ErrDenied), ErrDenied, "it was cancelled"},
		{"", fmt.Errorf("%w: it was deleted", ErrNotFound), ErrNotFound, "it was deleted"},
	} {
		for _, first := range []string{"", h.URL + "/firmware.zip" + signed} {
			asked := 0
			o := webOptions(h, "")
			o.URL, o.RenewedBy = first, theJob
			o.Renew = func(context.Context) (string, error) {
				asked++
				return row.gives, row.fails
			}
			_, err := newTestWeb(t, o).Open(t.Context(), "firmware.zip")
			wantWebError(t, err, row.kind, row.says)
			if strings.Contains(err.Error(), "url_command") {
				t.Errorf("speaks of url_command: %v", err)
			}
			if row.fails != nil && row.kind != ErrTransport && asked != 1 {
				t.Errorf("%s: asked %d times for what will never come", row.says, asked)
			}
		}
	}
	if text := newTestWeb(t, WebOptions{RenewedBy: theJob, Renew: func(context.Context) (string, error) { return "", nil }, Network: Network{Getenv: noEnv}}).String(); text != "what the job names" {
		t.Errorf("called %q", text)
	}
}

// held serves an object with an ETag and a date, as most servers do, and cuts
// the answer off after some bytes.
func held(w http.ResponseWriter, r *http.Request, data []byte, etag string, cut int) {
	w.Header().Set("Content-Type", "application/octet-stream")
	w.Header().Set("Date", "Sat, 21 Nov 2026 12:00:00 GMT")
	if etag != "" {
		w.Header().Set("ETag", etag)
	}
	http.ServeContent(&cutShort{w, cut}, r, "", time.Date(2026, 11, 21, 10, 0, 0, 0, time.UTC), bytes.NewReader(data))
}

// TestFreshURLElsewhere: another host or object goes on only where its ETag says
// that it is the same content. A date proves nothing there.
func TestFreshURLElsewhere(t *testing.T) {
	data := sequence(1000)
	for name, row := range map[string]struct {
		path, here, there string
		kind              error
		says              string
	}{
		"same ETag":             {"/other/key", `"v1"`, `"v1"`, nil, ""},
		"another ETag":          {"/other/key", `"v1"`, `"v2"`, ErrChanged, "replaced since it was opened"},
		"no ETag there":         {"/other/key", `"v1"`, "", ErrChanged, "replaced since it was opened"},
		"dates, the same file":  {"/firmware.zip", "", "", nil, ""},
		"dates, another file":   {"/other/key", "", "", ErrTransport, "cannot be told whether it has the same content"},
		"weak ETags and a date": {"/other/key", `W/"v1"`, `W/"v1"`, ErrTransport, "cannot be told whether it has the same content"},
		"another spelling":      {"/firmware.zi%70", "", "", ErrTransport, "cannot be told"},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHostile(t, func(n int, w http.ResponseWriter, r *http.Request) {
				switch {
				case n == 0:
					held(w, r, data, row.here, 300)
				case r.URL.Query().Has("fresh"):
					held(w, r, data, row.there, len(data))
				default:
					w.WriteHeader(http.StatusForbidden)
					io.WriteString(w, "<Error><Code>AccessDenied</Code><Message>Request has expired</Message></Error>")
				}
			})
			o := webOptions(h, "/firmware.zip"+signed)
			o.RenewedBy = theJob
			o.Renew = func(context.Context) (string, error) { return h.URL + row.path + signed + "&fresh=1", nil }
			got, err := fetchAll(t.Context(), newTestWeb(t, o), "the image")
			if row.kind == nil {
				if err != io.EOF || !bytes.Equal(got, data) {
					t.Fatalf("%d bytes, %v", len(got), err)
				}
				return
			}
			if len(got) != 300 {
				t.Errorf("%d bytes came", len(got))
			}
			wantWebError(t, err, row.kind, row.says)
		})
	}
}

// TestHowServersSayThatAURLIsOver: S3 has one answer for a signature that is too
// old, another for one that was made with keys that are, and others have theirs.
func TestHowServersSayThatAURLIsOver(t *testing.T) {
	data := sequence(1000)
	for says, status := range map[string]int{
		"<Error><Code>AccessDenied</Code><Message>Request has expired</Message></Error>":                                 http.StatusForbidden,
		"<Error><Code>ExpiredToken</Code><Message>The provided token has expired.</Message></Error>":                     http.StatusBadRequest,
		"<Error><Code>SignatureDoesNotMatch</Code></Error>":                                                              http.StatusForbidden,
		"<Error><Code>AuthorizationQueryParametersError</Code><Message>X-Amz-Expires must be positive</Message></Error>": http.StatusBadRequest,
		"": http.StatusUnauthorized, "gone": http.StatusGone,
	} {
		h := newHostile(t, func(n int, w http.ResponseWriter, r *http.Request) {
			switch {
			case n == 0:
				held(w, r, data, `"v1"`, 300)
			case r.URL.Query().Has("fresh"):
				if got := r.Header.Get("Range"); got != "bytes=300-" {
					t.Errorf("%d: asked for %q", status, got)
				}
				held(w, r, data, `"v1"`, len(data))
			default:
				w.WriteHeader(status)
				io.WriteString(w, says)
			}
		})
		o := webOptions(h, "/firmware.zip"+signed)
		o.RenewedBy = theJob
		o.Renew = func(context.Context) (string, error) { return h.URL + "/firmware.zip" + signed + "&fresh=1", nil }
		if got, err := fetchAll(t.Context(), newTestWeb(t, o), "the image"); err != io.EOF || !bytes.Equal(got, data) || len(h.seen()) != 3 {
			t.Errorf("%d %s: %d bytes in %d requests, %v", status, says, len(got), len(h.seen()), err)
		}
	}
}

// TestMinIOsExpiredURLIsRenewedAtItsOffset is the same with a real store, whose
// first URL expires in the middle.
func TestMinIOsExpiredURLIsRenewedAtItsOffset(t *testing.T) {
	st := store.ForTest(t)
	if err := st.MakeBucket(t.Context(), "fleet"); err != nil {
		t.Fatal(err)
	}
	data := sequence(3 << 20)
	put(t, st, "Signed Image/a+b.bin", data, nil)
	address, connections := cutter(t, strings.TrimPrefix(st.Endpoint(), "http://"), 1<<20)
	link := func(valid time.Duration) string {
		u, err := st.LinkAt(t.Context(), address, "fleet", "Signed Image/a+b.bin", valid)
		if err != nil {
			t.Fatal(err)
		}
		return u
	}
	renewed := 0
	web := newTestWeb(t, WebOptions{
		URL: link(time.Second), RenewedBy: theJob,
		Renew: func(context.Context) (string, error) {
			renewed++
			return link(time.Hour), nil
		},
		Network: Network{Retry: Retry{First: 1200 * time.Millisecond, Longest: 1300 * time.Millisecond}, Getenv: noEnv},
	})
	o, err := web.Open(t.Context(), "the image")
	if err != nil {
		t.Fatal(err)
	}
	defer o.Close()
	first := make([]byte, 1000)
	if _, err := io.ReadFull(o, first); err != nil {
		t.Fatal(err)
	}
	time.Sleep(1500 * time.Millisecond) // by the store's clock, which is the real one
	rest, err := io.ReadAll(o)
	if err != nil || !bytes.Equal(append(first, rest...), data) {
		t.Fatalf("%d bytes, %v", len(rest), err)
	}
	if renewed != 1 || connections.Load() < 2 {
		t.Errorf("%d fresh URLs over %d connections", renewed, connections.Load())
	}
}
