package store

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"
)

// versioned is a store with two versions of one object, the older one first.
func versioned(t *testing.T) (s *Store, old, latest string) {
	t.Helper()
	s = ForTest(t)
	ctx := t.Context()
	if err := errors.Join(s.MakeBucket(ctx, "fleet"), s.KeepVersions(ctx, "fleet")); err != nil {
		t.Fatal(err)
	}
	var ids []string
	for _, text := range []string{"first", "second one"} {
		if err := s.Put(ctx, "fleet", "fw", strings.NewReader(text), int64(len(text)), nil); err != nil {
			t.Fatal(err)
		}
		o, v, err := s.Open(ctx, "fleet", "fw", "")
		if err != nil || v.Size != int64(len(text)) || v.ID == "" || v.ETag == "" || strings.Contains(v.ETag, `"`) {
			t.Fatalf("the newest is %+v, %v", v, err)
		}
		o.Close()
		ids = append(ids, v.ID)
	}
	return s, ids[0], ids[1]
}

func TestEachVersionIsReadAsItWasPut(t *testing.T) {
	s, old, latest := versioned(t)
	for version, want := range map[string]string{old: "first", latest: "second one", "": "second one"} {
		o, v, err := s.Open(t.Context(), "fleet", "fw", version)
		if err != nil {
			t.Fatal(err)
		}
		part := make([]byte, 3)
		_, errAt := o.ReadAt(part, 1)
		_, errSeek := o.Seek(0, io.SeekStart)
		text, err := io.ReadAll(o)
		if err := errors.Join(err, errAt, errSeek); err != nil || string(text) != want || string(part) != want[1:4] || v.Size != int64(len(want)) {
			t.Errorf("version %q is %q with %q inside, %+v, %v", version, text, part, v, err)
		}
		o.Close()
	}
}

func TestWhatIsNotThereIsNotFound(t *testing.T) {
	s, _, _ := versioned(t)
	for what, at := range map[string][3]string{
		"object":           {"fleet", "absent", ""},
		"bucket":           {"absent", "fw", ""},
		"version":          {"fleet", "fw", "01234567-89ab-cdef-0123-456789abcdef"},
		"form of version":  {"fleet", "fw", "nonsense"},
		"version of other": {"fleet", "absent", "01234567-89ab-cdef-0123-456789abcdef"},
	} {
		if _, _, err := s.Open(t.Context(), at[0], at[1], at[2]); !errors.Is(err, ErrNotFound) {
			t.Errorf("%s: %v, want ErrNotFound", what, err)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, _, err := s.Open(ctx, "fleet", "fw", ""); err == nil || errors.Is(err, ErrNotFound) {
		t.Errorf("what cannot be asked is %v", err)
	}
}

func TestLinksLeadToVersionsByAnotherName(t *testing.T) {
	s, old, _ := versioned(t)
	links, err := s.Links(strings.Replace(strings.TrimPrefix(s.Endpoint(), "http://"), "127.0.0.1", "localhost", 1))
	if err != nil {
		t.Fatal(err)
	}
	link, err := links.Version(t.Context(), "fleet", "fw", old, time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	r, err := http.Get(link)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	if text, err := io.ReadAll(r.Body); err != nil || r.StatusCode != http.StatusOK || string(text) != "first" {
		t.Errorf("%s: %s %q, %v", link, r.Status, text, err)
	}
}

func TestTemporaryKeysDoWhatTheirPolicyAllows(t *testing.T) {
	s, _, _ := versioned(t)
	keys, until, err := s.TemporaryKeys(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["s3:GetObject"],"Resource":["arn:aws:s3:::*"]}]}`, 15*time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	if left := time.Until(until); left < 14*time.Minute || left > 15*time.Minute {
		t.Errorf("they end in %s, want 15 minutes", left)
	}
	client, err := minio.New(strings.TrimPrefix(s.Endpoint(), "http://"), &minio.Options{
		Creds: credentials.NewStaticV4(keys.AccessKey, keys.SecretKey, keys.SessionToken), Region: s.Region(),
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := client.StatObject(t.Context(), "fleet", "fw", minio.StatObjectOptions{}); err != nil {
		t.Errorf("they read nothing: %v", err)
	}
	if err := client.RemoveObject(t.Context(), "fleet", "fw", minio.RemoveObjectOptions{}); minio.ToErrorResponse(err).Code != minio.AccessDenied {
		t.Errorf("they remove: %v, want AccessDenied", err)
	}
	if _, _, err := s.TemporaryKeys("", time.Minute); err == nil {
		t.Error("keys for a minute, which the store does not make")
	}
}
