package main

import (
	"archive/zip"
	"bytes"
	"context"
	"crypto/md5"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"abota/updater/fernet"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){
		"abota": func() {
			useMadeUp()
			ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
			defer stop()
			os.Exit(run(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
		},
	})
}

// TestScripts runs the command as its users do. Each script is a folder with
// two slots of 64 KiB and a configuration in the older script's lines, plus
// slots; see the custom commands below.
func TestScripts(t *testing.T) {
	const dir = "testdata/script"
	if found, _ := filepath.Glob(filepath.Join(dir, "*.txtar")); len(found) == 0 {
		t.Fatalf("no scripts in %s", dir)
	}
	testscript.Run(t, testscript.Params{
		Dir: dir,
		Setup: func(env *testscript.Env) error {
			for _, name := range []string{"a.img", "b.img"} {
				if err := os.WriteFile(filepath.Join(env.WorkDir, name), make([]byte, 64<<10), 0o600); err != nil {
					return err
				}
			}
			config := fmt.Sprintf("accesskey:AK\nsecretkey:SK\nregion:xx-west-1\nfile_name:firmware.zip\nbucket:b\nendpoint:http://127.0.0.1:1\nslots:\n  a: %[1]s/a.img\n  b: %[1]s/b.img\nstate_dir: %[1]s/state\nhealth: {deadline: 1s, stable_for: 1ms, update_path: false, checks: [{exec: [test, -e, %[1]s/healthy]}]}\n", env.WorkDir)
			env.Setenv("ABOTA_CONFIG", filepath.Join(env.WorkDir, "config.yaml"))
			env.Setenv("PATH", env.Getenv("PATH")+":/usr/sbin:/sbin")
			// A script about directory slots brings its own.
			folders := filepath.Join(env.WorkDir, "folders.yaml")
			if own, err := os.ReadFile(folders); err == nil {
				env.Setenv("ABOTA_CONFIG", folders)
				config = strings.ReplaceAll(string(own), "$WORK", env.WorkDir)
				return os.WriteFile(folders, []byte(config), 0o600)
			}
			return os.WriteFile(filepath.Join(env.WorkDir, "config.yaml"), []byte(config), 0o600)
		},
		Condition: func(cond string) (bool, error) {
			switch cond {
			case "root":
				return os.Getuid() == 0, nil
			case "inplace":
			default:
				return false, fmt.Errorf("unknown condition %q", cond)
			}
			file := filepath.Join(t.TempDir(), "file")
			return errors.Join(os.WriteFile(file, make([]byte, 4096), 0o600), keepsPlace(file)) == nil, nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"release": makeRelease,
			"packs":   packFolder,
			"holds":   slotHolds,
			"exits":   exitsWith,
			"damage":  damageFile,
			"site":    serveSite,
			"sum":     sumOf,
			"waitfor": waitForFile,
			"machine": makeMachine,
			"mounts":  mountOnMachine,
			"rename":  renameVariable,
			"starts":  loaderStarts,

			"environment": makeEnvironment,
			"block":       makeBlock,
		},
	})
}

// makeRelease DIR TEXT [SIZE]: a classic release of one image that starts
// with TEXT and has SIZE bytes.
func makeRelease(ts *testscript.TestScript, _ bool, args []string) {
	size := 1000
	if len(args) > 2 {
		_, err := fmt.Sscan(args[2], &size)
		ts.Check(err)
	}
	ts.Check(writeRelease(ts.MkAbs(args[0]), args[1], size))
}

func writeRelease(dir, text string, size int) error {
	return encrypted(dir, func(archive *zip.Writer) error {
		entry, err := archive.Create("rootfs.img")
		if err == nil {
			_, err = io.WriteString(entry, text+strings.Repeat("\x00", size-len(text)))
		}
		return err
	})
}

// packFolder DIR FOLDER: a classic release of a folder's files, with their
// modes. A file whose name ends in .link is a symbolic link to what it holds.
func packFolder(ts *testscript.TestScript, _ bool, args []string) {
	folder := ts.MkAbs(args[1])
	ts.Check(encrypted(ts.MkAbs(args[0]), func(archive *zip.Writer) error {
		return filepath.WalkDir(folder, func(path string, d fs.DirEntry, err error) error {
			if err != nil || path == folder {
				return err
			}
			return addFile(archive, strings.TrimPrefix(path, folder+"/"), path, d)
		})
	}))
}

