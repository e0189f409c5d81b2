package updater

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const corpus = "testdata/fuzz/FuzzRecord"

// FuzzRecord: whatever is accepted as a record can be written again, comes
// back as it was, and has kept every field that this version does not know.
func FuzzRecord(f *testing.F) {
	own := ownFields()
	f.Fuzz(func(t *testing.T, payload []byte) {
		r, err := decodeRecord(payload)
		if err != nil {
			if r != nil {
				t.Fatalf("a record came with %v", err)
			}
			return
		}
		found := fieldsOf(t, payload)
		text := mustMarshal(t, r)
		again, err := decodeRecord(text)
		if err != nil {
			t.Fatalf("wrote %s, which is refused: %v", text, err)
		}
		if twice := mustMarshal(t, again); string(twice) != string(text) {
			t.Fatalf("wrote %s, read it, and wrote %s", text, twice)
		}
		kept := fieldsOf(t, text)
		for name, value := range found {
			if !slices.Contains(own, name) && !reflect.DeepEqual(kept[name], value) {
				t.Fatalf("the unknown field %q was %v and became %v", name, value, kept[name])
			}
		}
	})
}

// fieldsOf are a record's fields, numbers in full.
func fieldsOf(t *testing.T, payload []byte) (fields map[string]any) {
	t.Helper()
	d := json.NewDecoder(bytes.NewReader(payload))
	d.UseNumber()
	if err := d.Decode(&fields); err != nil {
		t.Fatalf("%q is a record, but no object: %v", payload, err)
	}
	return fields
}

// ownFields are the names that Record's own fields have in JSON.
func ownFields() (own []string) {
	for _, field := range reflect.VisibleFields(reflect.TypeFor[Record]()) {
		if name, _, _ := strings.Cut(field.Tag.Get("json"), ","); name != "" {
			own = append(own, name)
		}
	}
	return own
}

func mustMarshal(t *testing.T, r *Record) []byte {
	t.Helper()
	text, err := json.Marshal(r)
	if err != nil {
		t.Fatalf("cannot write %+v, which was read: %v", r, err)
	}
	return text
}

// A corpus that is empty, or full of what is refused at once, would fuzz
// nothing.
func TestFuzzCorpusHoldsRecordsOfEveryPhase(t *testing.T) {
	paths, err := filepath.Glob(filepath.Join(corpus, "*"))
	if err != nil || len(paths) == 0 {
		t.Fatalf("no seeds in %s: %v", corpus, err)
	}
	missing := map[Phase]bool{Idle: true, Writing: true, Armed: true, Trying: true, Failed: true, Committed: true}
	unknown := 0
	for _, path := range paths {
		r, err := decodeRecord(seed(t, path))
		if refused := strings.HasPrefix(filepath.Base(path), "refused-"); refused != (err != nil) {
			t.Errorf("%s: %v", path, err)
		}
		if err == nil {
			delete(missing, r.Phase)
			unknown += len(r.unknown)
		}
	}
	if len(missing) > 0 || unknown == 0 {
		t.Errorf("the corpus has no record of phase %v, and %d unknown fields", missing, unknown)
	}
}

// seed is the payload in a file of the corpus.
func seed(t *testing.T, path string) []byte {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	quoted, found := strings.CutPrefix(strings.TrimSpace(string(text)), "go test fuzz v1\n[]byte(")
	payload, err := strconv.Unquote(strings.TrimSuffix(quoted, ")"))
	if !found || err != nil {
		t.Fatalf("%s is no seed: %v", path, err)
	}
	return []byte(payload)
}
