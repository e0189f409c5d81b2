package main

import (
	"context"
	"flag"
)

func checksum(c *command, flags *flag.FlagSet) action {
	out := flags.String("o", "", "")
	return func(ctx context.Context, args []string) error {
		sum, err := c.digestFile(ctx, args[0])
		if err != nil {
			return err
		}
		if *out != "" {
			// No line end: the old script compares the text as it is.
			if err := writeText(*out, publicFile, sum.checksum()); err != nil {
				return err
			}
		}
		c.sayChecksum(sum.checksum())
		if c.JSON {
			c.Result(sum.json())
		}
		return nil
	}
}
