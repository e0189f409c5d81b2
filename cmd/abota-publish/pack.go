package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"path/filepath"
	"strings"

	"abota/cmd/internal/cli"
	"abota/updater/fernet"
)

// versionName is a fourth file, beside the release's three: push takes the
// version from it, and so does an install from a folder. It is not uploaded.
const versionName = "version.txt"

type packOptions struct {
	out     string
	keyFile string
	newKey  bool
	version string
	force   bool
}

func (o *packOptions) check() error {
	switch {
	case o.out == "":
		return cli.Usage("name the folder to make with -o OUTDIR")
	case (o.keyFile != "") == o.newKey:
		return cli.Usage("say which key: --key FILE for an existing one, or --new-key")
	}
	return checkVersion(o.version)
}

// checkVersion: the version becomes a header of the object.
func checkVersion(v string) error {
	const most = 200
	if len(v) > most || strings.ContainsFunc(v, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return cli.Usage("a version is up to %d printable ASCII characters without blanks, not %q", most, v)
	}
	return nil
}

func (o *packOptions) key() (*fernet.Key, error) {
	if o.newKey {
		return newKey()
	}
	return readKey(o.keyFile)
}

func pack(c *command, flags *flag.FlagSet) action {
	var o packOptions
	flags.StringVar(&o.out, "o", "", "")
	flags.StringVar(&o.keyFile, "key", "", "")
	flags.BoolVar(&o.newKey, "new-key", false, "")
	flags.StringVar(&o.version, "version", "", "")
	flags.BoolVar(&o.force, "force", false, "")
	return func(ctx context.Context, args []string) error {
		if err := o.check(); err != nil {
			return err
		}
		key, err := o.key()
		if err != nil {
			return err
		}
		files, err := collect(args)
		if err != nil {
			return err
		}
		var sum *digests
		err = writeFolder(o.out, o.force, func(dir string) (err error) {
			sum, err = c.packInto(ctx, dir, files, key, o.version)
			return err
		})
		if err != nil {
			return err
		}
		c.packed(o, files, sum)
		return nil
	}
}

// packInto makes the release's files in dir, in one pass over the input.
func (c *command) packInto(ctx context.Context, dir string, files []packFile, key *fernet.Key, version string) (*digests, error) {
	sum := newDigests()
	err := writeWhole(filepath.Join(dir, tokenName), publicFile, func(w io.Writer) error {
		return c.packStream(ctx, io.MultiWriter(w, sum), files, key)
	})
	if err != nil {
		return nil, err
	}
	if err := writeText(filepath.Join(dir, keyName), secretFile, key.Encode()); err != nil {
		return nil, err
	}
	if version != "" {
		if err := writeText(filepath.Join(dir, versionName), publicFile, version+"\n"); err != nil {
			return nil, err
		}
	}
	// No line end: the old script compares the text as it is.
	return sum, writeText(filepath.Join(dir, checksumName), publicFile, sum.checksum())
}

func (c *command) packStream(ctx context.Context, w io.Writer, files []packFile, key *fernet.Key) error {
	token := fernet.NewWriter(w, key)
	zip := newArchive(token)
	for _, f := range files {
		if err := c.packOne(ctx, zip, f); err != nil {
			return err
		}
	}
	if err := zip.close(); err != nil {
		return fmt.Errorf("write release: %w", err)
	}
	if err := token.Close(); err != nil {
		return fmt.Errorf("write release: %w", err)
	}
	return nil
}

func (c *command) packOne(ctx context.Context, zip *archive, f packFile) error {
	if f.mode.IsDir() {
		return zip.add(f.name, 0, f.mode, nil)
	}
	if f.target != "" {
		return zip.add(f.name, f.size, f.mode, strings.NewReader(f.target))
	}
	in, err := c.open(ctx, f.path)
	if err != nil {
		return err
	}
	defer in.Close()
	return zip.add(f.name, in.size, f.mode, in)
}

func (c *command) packed(o packOptions, files []packFile, sum *digests) {
	var size int64
	for _, f := range files {
		size += f.size
	}
	if len(files) != 1 {
		c.warn("the release holds %d entries: it is for %s; a slot that is one device takes exactly one image", len(files), slotsFor(files))
	}
	c.Say("packed %s into %s, %s", cli.Size(size), filepath.Join(o.out, tokenName), cli.Size(sum.size))
	c.sayChecksum(sum.checksum())
	c.Say("identity  %s (SHA-256)", sum.identity())
	c.Say("%s holds the key: put it on the devices as key_file, and keep it out of public places", filepath.Join(o.out, keyName))
	if c.JSON {
		result := sum.json()
		result["folder"], result["entries"], result["unpacked"], result["version"] = o.out, len(files), size, o.version
		c.Result(result)
	}
}
