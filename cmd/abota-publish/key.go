package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"

	"abota/cmd/internal/cli"
	"abota/updater/fernet"
)

// Names of the classic release's objects, as the seed's scripts have them.
const (
	tokenName    = "firmware.zip"
	checksumName = "checksum.txt"
	keyName      = "key.key"
)

// maxSmallFile bounds what is read whole: keys and checksums.
const maxSmallFile = 4 << 10

// newKey makes a random key.
func newKey() (*fernet.Key, error) {
	var key fernet.Key
	if err := key.Generate(); err != nil {
		return nil, fmt.Errorf("make a key: %w", err)
	}
	return &key, nil
}

// readKey reads a key's file.
func readKey(path string) (*fernet.Key, error) {
	text, err := readSmall(path)
	if err != nil {
		return nil, fmt.Errorf("read key (`abota-publish keygen` makes one, --key names one): %w", err)
	}
	key, err := fernet.ParseKey(text)
	if err != nil {
		return nil, coded(cli.ExitUsage, "read key %s: %w", path, err)
	}
	return key, nil
}

func readSmall(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return readBounded(f, path)
}

func readBounded(r io.Reader, name string) ([]byte, error) {
	text, err := io.ReadAll(io.LimitReader(r, maxSmallFile+1))
	if err == nil && len(text) > maxSmallFile {
		err = coded(cli.ExitUsage, "%s is larger than %d bytes: it is something else", name, maxSmallFile)
	}
	return text, err
}

func keygen(c *command, flags *flag.FlagSet) action {
	path := flags.String("o", keyName, "")
	force := flags.Bool("force", false, "")
	return func(context.Context, []string) error {
		if err := mayWrite(*path, *force); err != nil {
			return err
		}
		key, err := newKey()
		if err != nil {
			return err
		}
		if err := writeText(*path, secretFile, key.Encode()); err != nil {
			return err
		}
		c.Say("wrote a new key to %s: keep a copy, since no token can be read without it", *path)
		if c.JSON {
			c.Result(map[string]any{"key_file": *path})
		}
		return nil
	}
}
