package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"strings"

	"abota/cmd/internal/cli"
	"abota/updater/fernet"
)

// plainSuffix is added to a token's name when it has no tokenSuffix to lose.
const plainSuffix = ".plain"

func decrypt(c *command, flags *flag.FlagSet) action {
	var v conversion
	v.register(flags)
	return func(ctx context.Context, args []string) error {
		plain, cut := strings.CutSuffix(args[0], tokenSuffix)
		if !cut {
			plain += plainSuffix
		}
		out, err := v.target(args[0], plain)
		if err != nil {
			return err
		}
		key, err := readKey(v.key)
		if err != nil {
			return err
		}
		size, err := c.decryptFile(ctx, args[0], out, key)
		if err != nil {
			return err
		}
		c.decrypted(args[0], out, size, v.inPlace)
		return nil
	}
}

// decryptFile writes the plaintext, which appears under its name only when
// all of the token was authenticated.
func (c *command) decryptFile(ctx context.Context, path, out string, key *fernet.Key) (size int64, err error) {
	in, err := c.open(ctx, path)
	if err != nil {
		return 0, err
	}
	defer in.Close()
	err = writeWhole(out, publicFile, func(w io.Writer) error {
		size, err = io.Copy(w, fernet.NewReader(in, key))
		if err != nil {
			return fmt.Errorf("decrypt %s: %w", path, err)
		}
		return nil
	})
	return size, err
}

func (c *command) decrypted(in, out string, size int64, inPlace bool) {
	if inPlace {
		c.Say("%s is now the plain file, %s; the token is gone", in, cli.Size(size))
	} else {
		c.Say("%s is the plain file, %s; %s is as it was", out, cli.Size(size), in)
	}
	if c.JSON {
		c.Result(map[string]any{"plain": out, "size": size, "input_replaced": inPlace})
	}
}
