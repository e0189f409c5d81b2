package ota

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"abota/cmd/internal/cli"
)

// TestServersThatKnowOnlyWhatTheSampleAsks: what only checks is left out with a
// warning, however the server says that it does not know the question.
func TestServersThatKnowOnlyWhatTheSampleAsks(t *testing.T) {
	checks := []string{"signer GET /signing-profiles/MyProfile", "iot GET /thing-groups/MyGroup", "iot GET /jobs/AFR_OTA-Job1", "s3 GET /bkt?versioning"}
	for name, answer := range map[string]func(w http.ResponseWriter){
		"nothing":   func(w http.ResponseWriter) { w.WriteHeader(http.StatusNotFound) },
		"a page":    func(w http.ResponseWriter) { http.Error(w, "<html>", http.StatusNotFound) },
		"a method":  func(w http.ResponseWriter) { w.WriteHeader(http.StatusMethodNotAllowed) },
		"no method": func(w http.ResponseWriter) { http.Error(w, "Unsupported method", http.StatusNotImplemented) },
	} {
		f := newFake(t)
		f.meet = func(op string, w http.ResponseWriter, _ *http.Request) bool {
			asked := slices.Contains(checks, op)
			if asked {
				answer(w)
			}
			return asked
		}
		code, text := f.create(t.Context(), t, sampleRequest(t), Options{})
		if code != cli.ExitDone || strings.Count(text, "cannot check ") != len(checks) {
			t.Errorf("%s: exit code %d: %s", name, code, text)
		}
	}
}

// TestAJobThatIsNowhereLeavesNothing: its request failed, and what is asked
// about it knows it not.
func TestAJobThatIsNowhereLeavesNothing(t *testing.T) {
	f := newFake(t)
	f.meet = func(op string, w http.ResponseWriter, _ *http.Request) bool {
		switch op {
		case "iot PUT /jobs/AFR_OTA-Job1":
			http.Error(w, "<html>", http.StatusInternalServerError)
		case "iot GET /jobs/AFR_OTA-Job1/job-document":
			http.NotFound(w, nil)
		default:
			return false
		}
		return true
	}
	code, text := f.create(t.Context(), t, sampleRequest(t), Options{})
	if code != cli.ExitTransport || f.leftovers() != nothingLeft {
		t.Errorf("exit code %d: %s%s", code, text, f.leftovers())
	}
}
