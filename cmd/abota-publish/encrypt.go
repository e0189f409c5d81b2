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

// tokenSuffix is added to a file's name for its token.
const tokenSuffix = ".token"

// conversion is what encrypt and decrypt have in common: one file in, one out.
type conversion struct {
	out     string
	inPlace bool
	key     string
	force   bool
}

func (v *conversion) register(flags *flag.FlagSet) {
	flags.StringVar(&v.out, "o", "", "")
	flags.BoolVar(&v.inPlace, "in-place", false, "")
	flags.StringVar(&v.key, "key", keyName, "")
	flags.BoolVar(&v.force, "force", false, "")
}

// target is the file to write: named by -o, the input itself, or byDefault.
func (v *conversion) target(input, byDefault string) (string, error) {
	if v.inPlace {
		if v.out != "" {
			return "", cli.Usage("-o and --in-place exclude each other")
		}
		return input, nil
	}
	out := v.out
	if out == "" {
		out = byDefault
	}
	if sameFile(input, out) {
		return "", cli.Usage("cannot write %s because it is the input itself: use --in-place", out)
	}
	return out, mayWrite(out, v.force)
}

// sameFile reports whether both names are there and lead to one file.
func sameFile(a, b string) bool {
	x, errX := os.Stat(a)
	y, errY := os.Stat(b)
	return errX == nil && errY == nil && os.SameFile(x, y)
}

func encrypt(c *command, flags *flag.FlagSet) action {
	var v conversion
	v.register(flags)
	return func(ctx context.Context, args []string) error {
		out, err := v.target(args[0], args[0]+tokenSuffix)
		if err != nil {
			return err
		}
		key, err := readKey(v.key)
		if err != nil {
			return err
		}
		sum, err := c.encryptFile(ctx, args[0], out, key, v.force)
		if err != nil {
			return err
		}
		c.encrypted(args[0], out, sum, v.inPlace)
		return nil
	}
}

func (c *command) encryptFile(ctx context.Context, path, out string, key *fernet.Key, force bool) (*digests, error) {
	in, err := c.open(ctx, path)
	if err != nil {
		return nil, err
	}
	defer in.Close()
	if err := c.checkPlain(in, force); err != nil {
		return nil, err
	}
	sum := newDigests()
	err = writeWhole(out, publicFile, func(w io.Writer) error {
		return encryptStream(io.MultiWriter(w, sum), in, key)
	})
	return sum, err
}

// checkPlain refuses to encrypt a token once more, and warns of what no device
// will take.
func (c *command) checkPlain(in *inputFile, force bool) error {
	head, err := peekHead(in.File)
	if err != nil {
		return fmt.Errorf("read input: %w", err)
	}
	if _, token := madeAt(head); token && !force {
		return refused("cannot encrypt %s because it already is a Fernet token: decrypt it first, or add --force to wrap it once more", in.Name())
	}
	if !isZip(head) {
		c.warn("%s is not a zip, and devices install only zips: `abota-publish pack` makes one", in.Name())
	}
	return nil
}

func encryptStream(w io.Writer, r io.Reader, key *fernet.Key) error {
	token := fernet.NewWriter(w, key)
	if _, err := io.Copy(token, r); err != nil {
		return fmt.Errorf("encrypt: %w", err)
	}
	if err := token.Close(); err != nil {
		return fmt.Errorf("encrypt: %w", err)
	}
	return nil
}

func (c *command) encrypted(in, out string, sum *digests, inPlace bool) {
	c.sayChecksum(sum.checksum())
	if inPlace {
		c.Say("%s is now the token; what it was is gone, and only the key brings it back", in)
	} else {
		c.Say("%s is the token; %s is as it was", out, in)
	}
	if c.JSON {
		result := sum.json()
		result["token"], result["input_replaced"] = out, inPlace
		c.Result(result)
	}
}

// sayChecksum prints the MD5 exactly as crypt.py does: scripts read that line.
func (c *command) sayChecksum(md5 string) { c.Say("Calculated checksum :  %s", md5) }
