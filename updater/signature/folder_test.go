package signature

import (
	"crypto/elliptic"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

func TestNamesOfCertificates(t *testing.T) {
	dir := folderOf(t, nil)
	text := certify(t, signing, curveKey(t, elliptic.P256()))
	for _, name := range []string{"signer.pem", "plain", "old.crt", "P11 Code, Sign-Cert_1.pem", "both", "both.pem", "a.b.pem", "ä.pem"} {
		if err := os.WriteFile(filepath.Join(dir, name), text, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	// What must never be found.
	outside := filepath.Join(filepath.Dir(dir), "outside.pem")
	if err := os.WriteFile(outside, text, 0o644); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{
		"signer": "signer.pem", "signer.pem": "signer.pem", "signer.crt": "signer.pem", "signer.pem.pem": "signer.pem",
		"plain": "plain", "plain.pem": "plain", "old": "old.crt", "old.crt": "old.crt", "both": "both", "both.pem": "both.pem", "both.crt": "both",
		"a.b": "a.b.pem", "ä": "ä.pem", "P11 Code, Sign-Cert_1": "P11 Code, Sign-Cert_1.pem",
		// On somebody else's device.
		"/certs/signer.pem": "signer.pem", "certs/sub/signer": "signer.pem", "//signer": "signer.pem", "./signer": "signer.pem", "C:/signer.pem": "signer.pem",
	} {
		if c, err := Load(dir, name); err != nil || c.String() != want {
			t.Errorf("%q: %v, %v, want %s", name, c, err, want)
		}
	}
	for name, says := range map[string]string{
		"": "no certificate is named", "/": "names no file", "signer.pem/": "names no file", ".": "names no file", "..": "names no file", ".signer": "names no file",
		"../outside": "no plain name", "../outside.pem": "no plain name", "../certificates/signer": "no plain name", "/etc/../signer": "no plain name", "a/../signer": "no plain name",
		`..\outside.pem`: "names no file", `C:\signer.pem`: "no plain name", "signer\x00.pem": "no plain name", "signer\n": "no plain name", "sign\u202eer": "no plain name", "\xff": "no certificate",
		"outside": `no certificate "outside"`, filepath.Join(filepath.Dir(dir), "outside"): `no certificate "outside"`, "SIGNER": "no certificate", "*": "no certificate",
		strings.Repeat("x", 300): "names no file", strings.Repeat("x", 254): "File name too long",
	} {
		c, err := Load(dir, name)
		if err == nil {
			t.Errorf("%q: found %s", name, c)
			continue
		}
		if name == strings.Repeat("x", 254) {
			says = "" // what the file system makes of it
		}
		wantUntrusted(t, err, says)
	}
}

func TestLinksLeadNowhereElse(t *testing.T) {
	dir := folderOf(t, map[string][]byte{"signer.pem": certify(t, signing, curveKey(t, elliptic.P256()))})
	outside := filepath.Join(filepath.Dir(dir), "outside.pem")
	if err := os.Link(filepath.Join(dir, "signer.pem"), outside); err != nil {
		t.Fatal(err)
	}
	for name, to := range map[string]string{
		"inside.pem": "signer.pem", "upwards.pem": "../outside.pem", "absolute.pem": outside, "around.pem": "../certificates/signer.pem",
		"circle.pem": "circle.pem", "nowhere.pem": "missing.pem",
	} {
		if err := os.Symlink(to, filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := Load(dir, "inside"); err != nil {
		t.Errorf("a link inside the folder: %v", err)
	}
	for name, says := range map[string]string{"upwards": "cannot open", "absolute": "cannot open", "around": "cannot open", "circle": "cannot open", "nowhere": "no certificate"} {
		_, err := Load(dir, name)
		wantUntrusted(t, err, says)
	}
}

func TestFoldersAndFilesThatAnybodyCouldChange(t *testing.T) {
	text := certify(t, signing, curveKey(t, elliptic.P256()))
	for name, row := range map[string]struct {
		spoil func(dir, file string) error
		says  string
	}{
		"nothing":          {func(dir, file string) error { return nil }, ""},
		"group may write":  {func(dir, file string) error { return os.Chmod(file, 0o664) }, ""},
		"folder for all":   {func(dir, file string) error { return os.Chmod(dir, 0o777) }, "everybody on this device can write to it: chmod 755"},
		"folder like /tmp": {func(dir, file string) error { return os.Chmod(dir, 0o777|os.ModeSticky) }, "everybody on this device can write to it: chmod 755"},
		"file for all":     {func(dir, file string) error { return os.Chmod(file, 0o666) }, "everybody on this device can write to it: chmod 644"},
		"no folder":        {func(dir, file string) error { return os.RemoveAll(dir) }, "cannot open the folder of certificates"},
		"a file for it": {func(dir, file string) error {
			if err := os.RemoveAll(dir); err != nil {
				return err
			}
			return os.WriteFile(dir, nil, 0o644)
		}, "cannot open the folder of certificates"},
		"a folder in it": {func(dir, file string) error {
			if err := os.Remove(file); err != nil {
				return err
			}
			return os.Mkdir(file, 0o755)
		}, "not a regular file"},
		"a pipe in it": {func(dir, file string) error {
			if err := os.Remove(file); err != nil {
				return err
			}
			return syscall.Mkfifo(file, 0o644)
		}, "not a regular file"},
		"a device in its place": {func(dir, file string) error {
			if err := os.Remove(file); err != nil {
				return err
			}
			return os.Symlink("/dev/zero", file)
		}, "cannot open"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := folderOf(t, map[string][]byte{"signer.pem": text})
			if err := row.spoil(dir, filepath.Join(dir, "signer.pem")); err != nil {
				t.Fatal(err)
			}
			_, err := Load(dir, "signer")
			if row.says == "" && err != nil {
				t.Error(err)
			}
			if row.says != "" {
				wantUntrusted(t, err, row.says)
			}
		})
	}
}