func addFile(archive *zip.Writer, name, path string, d fs.DirEntry) error {
	fi, err := d.Info()
	if err != nil {
		return err
	}
	h, err := zip.FileInfoHeader(fi)
	if err != nil {
		return err
	}
	h.Name, h.Method = name, zip.Deflate
	if fi.IsDir() {
		h.Name, h.Method = name+"/", zip.Store
	}
	link := false
	if h.Name, link = strings.CutSuffix(h.Name, ".link"); link {
		h.SetMode(fs.ModeSymlink | 0o777)
	}
	entry, err := archive.CreateHeader(h)
	if err != nil || fi.IsDir() {
		return err
	}
	content, err := os.ReadFile(path)
	if link {
		content = bytes.TrimSpace(content)
	}
	return errors.Join(err, func() error { _, err := entry.Write(content); return err }())
}

// encrypted writes a classic release of a zip.
func encrypted(dir string, fill func(*zip.Writer) error) error {
	var image, token bytes.Buffer
	archive := zip.NewWriter(&image)
	if err := errors.Join(fill(archive), archive.Close()); err != nil {
		return err
	}
	key := &fernet.Key{}
	if err := key.Generate(); err != nil {
		return err
	}
	w := fernet.NewWriter(&token, key)
	if _, err := image.WriteTo(w); err != nil {
		return err
	}
	if err := errors.Join(w.Close(), os.MkdirAll(dir, 0o755)); err != nil {
		return err
	}
	return errors.Join(
		os.WriteFile(filepath.Join(dir, "key.key"), []byte(key.Encode()), 0o600),
		os.WriteFile(filepath.Join(dir, "firmware.zip"), token.Bytes(), 0o600),
		os.WriteFile(filepath.Join(dir, "checksum.txt"), fmt.Appendf(nil, "%x\n", md5.Sum(token.Bytes())), 0o600),
	)
}

// slotHolds FILE TEXT: the slot starts with TEXT.
func slotHolds(ts *testscript.TestScript, neg bool, args []string) {
	content := ts.ReadFile(args[0])
	if strings.HasPrefix(content, args[1]) == neg {
		ts.Fatalf("%s starts with %q", args[0], content[:40])
	}
}

// exitsWith CODE COMMAND…: the command ends with exactly this exit code.
func exitsWith(ts *testscript.TestScript, _ bool, args []string) {
	err := ts.Exec(args[1], args[2:]...)
	code := 0
	if err != nil {
		exit, ok := err.(interface{ ExitCode() int })
		if !ok {
			ts.Fatalf("%v", err)
		}
		code = exit.ExitCode()
	}
	if fmt.Sprint(code) != args[0] {
		ts.Fatalf("exit code %d, want %s", code, args[0])
	}
}

// serveSite DIR: serves the folder, at $SITE, but refuses ?sig=old as a store
// refuses a signature that has expired.
func serveSite(ts *testscript.TestScript, _ bool, args []string) {
	files := http.FileServer(http.Dir(ts.MkAbs(args[0])))
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Query().Get("sig") == "old" {
			w.WriteHeader(http.StatusForbidden)
			io.WriteString(w, "<Error><Code>AccessDenied</Code><Message>Request has expired</Message></Error>")
			return
		}
		w.Header().Set("ETag", `"`+strings.Trim(r.URL.Path, "/")+`"`)
		files.ServeHTTP(w, r)
	}))
	ts.Defer(server.Close)
	ts.Setenv("SITE", server.URL)
}

// sumOf FILE: puts its digests into $MD5 and $SHA256.
func sumOf(ts *testscript.TestScript, _ bool, args []string) {
	content := []byte(ts.ReadFile(args[0]))
	ts.Setenv("MD5", fmt.Sprintf("%x", md5.Sum(content)))
	ts.Setenv("SHA256", fmt.Sprintf("%x", sha256.Sum256(content)))
}

// waitForFile FILE [TEXT]: a command in the background makes it, with the text
// somewhere in it.
func waitForFile(ts *testscript.TestScript, _ bool, args []string) {
	text := ""
	if len(args) > 1 {
		text = args[1]
	}
	for range 1200 {
		content, err := os.ReadFile(ts.MkAbs(args[0]))
		if err == nil && strings.Contains(string(content), text) {
			return
		}
		time.Sleep(50 * time.Millisecond)
	}
	ts.Fatalf("no %s with %q", args[0], text)
}

// damageFile FILE: flips a bit in the middle.
func damageFile(ts *testscript.TestScript, _ bool, args []string) {
	path := ts.MkAbs(args[0])
	content, err := os.ReadFile(path)
	ts.Check(err)
	content[len(content)/2] ^= 1
	ts.Check(os.WriteFile(path, content, 0o644))
}
