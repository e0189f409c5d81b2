package fernet

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// vector is one entry of the specification's files.
type vector struct {
	Desc   string
	Token  string
	Now    time.Time
	TTL    int `json:"ttl_sec"`
	IV     []int
	Src    string
	Secret string
}

func (v vector) key(t testing.TB) *Key {
	t.Helper()
	key, err := ParseKey([]byte(v.Secret))
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func (v vector) options() []Option {
	return []Option{
		WithTTL(time.Duration(v.TTL) * time.Second),
		WithNow(func() time.Time { return v.Now }),
	}
}

// vectors reads one file of the specification, and fails when it is empty.
func vectors(t testing.TB, name string) []vector {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("..", "..", "testdata", "fernet", name))
	if err != nil {
		t.Fatal(err)
	}
	var list []vector
	if err := json.Unmarshal(data, &list); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	if len(list) == 0 {
		t.Fatalf("%s holds no vectors", name)
	}
	return list
}

func TestWriterMakesTheSpecificationsTokens(t *testing.T) {
	for _, v := range vectors(t, "generate.json") {
		var iv [16]byte
		for i := range iv {
			iv[i] = byte(v.IV[i])
		}
		var token bytes.Buffer
		w := newWriter(&token, v.key(t), v.Now, iv)
		if _, err := w.Write([]byte(v.Src)); err != nil {
			t.Fatal(err)
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		if token.String() != v.Token {
			t.Errorf("token is\n%s, want\n%s", &token, v.Token)
		}
	}
}

func TestReaderOpensTheSpecificationsTokens(t *testing.T) {
	for _, v := range vectors(t, "verify.json") {
		for name, chunk := range chunkings {
			r := NewReader(chunk(strings.NewReader(v.Token)), v.key(t), v.options()...)
			got, err := readAll(r)
			if err != nil || string(got) != v.Src {
				t.Errorf("%s: got %q, %v, want %q", name, got, err, v.Src)
			}
			if want := v.Now.Add(-time.Second); !r.Timestamp().Equal(want) {
				t.Errorf("%s: timestamp %v, want %v", name, r.Timestamp(), want)
			}
		}
	}
}

func TestReaderRefusesTheSpecificationsInvalidTokens(t *testing.T) {
	for _, v := range vectors(t, "invalid.json") {
		for name, chunk := range chunkings {
			_, err := readAll(NewReader(chunk(strings.NewReader(v.Token)), v.key(t), v.options()...))
			if !errors.Is(err, ErrInvalid) {
				t.Errorf("%s, %s: got %v, want ErrInvalid", v.Desc, name, err)
			}
		}
	}
}

// Without a TTL the two vectors that are only too old or too new must open:
// else the refusals above could come from somewhere else.
func TestReaderIgnoresTimeWithoutTTL(t *testing.T) {
	opened := 0
	for _, v := range vectors(t, "invalid.json") {
		if _, err := readAll(NewReader(strings.NewReader(v.Token), v.key(t))); err == nil {
			opened++
		}
	}
	if opened != 2 {
		t.Errorf("%d tokens are invalid by their time alone, want 2", opened)
	}
}

func TestParseKey(t *testing.T) {
	const good = "cw_0x689RpI-jtRR7oE8h_eQsKImvJapLeSbXpwF4e4="
	want := vector{Secret: good}.key(t)
	for _, text := range []string{
		good, good + "\n", " \t" + good + "\r\n",
		strings.NewReplacer("-", "+", "_", "/").Replace(good),
	} {
		if key, err := ParseKey([]byte(text)); err != nil || *key != *want {
			t.Errorf("%q: got %v", text, err)
		}
	}
	for _, text := range []string{
		"", "\n", good[1:], good + "A", good[:43], good[:43] + "A", good[:20] + "%" + good[21:],
		good[:20] + "\n" + good[21:], good[:20] + "\n\n\n\n" + good[24:], good[:42] + "==",
		strings.Repeat("0123456789abcdef", 4),
	} {
		if _, err := ParseKey([]byte(text)); err == nil {
			t.Errorf("%q was taken for a key", text)
		} else if len(text) > 20 && strings.Contains(err.Error(), text[:20]) {
			t.Errorf("the error quotes the key: %v", err)
		}
	}
}
