package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"text/template"

	"github.com/google/renameio/v2"

	"abota/sim"
	"abota/sim/awsiot"
	"abota/sim/store"
)

// upAWS runs an AWS IoT in a work folder of its own until it is interrupted.
func (c *command) upAWS(ctx context.Context) error {
	dir, err := c.awsFolder()
	if err != nil {
		return fmt.Errorf("make a work folder: %w", err)
	}
	err = c.serveAWS(ctx, dir)
	if c.keep {
		fmt.Fprintf(c.stderr, "The work folder is kept: %s\n", dir)
		return err
	}
	return errors.Join(err, os.RemoveAll(dir))
}

// awsFolder makes the folder that --dir names, or one of its own.
func (c *command) awsFolder() (string, error) {
	if c.dir == "" {
		return os.MkdirTemp("", "abota-aws-")
	}
	dir, err := filepath.Abs(c.dir)
	if err != nil {
		return "", err
	}
	return dir, os.Mkdir(dir, 0o700)
}

func (c *command) serveAWS(ctx context.Context, dir string) (err error) {
	out := c.stdout
	if c.json {
		out = c.stderr
	}
	timeline := sim.NewTimeline(out)
	if err := store.Fetch(ctx); err != nil { // which takes minutes once, and can be interrupted
		return err
	}
	timeline.Note("starting MinIO and an AWS IoT")
	opts := awsiot.Options{Dir: dir, Log: func(line string) { timeline.Note("%s", line) }}
	cloud, err := awsiot.Start(ctx, opts)
	if err != nil && ctx.Err() != nil { // interrupted before it was up, and all of it has ended
		return nil
	}
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, cloud.Close()) }()
	ready, err := cloud.Prepare(ctx)
	if err == nil {
		err = c.showAWS(awsMade{ready, filepath.Join(dir, "abota.yaml"), filepath.Join(dir, "env")})
	}
	if ctx.Err() != nil { // interrupted already
		return nil
	}
	if err != nil {
		return err
	}
	<-ctx.Done()
	return nil
}

// awsMade is what there is, with two files for people.
type awsMade struct {
	awsiot.Prepared
	// Config is a device's configuration but for its slots, and Env what a
	// shell needs: it is there once everything is.
	Config string `json:"config"`
	Env    string `json:"env"`
}

// showAWS prints what was started: one line for programs, or a page.
func (c *command) showAWS(p awsMade) error {
	for path, name := range map[string]string{p.Config: "config", p.Env: "env"} {
		var text bytes.Buffer
		if err := awsPage.ExecuteTemplate(&text, name, p); err != nil {
			return err
		}
		if err := renameio.WriteFile(path, text.Bytes(), 0o600); err != nil {
			return err
		}
	}
	show := func() error { return json.NewEncoder(c.stdout).Encode(p) }
	if !c.json {
		show = func() error { return awsPage.Execute(c.stdout, p) }
	}
	if err := show(); err != nil {
		return fmt.Errorf("cannot print the endpoints: %w", err)
	}
	return nil
}

// awsPage says how to reach everything, and what to do first.
var awsPage = template.Must(template.New("").Parse(`
{{- define "env" -}}
export AWS_ENDPOINT_URL={{.Control}} AWS_REGION={{.Region}} AWS_DEFAULT_REGION={{.Region}}
export AWS_ACCESS_KEY_ID={{.AccessKey}} AWS_SECRET_ACCESS_KEY={{.SecretKey}}
unset AWS_SESSION_TOKEN AWS_PROFILE
{{end -}}
{{- define "config" -}}
mode: aws-iot
endpoint: {{.S3}}  # links may lead here without TLS
aws_iot:
  endpoint: {{.MQTTS}}
  thing: {{.Device.Thing}}
  cert: {{.Device.Certificate}}
  key: {{.Device.Key}}
  ca_file: {{.CA}}
  certificates: {{.Certs}}
{{end}}
An AWS IoT is up. Ctrl-C ends it and removes all that is in it.

  control      {{.Control}}   iot, iot-jobs-data, iotdata, signer, sts, s3
  s3           {{.S3}}   region {{.Region}}   bucket {{.Bucket}}, which keeps versions
  keys         {{.AccessKey}} / {{.SecretKey}}
  mqtt         {{.MQTT}}   without TLS
  mqtts        {{.MQTTS}}   with a device certificate (with ALPN, as on port 443: {{.ALPN}})
  credentials  {{.Credentials}}/role-aliases/{{.RoleAlias}}/credentials
  data         {{.Data}}   jobs, shadows and topics over HTTPS with a device certificate
  authority    {{.CA}}
  signing      profile {{.Profile}}, whose certificate is
               {{.Certs}}/{{.CertName}}
  thing        {{.Device.Thing}} in group {{.Group}}, with
               {{.Device.Certificate}}
               {{.Device.Key}}

After this, every AWS client in a shell speaks to it:

  . {{.Env}}

Then this sends an object of the bucket to the group, as AWS's sample does in an hour's time, or
at once with --start now:

  abota-publish create-ota {{.Image}} {{.Bucket}} {{.Profile}} {{.Role}} {{.Group}} first

The service's time can be moved, for schedules, windows and timeouts; signatures go by the real one:

  curl -d advance=61m {{.Clock}}   and -d speed=60 for an hour in a minute

A device that is the thing has all but its slots in this configuration (--config may be repeated):

  {{.Config}}

`))
