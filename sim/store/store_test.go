package store

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"
)

// TestMain can play a simulator that dies without stopping its store.
func TestMain(m *testing.M) {
	if dir := os.Getenv("STORE_TEST_DIE"); dir != "" {
		s, err := Start(context.Background(), dir)
		if err != nil {
			fmt.Println("error", err)
			os.Exit(1)
		}
		fmt.Println(s.pid())
		io.Copy(io.Discard, os.Stdin) // until the parent says so
		os.Exit(3)
	}
	os.Exit(m.Run())
}

func TestObjectsComeBackAsTheyWerePut(t *testing.T) {
	s, ctx := ForTest(t), t.Context()
	for range 2 { // making a bucket twice is fine
		if err := s.MakeBucket(ctx, "fleet"); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Put(ctx, "fleet", "a/firmware.zip", strings.NewReader("hello"), 5, map[string]string{"version": "1.2"}); err != nil {
		t.Fatal(err)
	}
	o, err := s.Get(ctx, "fleet", "a/firmware.zip")
	if err != nil {
		t.Fatal(err)
	}
	if data, err := io.ReadAll(o); err != nil || string(data) != "hello" {
		t.Fatalf("read %q, %v", data, err)
	}
	for range 2 { // removing what is not there is fine
		if err := s.Remove(ctx, "fleet", "a/firmware.zip"); err != nil {
			t.Fatal(err)
		}
	}
	if o, err := s.Get(ctx, "fleet", "a/firmware.zip"); err == nil {
		if data, err := io.ReadAll(o); err == nil {
			t.Fatalf("read %q after it was removed", data)
		}
	}
	if err := s.Put(ctx, "absent", "x", strings.NewReader(""), 0, nil); err == nil || !strings.Contains(err.Error(), "absent") {
		t.Fatalf("put into a missing bucket: %v", err)
	}
}

func TestReaderKeysReadOneBucketAndNothingElse(t *testing.T) {
	s, ctx := ForTest(t), t.Context()
	for _, b := range []string{"fleet", "other"} {
		if err := s.MakeBucket(ctx, b); err != nil {
			t.Fatal(err)
		}
		if err := s.Put(ctx, b, "x", strings.NewReader("data"), 4, nil); err != nil {
			t.Fatal(err)
		}
	}
	keys, err := s.ReaderKeys("fleet")
	if err != nil {
		t.Fatal(err)
	}
	reader, err := minio.New(strings.TrimPrefix(s.Endpoint(), "http://"), &minio.Options{
		Creds:  credentials.NewStaticV4(keys.AccessKey, keys.SecretKey, keys.SessionToken),
		Region: s.Region(),
	})
	if err != nil {
		t.Fatal(err)
	}
	read := func(bucket string) error {
		o, err := reader.GetObject(ctx, bucket, "x", minio.GetObjectOptions{})
		if err == nil {
			_, err = io.ReadAll(o)
		}
		return err
	}
	if err := read("fleet"); err != nil {
		t.Errorf("cannot read its own bucket: %v", err)
	}
	denied := map[string]error{"read another bucket": read("other")}
	_, denied["write"] = reader.PutObject(ctx, "fleet", "y", strings.NewReader(""), 0, minio.PutObjectOptions{})
	denied["remove"] = reader.RemoveObject(ctx, "fleet", "x", minio.RemoveObjectOptions{})
	for object := range reader.ListObjects(ctx, "fleet", minio.ListObjectsOptions{}) {
		denied["list"] = object.Err
	}
	for what, err := range denied {
		if minio.ToErrorResponse(err).Code != minio.AccessDenied {
			t.Errorf("%s: %v, want AccessDenied", what, err)
		}
	}
	if len(denied) != 4 {
		t.Errorf("%d rights tried, want 4", len(denied))
	}
}

func TestStopEndsItsOwnServerOnly(t *testing.T) {
	a, b := ForTest(t), ForTest(t)
	if err := a.Stop(); err != nil {
		t.Fatal(err)
	}
	if alive(a.pid()) {
		t.Error("the stopped server still runs")
	}
	if err := b.MakeBucket(t.Context(), "fleet"); err != nil {
		t.Errorf("the other server is gone: %v", err)
	}
	if err := a.Stop(); err != nil {
		t.Errorf("second Stop: %v", err)
	}
}

func TestFolderUsedBeforeIsServedAgain(t *testing.T) {
	ForTest(t) // skips where there is no server to start
	dir, ctx := t.TempDir(), t.Context()
	var firstKeys Keys
	for round := range 2 {
		s, err := Start(ctx, dir)
		if err != nil {
			t.Fatal(err)
		}
		if round == 0 {
			firstKeys = s.Keys()
			err = errors.Join(s.MakeBucket(ctx, "fleet"), s.Put(ctx, "fleet", "x", strings.NewReader("data"), 4, nil))
		} else {
			var o io.ReadCloser
			if o, err = s.Get(ctx, "fleet", "x"); err == nil {
				var data []byte
				if data, err = io.ReadAll(o); string(data) != "data" {
					t.Errorf("read %q", data)
				}
			}
			if s.Keys() == firstKeys {
				t.Error("the same keys as before")
			}
		}
		if err := errors.Join(err, s.Stop()); err != nil {
			t.Fatal(err)
		}
	}
}

func TestServerDoesNotOutliveItsStarter(t *testing.T) {
	ForTest(t) // skips where there is no server to start
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), "STORE_TEST_DIE="+t.TempDir())
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	var pid int
	if _, scanErr := fmt.Sscan(line, &pid); err != nil || scanErr != nil {
		t.Fatalf("the starter said %q (%v)", line, err)
	}
	if !alive(pid) {
		t.Fatal("the server did not run to begin with")
	}
	in.Close()
	if err := cmd.Wait(); err == nil || cmd.ProcessState.ExitCode() != 3 {
		t.Fatalf("the starter ended with %v", err)
	}
	for range 200 {
		if !alive(pid) {
			return
		}
		time.Sleep(50 * time.Millisecond)
	}
	t.Errorf("server %d outlived its starter", pid)
}

func TestFailedStartSaysWhatTheServerSaid(t *testing.T) {
	ForTest(t)
	dir := t.TempDir()
	if err := os.WriteFile(dir+"/certs", []byte("not a folder"), 0o600); err != nil {
		t.Fatal(err)
	}
	s, err := Start(t.Context(), dir)
	if err == nil {
		s.Stop()
		t.Fatal("started without a folder for certificates")
	}
	if !strings.Contains(err.Error(), "certs") || strings.Contains(err.Error(), "\n") {
		t.Errorf("error %q, want one line with the server's reason", err)
	}
}

// alive reports whether pid runs: a process that ended and was not waited for
// does not count.
func alive(pid int) bool {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return syscall.Kill(pid, 0) == nil
	}
	rest := string(stat[strings.LastIndexByte(string(stat), ')')+1:])
	return !strings.HasPrefix(rest, " Z")
}
