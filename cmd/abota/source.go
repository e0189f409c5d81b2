package main

import (
	"cmp"
	"context"
	"flag"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"abota/cmd/internal/cli"
	"abota/updater"
	"abota/updater/classic"
	"abota/updater/config"
	"abota/updater/program"
	"abota/updater/source"
)

// offered adapts a classic release to what the engine asks for.
type offered struct{ *classic.Release }

func (o offered) Open(ctx context.Context) (updater.Payload, error) { return o.Release.Open(ctx) }

// takeChecksum is for verbs that take a SOURCE.
func (c *command) takeChecksum(flags *flag.FlagSet) {
	flags.Func("checksum", "", func(s string) error { c.checksum = &s; return nil })
}

// release is what SOURCE, or without one the configuration, offers.
func (c *command) release(cfg *config.Config, args []string) (*classic.Release, error) {
	if err := cfg.Private(); err != nil {
		return nil, err
	}
	r := c.nowhere(cfg)
	if c.checksum != nil {
		sum, err := classic.ParseSum(*c.checksum)
		if err != nil {
			return nil, cli.Usage("--checksum: %w", err)
		}
		r.Sum = sum
	}
	if len(args) == 0 {
		return r, c.useConfigured(r, cfg)
	}
	return r, c.use(r, cfg, args[0])
}

// nowhere is a release under the configured names, whose source is not known
// yet.
func (c *command) nowhere(cfg *config.Config) *classic.Release {
	return &classic.Release{
		Token: cfg.FileName, Checksum: cfg.ChecksumName, KeyName: cfg.KeyName, KeyFile: cfg.KeyFile,
		Warn: func(text string) { c.log.Warn(text) },
	}
}

// below puts the three names under a prefix.
func below(r *classic.Release, prefix string) {
	r.Token, r.Checksum, r.KeyName = path.Join(prefix, r.Token), path.Join(prefix, r.Checksum), path.Join(prefix, r.KeyName)
}

// useConfigured reads what the configuration names.
func (c *command) useConfigured(r *classic.Release, cfg *config.Config) error {
	if err := cfg.NeedSource(); err != nil {
		return err
	}
	if cfg.Bucket != "" {
		return c.useBucket(r, cfg, cfg.Bucket)
	}
	web := source.WebOptions{URL: cfg.URL.Reveal()}
	if len(cfg.URLCommand) > 0 {
		web.Renew = func(ctx context.Context) (string, error) {
			ctx, cancel := context.WithTimeout(ctx, urlCommandTimeout)
			defer cancel()
			return program.FirstLine(ctx, cfg.URLCommand)
		}
	}
	return c.useWeb(r, cfg, web)
}

// urlCommandTimeout is how long the program may take that prints a fresh URL.
const urlCommandTimeout = time.Minute

// use reads what the command line names.
func (c *command) use(r *classic.Release, cfg *config.Config, where string) error {
	scheme, rest, _ := strings.Cut(where, "://")
	scheme = strings.ToLower(scheme)
	switch {
	case where == "-":
		r.Source, r.Token, r.Alone = source.NewStdin(c.stdin), "the release", true
		return nil
	case rest == "" && isMistyped(where):
		return cli.Usage("SOURCE is neither an address nor a path: write it like https://host/firmware.zip or s3://BUCKET")
	case rest == "":
		return useFolder(r, where)
	case scheme == "http" || scheme == "https":
		return c.useWeb(r, cfg, source.WebOptions{URL: where})
	case scheme == "s3":
		bucket, prefix, _ := strings.Cut(rest, "/")
		below(r, prefix)
		return c.useBucket(r, cfg, bucket)
	}
	// The rest may hold a password.
	return cli.Usage("%s:// is no source: give s3://BUCKET[/PREFIX], an http or https address, a folder, a file, or -", scheme)
}

// isMistyped reports what was to be an address, or is a script's empty variable.
// Called a folder that is not there it would be shown, with the password or
// signature in it.
func isMistyped(where string) bool {
	if where == "" {
		return true
	}
	end := strings.IndexAny(where, ":/")
	if end < 0 || !slices.Contains([]string{"http", "https", "s3"}, strings.ToLower(where[:end])) {
		return false
	}
	_, err := os.Lstat(where)
	return err != nil
}

// useWeb reads the three objects from a web server, or the token alone where
// its URL holds for nothing else.
func (c *command) useWeb(r *classic.Release, cfg *config.Config, o source.WebOptions) error {
	var err error
	if o.Network, err = c.network(cfg); err != nil {
		return err
	}
	web, err := source.NewWeb(o)
	if err != nil {
		return &configError{err}
	}
	r.Source, r.Token, r.Alone = web, cmp.Or(web.File(), r.Token), web.Alone()
	return nil
}

// network is how the configuration wants servers to be reached.
func (c *command) network(cfg *config.Config) (source.Network, error) {
	trust, err := source.TLSFiles(cfg.TLS.CAFile, cfg.TLS.Cert, cfg.TLS.Key)
	if err != nil {
		return source.Network{}, &configError{err}
	}
	return source.Network{
		TLS: trust, Now: clock(cfg.StateDir), Proxy: cfg.Proxy.Reveal(),
		MinRate: cfg.MinRate, RateLimit: c.rateLimit,
		Timeouts: source.Timeouts(cfg.Timeout), Retry: source.Retry(cfg.Retry), Log: c.log,
	}, nil
}

func (c *command) useBucket(r *classic.Release, cfg *config.Config, bucket string) error {
	s3, err := c.bucket(cfg, bucket, cfg.Region)
	if err == nil {
		r.Source = s3
	}
	return err
}

// bucket is one at the configured store, read with the configured keys or with
// those that the device's certificate opens.
func (c *command) bucket(cfg *config.Config, name, region string) (*source.S3, error) {
	network, err := c.network(cfg)
	if err != nil {
		return nil, err
	}
	keys, err := fetchedKeys(cfg, network)
	if err != nil {
		return nil, err
	}
	s3, err := source.NewS3(source.S3Options{
		Bucket: name, Region: region, Endpoint: cfg.Endpoint,
		AccessKey: cfg.AccessKey.Reveal(), SecretKey: cfg.SecretKey.Reveal(), SessionToken: cfg.SessionToken.Reveal(),
		Credentials: keys, Network: network,
	})
	if err != nil {
		return nil, &configError{err}
	}
	return s3, nil
}

// fetchedKeys are nil where the device has keys of its own, or may have them in
// its environment.
func fetchedKeys(cfg *config.Config, network source.Network) (source.Credentials, error) {
	iot := cfg.AWSIoT
	if cfg.AccessKey != "" || cfg.SecretKey != "" || iot.RoleAlias == "" {
		return nil, nil
	}
	trust, err := source.TLSFiles(iot.CAFile, iot.Cert, iot.Key)
	if err != nil {
		return nil, &configError{err}
	}
	network.TLS = trust
	keys, err := source.NewIoTCredentials(source.IoTOptions{
		Endpoint: iot.CredentialsEndpoint, RoleAlias: iot.RoleAlias, Thing: cfg.ThingName(), Network: network,
	})
	if err != nil {
		return nil, &configError{err}
	}
	return keys, nil
}

// useFolder reads the three objects from a folder; a file names the token, and
// the other two lie beside it.
func useFolder(r *classic.Release, where string) error {
	if st, err := os.Stat(where); err == nil && !st.IsDir() {
		r.Token = filepath.Base(where)
	}
	dir, err := source.NewDir(where)
	if err != nil {
		return err
	}
	r.Source = dir
	return nil
}
