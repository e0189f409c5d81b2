package sim

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"abota/sim/awsiot"
	"abota/sim/awsiot/service"
	"abota/sim/guest"
	"abota/sim/loader"
)

// lookEvery is the pause between looks at AWS IoT.
const lookEvery = 100 * time.Millisecond

// jobPrefix is what create-ota puts in front of a job's name.
const jobPrefix = "AFR_OTA-"

// enrolled checks what a device needs at AWS IoT before it can be sent a job.
func enrolled() []Step {
	return []Step{{Title: "the devices are enrolled at AWS IoT", Do: func(_ context.Context, w *World) (string, error) {
		group, err := w.cloud.Service().ListThingsInThingGroup(service.ListThingsInThingGroupInput{ThingGroupName: awsiot.Group})
		if err != nil {
			return "", err
		}
		var proof []string
		for _, m := range w.fleet {
			certificates, err := w.cloud.Service().ListThingPrincipals(m.name)
			if err != nil {
				return "", err
			}
			if len(certificates) != 1 || !slices.Contains(group.Things, m.name) {
				return "", fmt.Errorf("thing %s has %d certificates, and group %s has %q", m.name, len(certificates), awsiot.Group, group.Things)
			}
			_, id, _ := strings.Cut(certificates[0], "/")
			proof = append(proof, fmt.Sprintf("thing %s in group %s, certificate %.8s…", m.name, awsiot.Group, id))
		}
		return strings.Join(proof, "\n"), nil
	}}}
}

// trusts checks that the firmware has the certificate of the signing profile,
// and nothing else, in its trusted folder.
func trusts() []Step {
	return []Step{{Title: "its firmware trusts the certificate of the signing profile", Do: func(ctx context.Context, w *World) (string, error) {
		want, err := w.cloud.SigningCertificate(awsiot.Profile)
		if err != nil {
			return "", err
		}
		got, err := w.guest(ctx, "cd /etc/abota/"+certificatesDir+" && ls && cat *", 0)
		if err != nil {
			return "", err
		}
		if got != awsiot.CertName+"\n"+string(want) {
			return "", fmt.Errorf("in the trusted folder of the firmware is something else: %q", got)
		}
		return "/etc/abota/" + certificatesDir + "/" + awsiot.CertName, nil
	}}}
}

// hasNoJob checks that the board reaches AWS IoT.
func hasNoJob() []Step {
	return []Step{{Title: "it reaches AWS IoT by TLS with its certificate, and has no job", Do: func(ctx context.Context, w *World) (string, error) {
		const nothingToDo = 3
		_, err := w.guest(ctx, "abota check", nothingToDo)
		return fmt.Sprintf("abota check: exit code %d", nothingToDo), err
	}}}
}

// hasNoKeys checks that only the device's certificate can open the bucket.
func hasNoKeys() []Step {
	return []Step{{Title: "the board has no keys of the bucket, only a certificate for which AWS IoT hands some out", Do: func(ctx context.Context, w *World) (string, error) {
		got, err := w.guest(ctx, "cd /etc/abota && ! grep -E 'accesskey|secretkey|sessiontoken' config.yaml "+stateDir+"/device.yaml && grep -E 'credentials_endpoint|role_alias' config.yaml", 0)
		return strings.Join(strings.Fields(got), " "), err
	}}}
}

// otherHardware makes the board one that particular firmware does not work on.
func otherHardware() []Step {
	return []Step{{Title: "this board has hardware that firmware 2 does not know", Do: func(ctx context.Context, w *World) (string, error) {
		_, err := w.guest(ctx, "touch "+stateDir+"/sim-other-hardware && sync", 0)
		return "its health check will find a file on the data partition", err
	}}}
}

// offered makes a classic release of a firmware, for boards that have the key,
// and puts it into the bucket.
func offered(version string, b guest.Behaviour) []Step {
	return []Step{{Title: fmt.Sprintf("firmware %s (%s) is packed and pushed", version, b), Do: func(ctx context.Context, w *World) (string, error) {
		image, err := w.image(ctx, version, b)
		if err != nil {
			return "", err
		}
		defer os.Remove(image)
		release := filepath.Join(w.dir, "release-"+version)
		defer os.RemoveAll(release)
		if _, err := w.publishes(ctx, "pack", image, "-o", release, "--key", w.cloud.keyFile, "--version", version); err != nil {
			return "", err
		}
		if _, err := w.publishes(ctx, "push", release, "s3://"+bucket+"/"+version); err != nil {
			return "", err
		}
		info, err := os.Stat(filepath.Join(release, "firmware.zip"))
		if err != nil {
			return "", fmt.Errorf("look at release %s: %w", version, err)
		}
		return fmt.Sprintf("s3://%s/%s/firmware.zip, %.1f MB", bucket, version, megabytes(info.Size())), nil
	}}}
}

