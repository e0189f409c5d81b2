package main

import (
	"context"
	"flag"

	"abota/cmd/abota-publish/ota"
)

// registerAccess is for the verbs that speak to AWS IoT.
func registerAccess(flags *flag.FlagSet, a *ota.Access) {
	flags.StringVar(&a.Endpoint, "endpoint", "", "")
	flags.StringVar(&a.Region, "region", "", "")
	flags.StringVar(&a.Profile, "profile", "", "")
	flags.StringVar(&a.AccessKey, "access-key", "", "")
	flags.StringVar(&a.SecretKey, "secret-key", "", "")
}

// each registers a flag that may be repeated.
func each[T any](flags *flag.FlagSet, name string, to *[]T, parse func(string) (T, error)) {
	flags.Func(name, "", func(text string) error {
		v, err := parse(text)
		if err == nil {
			*to = append(*to, v)
		}
		return err
	})
}

// asIs is the parser of what needs none yet.
func asIs(text string) (string, error) { return text, nil }

func createOTA(c *command, flags *flag.FlagSet) action {
	r := ota.NewRequest()
	var a ota.Access
	var o ota.Options
	registerAccess(flags, &a)
	registerJob(flags, r)
	registerRollout(flags, r)
	registerSigning(flags, r)
	flags.BoolVar(&o.DryRun, "dry-run", false, "")
	flags.BoolVar(&o.Wait, "wait", false, "")
	noCleanup := flags.Bool("no-cleanup", false, "")
	return func(ctx context.Context, args []string) error {
		r.Cleanup = !*noCleanup
		if err := r.SetArguments(args); err != nil {
			return err
		}
		return ota.Create(ctx, &c.Output, a, r, o)
	}
}

func registerJob(flags *flag.FlagSet, r *ota.Request) {
	each(flags, "target", &r.Targets, asIs)
	each(flags, "package", &r.Packages, asIs)
	each(flags, "tag", &r.Tags, ota.ParseTag)
	flags.BoolVar(&r.Continuous, "continuous", false, "")
	flags.StringVar(&r.Description, "description", "", "")
	flags.StringVar(&r.FilePath, "filepath", "", "")
	flags.Func("timeout", "", func(text string) (err error) {
		r.Timeout, err = ota.ParseMinutes(text)
		return err
	})
	flags.StringVar(&r.Schedule.Start, "start", "", "")
	flags.StringVar(&r.Schedule.End, "end", "", "")
	flags.StringVar(&r.Schedule.EndBehavior, "end-behavior", "", "")
	each(flags, "window", &r.Schedule.Windows, ota.ParseWindow)
	flags.DurationVar(&r.HealthDeadline, "health-deadline", r.HealthDeadline, "")
}

func registerRollout(flags *flag.FlagSet, r *ota.Request) {
	flags.IntVar(&r.Rollout.Max, "max-per-minute", 0, "")
	flags.IntVar(&r.Rollout.Base, "rollout-base", 0, "")
	flags.Float64Var(&r.Rollout.Factor, "rollout-factor", 0, "")
	flags.IntVar(&r.Rollout.AfterNotified, "rollout-after-notified", 0, "")
	flags.IntVar(&r.Rollout.AfterSucceeded, "rollout-after-succeeded", 0, "")
	each(flags, "abort", &r.Abort, ota.ParseAbort)
	flags.Func("retry", "", func(text string) error {
		if text == "none" {
			r.Retries = []ota.Retry{}
			return nil
		}
		retry, err := ota.ParseRetry(text)
		if err == nil {
			r.Retries = append(r.Retries, retry)
		}
		return err
	})
}

func registerSigning(flags *flag.FlagSet, r *ota.Request) {
	flags.Func("protocol", "", func(text string) (err error) {
		r.Protocols, err = ota.ParseProtocols(text)
		return err
	})
	flags.DurationVar(&r.Expiry, "expires-in", r.Expiry, "")
	flags.StringVar(&r.SignKey, "sign-key", "", "")
	flags.StringVar(&r.CertName, "certname", "", "")
	flags.StringVar(&r.SigningPrefix, "signing-prefix", r.SigningPrefix, "")
	flags.DurationVar(&r.SigningTimeout, "signing-timeout", r.SigningTimeout, "")
	flags.StringVar(&r.Stream, "stream", "", "")
	flags.IntVar(&r.StreamFile, "stream-file", 0, "")
	flags.StringVar(&r.SignedObject, "signed-object", "", "")
	flags.StringVar(&r.Source, "abota", "", "")
	flags.StringVar(&r.Release, "release", "", "")
	flags.StringVar(&r.Checksum, "checksum", "", "")
}
