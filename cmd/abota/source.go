package main

import (
	"context"
	"os"
	"path"
	"path/filepath"
	"strings"

	"abota/cmd/internal/cli"
	"abota/updater"
	"abota/updater/classic"
	"abota/updater/config"
	"abota/updater/source"
)

// offered adapts a classic release to what the engine asks for.
type offered struct{ *classic.Release }

func (o offered) Open(ctx context.Context) (updater.Payload, error) { return o.Release.Open(ctx) }

// release is what SOURCE, or without one the configured bucket, offers.
func (c *command) release(cfg *config.Config, args []string) (*classic.Release, error) {
	if err := cfg.Private(); err != nil {
		return nil, err
	}
	r := &classic.Release{
		Token: cfg.FileName, Checksum: cfg.ChecksumName, KeyName: cfg.KeyName, KeyFile: cfg.KeyFile,
		Warn: func(text string) { c.log.Warn(text) },
	}
	if len(args) == 0 {
		if err := cfg.NeedSource(); err != nil {
			return nil, err
		}
		return r, c.useBucket(r, cfg, cfg.Bucket)
	}
	where := args[0]
	if bucket, ok := strings.CutPrefix(where, "s3://"); ok {
		bucket, prefix, _ := strings.Cut(bucket, "/")
		r.Token, r.Checksum, r.KeyName = path.Join(prefix, r.Token), path.Join(prefix, r.Checksum), path.Join(prefix, r.KeyName)
		return r, c.useBucket(r, cfg, bucket)
	}
	if strings.Contains(where, "://") {
		return nil, cli.Usage("%s is no source: give s3://BUCKET[/PREFIX], a folder, or a file", where)
	}
	return r, useFolder(r, where)
}

// network is how the configuration wants servers to be reached.
func (c *command) network(cfg *config.Config) (source.Network, error) {
	trust, err := source.TLSFiles(cfg.TLS.CAFile, cfg.TLS.Cert, cfg.TLS.Key)
	if err != nil {
		return source.Network{}, &configError{err}
	}
	return source.Network{
		TLS: trust, Proxy: cfg.Proxy.Reveal(),
		MinRate: cfg.MinRate, RateLimit: c.rateLimit,
		Timeouts: source.Timeouts(cfg.Timeout), Retry: source.Retry(cfg.Retry), Log: c.log,
	}, nil
}

func (c *command) useBucket(r *classic.Release, cfg *config.Config, bucket string) error {
	network, err := c.network(cfg)
	if err != nil {
		return err
	}
	s3, err := source.NewS3(source.S3Options{
		Bucket: bucket, Region: cfg.Region, Endpoint: cfg.Endpoint,
		AccessKey: cfg.AccessKey.Reveal(), SecretKey: cfg.SecretKey.Reveal(), SessionToken: cfg.SessionToken.Reveal(),
		Network: network,
	})
	if err != nil {
		return &configError{err}
	}
	r.Source = s3
	return nil
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