func megabytes(bytes int64) float64 { return float64(bytes) / 1e6 }

// uploaded puts the image of a firmware into the bucket as it is.
func uploaded(version string, b guest.Behaviour) []Step {
	return []Step{{Title: fmt.Sprintf("the image of firmware %s (%s) is uploaded as it is", version, b), Do: func(ctx context.Context, w *World) (string, error) {
		image, err := w.image(ctx, version, b)
		if err != nil {
			return "", err
		}
		defer os.Remove(image)
		f, err := os.Open(image)
		if err != nil {
			return "", fmt.Errorf("upload firmware %s: %w", version, err)
		}
		defer f.Close()
		info, err := f.Stat()
		if err != nil {
			return "", fmt.Errorf("upload firmware %s: %w", version, err)
		}
		name := version + "/firmware.ext4"
		return fmt.Sprintf("s3://%s/%s, %.1f MB", bucket, name, megabytes(info.Size())),
			w.store.Put(ctx, bucket, name, f, info.Size(), nil)
	}}}
}

// now are the flags of a job for one board that begins at once.
func now(board string, flags ...string) []string {
	return append([]string{"--target", "thing:" + board, "--start", "now", "--end", "none"}, flags...)
}

// created has abota-publish make a job. Its timeout is one for busy hosts.
func created(job, object string, flags ...string) []Step {
	group := awsiot.Group
	if slices.Contains(flags, "--target") {
		group = "-"
	}
	return createdBy(job, append([]string{object, bucket, awsiot.Profile, awsiot.OTARole, group, job}, flags...))
}

// createdForAbota makes one of abota's own kind, which names a release. The
// flags name the target.
func createdForAbota(job, version string, flags ...string) []Step {
	return createdBy(job, append([]string{"--abota", "s3://" + bucket + "/" + version, "--release", version, job}, flags...))
}

func createdBy(job string, words []string) []Step {
	words = append([]string{"create-ota"}, words...)
	return []Step{{Title: "abota-publish " + strings.Join(words, " "), Do: func(ctx context.Context, w *World) (string, error) {
		const patience = "60m"
		if _, err := w.publishes(ctx, append(words, "--timeout", patience)...); err != nil {
			return "", err
		}
		made, err := w.cloud.Service().DescribeJob(jobPrefix + job)
		if err != nil {
			return "", err
		}
		proof := fmt.Sprintf("job %s is %s", made.Job.JobID, made.Job.Status)
		if s := made.Job.SchedulingConfig; s != nil && s.StartTime != "" {
			proof += ", starts at " + s.StartTime + ", ends at " + s.EndTime
		}
		return proof, nil
	}}}
}

// hourPasses moves the clock of AWS IoT to where a job with create-ota's own
// schedule begins.
func hourPasses(job string) []Step {
	return []Step{{Title: "an hour passes at AWS IoT", Do: func(ctx context.Context, w *World) (string, error) {
		before, err := w.cloud.Service().DescribeJob(jobPrefix + job)
		if err != nil {
			return "", err
		}
		if before.Job.Status != "SCHEDULED" {
			return "", fmt.Errorf("job %s is %s before its time, not SCHEDULED", job, before.Job.Status)
		}
		// Starts are in whole minutes.
		w.cloud.Clock().Advance(time.Hour + time.Minute)
		return "job " + job + " was SCHEDULED, and is IN_PROGRESS", w.awaitJob(ctx, job, "IN_PROGRESS")
	}}}
}

// awaitJob waits for the status of a job.
func (w *World) awaitJob(ctx context.Context, job, status string) error {
	is := ""
	return wait(ctx, func() (bool, error) {
		got, err := w.cloud.Service().DescribeJob(jobPrefix + job)
		is = got.Job.Status
		return is == status, err
	}, func() string { return fmt.Sprintf("job %s is %s, not %s", job, is, status) })
}

// wait looks until there is something to see. The guest's serial console and
// its agent are no help here: the other side is AWS IoT.
func wait(ctx context.Context, look func() (bool, error), missing func() string) error {
	for {
		seen, err := look()
		if err != nil || seen {
			return err
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%w: %s", context.Cause(ctx), missing())
		case <-time.After(lookEvery):
		}
	}
}

