package main

import (
	"context"
	"flag"
	"fmt"
	"io"

	"abota/cmd/internal/cli"
)

// command is one invocation.
type command struct{ cli.Output }

// action is what a verb does once its flags are parsed.
type action func(ctx context.Context, args []string) error

// verb is one thing that abota-publish can do.
type verb struct {
	name, args, help string
	// run registers its flags on the set.
	run func(c *command, flags *flag.FlagSet) action
	// min and max are how many arguments it takes; max 0 means any number.
	min, max int
}

// verbs in the order of the help text.
var verbs = []verb{
	{"keygen", "[-o key.key] [--force]", "make a key", keygen, 0, 0},
	{"encrypt", "FILE [-o OUT | --in-place] [--key FILE] [--force]", "make a zip a Fernet token", encrypt, 1, 1},
	{"decrypt", "TOKEN [-o OUT | --in-place] [--key FILE] [--force]", "turn a token back, once all of it was authenticated", decrypt, 1, 1},
	{"checksum", "TOKEN [-o checksum.txt]", "print, or also write, the token's MD5", checksum, 1, 1},
	{"pack", "IMAGE|PART=IMAGE|DIR… -o OUTDIR (--key FILE | --new-key) [--version V] [--force]", "make a whole release in a folder", pack, 1, 0},
	{"push", "DIR s3://BUCKET[/PREFIX] [--with-key] [--version V] [--create-bucket]", "upload a release, the checksum last", push, 2, 2},
	{"create-ota", "BINARY BUCKET SIGNING_PROFILE OTA_ROLE THING_GROUP JOB_ID", "make an AWS IoT job that updates devices", createOTA, 1, 6},
	{"ota", "list | show JOB | cancel JOB | delete JOB", "see to AWS IoT jobs, with their streams, objects and executions", manageOTA, 1, 2},
	{"info", "DIR|TOKEN [--key FILE]", "prove a release and say what it holds", info, 1, 1},
}

const usageHead = `usage: abota-publish VERB [ARGUMENTS]

abota-publish makes the classic release: firmware.zip (a Fernet token over a
zip), checksum.txt (its MD5) and key.key. It also makes the jobs of AWS IoT that
update devices, and sees to them.

`

const usageTail = `
encrypt leaves FILE alone and writes FILE.token; --in-place replaces FILE by
its token, as crypt.py did. decrypt writes TOKEN without .token, or with .plain
where there is none. pack puts images, and what is inside folders, into one
zip. A slot that is one device takes exactly one image; of a slot of several
parts each takes the entry that is named for it up to the first dot, so that
root.ext4 is for root, and kernel=vmlinuz-6.1 for kernel. Existing files are kept
unless --force is given; a checksum is always written anew.

push reads where to from these, the first one wins:
  --endpoint URL, --region R, --access-key K, --secret-key S (others can see
        a command line: prefer the next two)
  --config FILE    the device's configuration: accesskey, secretkey, region,
        endpoint, file_name, checksum_name, key_name
  AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_SESSION_TOKEN, AWS_REGION,
        AWS_ENDPOINT_URL, AWS_PROFILE and ~/.aws/credentials
It checks that the folder's key.key, if there is one, opens the token. It
uploads the token, then the key if --with-key says so, then the checksum.
A key in the bucket is as public as the bucket. Devices that have a key_file
need no other; those that run the old script read key.key from the bucket.
`

const usageEnd = `
Everywhere: --json prints one JSON object on stdout, and progress as JSON lines
on stderr.

Exit codes: 0 done, 1 failed, 2 usage or configuration, 5 untrusted or corrupt,
6 transport (retry later), 7 refused.
`

func usage(w io.Writer) {
	fmt.Fprint(w, usageHead)
	for _, v := range verbs {
		fmt.Fprintf(w, "  %s %s\n        %s\n", v.name, v.args, v.help)
	}
	fmt.Fprint(w, usageTail, usageOTA, usageEnd)
}

// run is the whole command; it returns the exit code.
func run(ctx context.Context, args []string, _ io.Reader, stdout, stderr io.Writer) int {
	c := &command{cli.Output{Name: "abota-publish", Stdout: stdout, Stderr: stderr, LinesCount: true}}
	name, err := c.dispatch(ctx, args)
	return c.End(name, err, usage, exitCode)
}

// warn says what works but should be known.
func (c *command) warn(format string, args ...any) {
	fmt.Fprintf(c.Stderr, "abota-publish: "+format+"\n", args...)
}

// dispatch parses the command line and runs the verb.
func (c *command) dispatch(ctx context.Context, args []string) (string, error) {
	name, rest, err := cli.Verb(c.Flags(), args)
	if err != nil {
		return "", err
	}
	for _, v := range verbs {
		if v.name == name {
			return name, c.runVerb(ctx, v, rest)
		}
	}
	return "", cli.Usage("%q is not a verb", name)
}

func (c *command) runVerb(ctx context.Context, v verb, args []string) error {
	flags := c.Flags()
	do := v.run(c, flags)
	words, err := cli.Words(flags, args)
	switch {
	case err != nil:
		return err
	case len(words) < v.min || (v.max > 0 || v.min == 0) && len(words) > v.max:
		return cli.Usage("it takes %s", v.args)
	}
	return do(ctx, words)
}
