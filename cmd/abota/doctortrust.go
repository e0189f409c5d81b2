package main

import (
	"context"

	"abota/updater/config"
	"abota/updater/doctor"
	"abota/updater/signature"
	"abota/updater/source"
)

// trustFacts are what releases and servers are proven by, as far as this device
// has it. Nobody is asked over the network.
func (c *command) trustFacts(ctx context.Context, cfg *config.Config) []doctor.Trust {
	if cfg.Mode == config.ModeAWSIoT {
		return c.trustInJobs(ctx, cfg)
	}
	all := []doctor.Trust{
		{Name: "source", Err: cfg.NeedSource()},
		c.releaseKey(ctx, cfg),
		{Name: "tls", Err: loads(cfg.TLS)},
	}
	// Who installs from a medium by hand has no source, and says so.
	if all[0].Err != nil && !cfg.Health.UpdatePath {
		all[0] = doctor.Trust{Name: "source", Note: "none is configured: releases come only as `abota install SOURCE`"}
	}
	if cfg.AWSIoT.Cert != "" {
		all = append(all, trustInCloud(cfg))
	}
	return all
}

// releaseKey is what a release is decrypted with.
func (c *command) releaseKey(ctx context.Context, cfg *config.Config) doctor.Trust {
	t := doctor.Trust{Name: "key_file"}
	if cfg.KeyFile == "" {
		t.Note = "not set: the key lies beside the release, so who can replace the one can replace the other: put it into the image and set key_file"
		return t
	}
	r := c.nowhere(cfg)
	r.Warn = nil
	t.Err = r.LoadKey(ctx)
	return t
}

func (c *command) trustInJobs(ctx context.Context, cfg *config.Config) []doctor.Trust {
	all := []doctor.Trust{
		{Name: "aws_iot", Err: cfg.NeedAWSIoT()},
		trustInCloud(cfg),
		{Name: "aws_iot.certificates", Err: c.trusts(ctx, cfg)},
	}
	if cfg.TLS != (config.TLS{}) {
		all = append(all, doctor.Trust{Name: "tls", Err: loads(cfg.TLS)})
	}
	certificates, err := signature.LoadAll(cfg.AWSIoT.Certificates)
	if err != nil {
		return all // trusts says so
	}
	now := clock(cfg.StateDir)()
	for _, cert := range certificates {
		all = append(all, doctor.Trust{Name: "aws_iot.certificates", Note: cert.Warning(now)})
	}
	return all
}

// trustInCloud is what this device shows to AWS IoT.
func trustInCloud(cfg *config.Config) doctor.Trust {
	i := cfg.AWSIoT
	return doctor.Trust{Name: "aws_iot.cert", Err: loads(config.TLS{CAFile: i.CAFile, Cert: i.Cert, Key: i.Key})}
}

func loads(t config.TLS) error {
	_, err := source.TLSFiles(t.CAFile, t.Cert, t.Key)
	return err
}