// execution is how an execution of a job stands on the board. One that is not
// there yet is nil.
func (w *World) execution(job string, number int64) (*service.Execution, error) {
	got, err := w.cloud.Service().DescribeJobExecution(service.DescribeExecutionInput{ThingName: w.name, JobID: jobPrefix + job, ExecutionNumber: number})
	var refused *service.Error
	if errors.As(err, &refused) && refused.Type == "ResourceNotFoundException" {
		return nil, nil
	}
	return &got.Execution, err
}

// awaitExecution waits until an execution is as it should be. One that is over
// and is not will never be.
func (w *World) awaitExecution(ctx context.Context, job string, number int64, what string, is func(*service.Execution) bool) (e *service.Execution, err error) {
	err = wait(ctx, func() (bool, error) {
		if e, err = w.execution(job, number); err != nil || e == nil {
			return false, err
		}
		if is(e) {
			return true, nil
		}
		if e.Status != "QUEUED" && e.Status != "IN_PROGRESS" {
			return false, fmt.Errorf("execution %d of job %s is not %s but %s: %v", e.ExecutionNumber, job, what, e.Status, details(e))
		}
		return false, nil
	}, func() string {
		if e == nil {
			return fmt.Sprintf("job %s has no execution %d on thing %s", job, number, w.name)
		}
		return fmt.Sprintf("execution %d of job %s is not %s but %s: %v", e.ExecutionNumber, job, what, e.Status, details(e))
	})
	return e, err
}

func details(e *service.Execution) map[string]string {
	if e.StatusDetails == nil {
		return nil
	}
	return e.StatusDetails.DetailsMap
}

// takes waits until the agent has started a job.
func takes(job string) []Step {
	return []Step{{Title: "the agent takes job " + job, Do: func(ctx context.Context, w *World) (string, error) {
		if _, err := w.awaitTold(ctx, job, 1, "IN_PROGRESS", func(s statement) bool { return s.status == "IN_PROGRESS" }); err != nil {
			return "", err
		}
		e, err := w.awaitExecution(ctx, job, 1, "started", func(e *service.Execution) bool { return !e.StartedAt.IsZero() })
		if err != nil {
			return "", err
		}
		return fmt.Sprintf("QUEUED at %s, IN_PROGRESS at %s by AWS IoT's clock", clockOf(e.QueuedAt), clockOf(e.StartedAt)), nil
	}}}
}

// downloads waits until AWS IoT knows of that much of the file, in per cent.
func downloads(job string, percent int) []Step {
	return []Step{{Title: "it tells AWS IoT how far its download is", Do: func(ctx context.Context, w *World) (string, error) {
		s, err := w.awaitTold(ctx, job, 1, fmt.Sprintf("%d%% of the download", percent), func(s statement) bool {
			n, err := strconv.Atoi(strings.TrimSuffix(s.details["progress"], "%"))
			return s.status == "IN_PROGRESS" && err == nil && n >= percent
		})
		if err != nil {
			return "", err
		}
		return fmt.Sprintf("AWS IoT was told %s, %s, blocks %s", s.status, s.details["progress"], s.details["receive"]), nil
	}}}
}

func clockOf(t service.Timestamp) string { return t.UTC().Format(time.TimeOnly) }

// armed waits until the release is installed and the board restarts.
func armed(job, version, slot string) []Step {
	return []Step{{Title: fmt.Sprintf("release %s is proven and armed in slot %s, AWS IoT agrees, and the board restarts", version, slot), Do: func(ctx context.Context, w *World) (string, error) {
		s, err := w.awaitTold(ctx, job, 1, "self_test=ready", func(s statement) bool { return s.details["self_test"] == "ready" })
		if err != nil {
			return "", err
		}
		if s.details["slot"] != slot {
			return "", fmt.Errorf("the agent says that slot %q is armed, not %s", s.details["slot"], slot)
		}
		if _, err = w.awaitConsole(ctx, regexp.MustCompile(`reboot: Restarting system`)); err != nil {
			return "", err
		}
		w.boot = w.seen
		return fmt.Sprintf("AWS IoT was told %s, slot %s, self_test ready; the kernel says that it restarts", s.status, slot), nil
	}}}
}

