package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"abota/cmd/internal/cli"
	"abota/updater/fernet"
	"abota/updater/unpack"
)

// unprotected is said of every release in the classic format.
const unprotected = "no downgrade protection: the classic format has none"

// local is a release in a folder, or a token alone.
type local struct {
	token    string
	checksum string // the file's, empty for a token alone
	key      string // the file's, empty when there is none
	version  string
}

// findLocal looks at a folder with a release, or at a token.
func findLocal(path string, names objectNames) (local, error) {
	info, err := os.Stat(path)
	if err != nil {
		return local{}, fmt.Errorf("read release: %w", err)
	}
	if !info.IsDir() {
		return local{token: path}, nil
	}
	l := local{token: filepath.Join(path, names.token)}
	if _, err := os.Stat(l.token); errors.Is(err, fs.ErrNotExist) {
		// What pack made keeps its own name until it is uploaded.
		l.token = filepath.Join(path, tokenName)
	}
	l.checksum = orEmpty(filepath.Join(path, checksumName))
	l.key = orEmpty(filepath.Join(path, keyName))
	if version := orEmpty(filepath.Join(path, versionName)); version != "" {
		text, err := readSmall(version)
		if err != nil {
			return local{}, fmt.Errorf("read version: %w", err)
		}
		l.version = strings.TrimSpace(string(text))
	}
	return l, checkVersion(l.version)
}

func orEmpty(path string) string {
	if _, err := os.Stat(path); err != nil {
		return ""
	}
	return path
}

// checkChecksum compares the folder's checksum with the token, as every
// device will.
func (l local) checkChecksum(sum *digests) error {
	if l.checksum == "" {
		return nil
	}
	text, err := readSmall(l.checksum)
	if err != nil {
		return fmt.Errorf("read checksum: %w", err)
	}
	fields := strings.Fields(string(text))
	if len(fields) == 0 || !strings.EqualFold(fields[0], sum.checksum()) {
		return coded(cli.ExitUntrusted, "%s does not match %s, whose MD5 is %s: every device would refuse this release: `abota-publish checksum %s -o %s` writes it anew, if the token is the right one", l.checksum, l.token, sum.checksum(), l.token, l.checksum)
	}
	return nil
}

// entry is what the archive holds, for people and as JSON.
type entry struct {
	Name string `json:"name"`
	Size int64  `json:"size"`
}

func info(c *command, flags *flag.FlagSet) action {
	keyFile := flags.String("key", "", "")
	return func(ctx context.Context, args []string) error {
		l, err := findLocal(args[0], defaultNames)
		if err != nil {
			return err
		}
		if *keyFile != "" {
			l.key = *keyFile
		}
		p, err := c.proveFile(ctx, l)
		if err != nil {
			return err
		}
		if err := l.checkChecksum(p.sum); err != nil {
			return err
		}
		c.describe(l, p)
		return nil
	}
}

// proven is what reading a token to its end told.
type proven struct {
	sum     *digests
	made    time.Time
	entries []entry
}

func (c *command) proveFile(ctx context.Context, l local) (proven, error) {
	in, err := c.open(ctx, l.token)
	if err != nil {
		return proven{}, err
	}
	defer in.Close()
	head, err := peekHead(in.File)
	if err != nil {
		return proven{}, fmt.Errorf("read token: %w", err)
	}
	p := proven{sum: newDigests()}
	var ok bool
	if p.made, ok = madeAt(head); !ok {
		return p, coded(cli.ExitUntrusted, "%s is not a Fernet token: %s", l.token, whatElse(head))
	}
	p.entries, err = l.prove(in, p.sum)
	return p, err
}

func whatElse(head []byte) string {
	if isZip(head) {
		return "it is a plain zip, which `abota-publish encrypt` makes a token"
	}
	return "it begins with something else"
}

// prove reads the token to its end for its digests and, with the key, for
// everything that a device would check.
func (l local) prove(r io.Reader, sum *digests) ([]entry, error) {
	r = io.TeeReader(r, sum)
	if l.key == "" {
		_, err := io.Copy(io.Discard, r)
		return nil, err
	}
	key, err := readKey(l.key)
	if err != nil {
		return nil, err
	}
	plain := fernet.NewReader(r, key)
	entries, err := list(plain)
	if err != nil {
		// With the wrong key the zip is noise: the token's own verdict,
		// which comes at its end, says more.
		if _, bad := io.Copy(io.Discard, plain); bad != nil {
			err = bad
		}
		return nil, fmt.Errorf("read %s with key %s: %w", l.token, l.key, err)
	}
	return entries, nil
}

func list(r io.Reader) ([]entry, error) {
	zip := unpack.NewZip(r)
	var entries []entry
	for {
		e, err := zip.Next()
		if err == io.EOF {
			return entries, nil
		}
		if err != nil {
			return nil, err
		}
		n, err := io.Copy(io.Discard, zip)
		if err != nil {
			return nil, err
		}
		entries = append(entries, entry{e.Name, n})
	}
}

func (c *command) describe(l local, p proven) {
	if c.JSON {
		result := p.sum.json()
		result["token"], result["made"], result["version"] = l.token, p.made.Format(time.RFC3339), l.version
		result["authenticated"], result["entries"], result["downgrade_protection"] = l.key != "", p.entries, false
		c.Result(result)
		return
	}
	if l.version != "" {
		c.Say("version   %s", l.version)
	}
	c.Say("token     %s, %s (%d bytes)", l.token, cli.Size(p.sum.size), p.sum.size)
	c.Say("made      %s", p.made.Format(time.RFC3339))
	if l.checksum != "" {
		c.Say("checksum  %s (MD5, as %s says)", p.sum.checksum(), filepath.Base(l.checksum))
	} else {
		c.Say("checksum  %s (MD5)", p.sum.checksum())
	}
	c.Say("identity  %s (SHA-256)", p.sum.identity())
	for _, e := range p.entries {
		c.Say("holds     %q, %s (%d bytes)", e.Name, cli.Size(e.Size), e.Size)
	}
	if l.key == "" {
		c.Say("holds     unknown, and nothing is authenticated, without the key: name it with --key FILE")
	}
	c.Say("note      %s", unprotected)
}