// tried waits for a trial that nobody holds. What is on the console stays
// there, however soon the trial ends.
func tried(version, slot string) []Step {
	return []Step{{Title: fmt.Sprintf("version %s starts from slot %s through U-Boot, on trial", version, slot), Do: func(ctx context.Context, w *World) (string, error) {
		if _, err := w.awaitConsole(ctx, regexp.MustCompile(`^firmware: version `+regexp.QuoteMeta(version)+` starts`)); err != nil {
			return "", err
		}
		if err := w.awaitHello(ctx); err != nil {
			return "", err
		}
		action, why, err := w.decision(ctx)
		if err != nil {
			return "", err
		}
		if action != "trial" {
			return "", fmt.Errorf("abota boot decided %q (%s), not trial", action, why)
		}
		seen := triedWith(slot, 2)
		words, _ := w.loader.Says(seen)
		return "the boot script: " + words + "; abota boot: " + why, expected{loader: []loader.Seen{seen}}.loads(w.loader, w.loaderSaid(), status{})
	}}}
}

// kept waits for the trial's good end.
func kept(version, slot, other string) []Step {
	return []Step{{Title: fmt.Sprintf("release %s proves healthy and is kept", version), Do: func(ctx context.Context, w *World) (string, error) {
		if _, err := w.awaitConsole(ctx, regexp.MustCompile(`msg=committed slot=`+slot+` `)); err != nil {
			return "", err
		}
		return w.confirmed(ctx, version, slot, other)
	}}}
}

// stays checks that nothing has changed.
func stays(version, slot string) []Step {
	return []Step{{Title: "nothing was installed for it", Do: func(ctx context.Context, w *World) (string, error) {
		return w.confirmed(ctx, version, slot, "")
	}}}
}

// confirmed checks that a version runs and is what boots. The other slot is
// the one to fall to, where one is named.
func (w *World) confirmed(ctx context.Context, version, slot, other string) (string, error) {
	s, err := w.look(ctx)
	if err != nil {
		return "", err
	}
	if err := s.runs(slot, version); err != nil {
		return "", err
	}
	if s.Status.Phase != "committed" || s.Status.Primary != slot {
		return "", fmt.Errorf("abota status has phase %s and primary %s, not committed and %s", s.Status.Phase, s.Status.Primary, slot)
	}
	return describe(s.Status), expected{good: slot}.holds(s.Status)
}

// ends waits for the end of an execution.
func ends(job string, number int64, status, because string) []Step {
	return []Step{{Title: fmt.Sprintf("AWS IoT has execution %d of job %s as %s", number, job, status), Do: func(ctx context.Context, w *World) (string, error) {
		e, err := w.awaitExecution(ctx, job, number, status, func(e *service.Execution) bool { return e.Status == status })
		if err != nil {
			return "", err
		}
		reason := details(e)["reason"]
		if !strings.Contains(reason, because) {
			return "", fmt.Errorf("the reason is not %q but %q", because, reason)
		}
		return fmt.Sprintf("%s: %s\nwhat it was told: %s", status, reason, w.course(job, number)), nil
	}}}
}

// condemned checks that the board will not take the release again.
func condemned(because string) []Step {
	return []Step{{Title: "the release is condemned on this board", Do: func(ctx context.Context, w *World) (string, error) {
		s, err := w.look(ctx)
		if err != nil {
			return "", err
		}
		if len(s.Status.Condemned) != 1 || !strings.Contains(s.Status.Condemned[0].Reason, because) {
			return "", fmt.Errorf("abota status does not have one condemned release because of %q, but: %v", because, s.Status.Condemned)
		}
		return "abota status: condemned: " + s.Status.Condemned[0].Reason, nil
	}}}
}

// completes waits for the end of a job.
func completes(job string) []Step {
	return []Step{{Title: "job " + job + " is over", Do: func(ctx context.Context, w *World) (string, error) {
		return "AWS IoT: COMPLETED", w.awaitJob(ctx, job, "COMPLETED")
	}}}
}

// shows has abota-publish show a job. Each of these lines must be in there:
// words that are in one line, in their order.
func shows(job string, lines ...string) []Step {
	return []Step{{Title: "abota-publish ota show " + job, Do: func(ctx context.Context, w *World) (string, error) {
		got, err := w.publishes(ctx, "ota", "show", job)
		if err != nil {
			return "", err
		}
		for _, line := range lines {
			words := regexp.MustCompile(`(?m)^\s*` + strings.ReplaceAll(line, " ", `\b.*\b`) + `\b`)
			if !words.MatchString(got) {
				return "", fmt.Errorf("it does not show %q:\n%s", line, got)
			}
		}
		// Then comes the document, which says what the job's own line has said.
		about, _, _ := strings.Cut(got, "\ndocument")
		return about, nil
	}}}
}

// switchedOff takes a board out of the story.
func switchedOff() []Step {
	return []Step{{Title: "this board is switched off", Do: func(_ context.Context, w *World) (string, error) {
		w.board.PowerCut()
		return "off", nil
	}}}
}
