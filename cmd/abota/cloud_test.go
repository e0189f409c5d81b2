package main

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"abota/sim/awsiot/broker"
	iot "abota/sim/awsiot/service"
	"abota/sim/front"
	"abota/sim/store"
)

// cloud is an AWS IoT for one test: the simulator's, with objects in memory.
type cloud struct {
	*iot.Service
	*broker.Broker
	t     *testing.T
	ca    *front.Authority
	clock *iot.VirtualClock
	// presign is what a placeholder for a pre-signed URL becomes.
	presign atomic.Pointer[func() string]

	mu      sync.Mutex
	objects map[string][]byte
	// read counts the bytes that streams gave out.
	read, made int
}

func newCloud(t *testing.T) *cloud {
	t.Helper()
	c := &cloud{t: t, objects: map[string][]byte{}, clock: iot.NewClock(time.Now(), 1)}
	from, until := time.Now().Add(-time.Hour), time.Now().Add(24*time.Hour)
	var err error
	c.ca, err = front.NewAuthority("fleet", from, until)
	must(t, err)
	server, _, _, err := c.ca.Issue(front.Leaf{Hosts: []string{"127.0.0.1", "localhost"}, NotBefore: from, NotAfter: until})
	must(t, err)
	cert, key := c.ca.Signer()
	c.Service, err = iot.New(iot.Config{
		Region: "eu-west-1", Account: "123456789012", Clock: c.clock, CA: cert, CAKey: key,
		Announce: func(a iot.Announcement) { c.Announce(a) },
		Presign: func(string, string, string, time.Duration) (string, error) {
			return (*c.presign.Load())(), nil
		},
	})
	must(t, err)
	c.Broker, err = broker.New(broker.Options{Model: c.Service, Objects: c, Certificate: server, Authority: c.ca.Pool(), Log: func(line string) { t.Log("broker: " + line) }})
	must(t, err)
	stop := make(chan struct{})
	var over sync.WaitGroup
	over.Go(func() {
		for tick := time.NewTicker(20 * time.Millisecond); ; {
			select {
			case <-stop:
				return
			case <-tick.C:
				c.Tick()
			}
		}
	})
	t.Cleanup(func() {
		close(stop)
		over.Wait()
		must(t, c.Close())
	})
	return c
}

// Stat and Read are the objects of streams.

func (c *cloud) Stat(_ context.Context, at iot.S3Location) (broker.Object, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	content, there := c.objects[at.Key]
	if !there {
		return broker.Object{}, store.ErrNotFound
	}
	return broker.Object{Size: int64(len(content)), ETag: "e"}, nil
}

func (c *cloud) Read(_ context.Context, at iot.S3Location, _ string, off int64, n int) ([]byte, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.read += n
	return c.objects[at.Key][off : off+int64(n)], nil
}

func (c *cloud) given() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.read
}

// stream makes a stream of one file.
func (c *cloud) stream(content []byte) (id string) {
	c.t.Helper()
	c.mu.Lock()
	c.made++
	id = fmt.Sprintf("AFR_OTA-stream-%d", c.made)
	c.objects[id] = content
	c.mu.Unlock()
	file := 0
	_, err := c.CreateStream(iot.StreamInput{
		StreamID: id, RoleARN: "arn:aws:iam::123456789012:role/ota",
		Files: []iot.StreamFile{{FileID: &file, S3Location: &iot.S3Location{Bucket: "fleet", Key: id, Version: "1"}}},
	})
	must(c.t, err)
	return id
}

// job makes a job for one thing.
func (c *cloud) job(id, thing, document string, change ...func(*iot.CreateJobInput)) {
	c.t.Helper()
	in := iot.CreateJobInput{JobID: id, Targets: []string{"arn:aws:iot:eu-west-1:123456789012:thing/" + thing}, Document: document, TargetSelection: "SNAPSHOT"}
	for _, f := range change {
		f(&in)
	}
	_, err := c.CreateJob(in)
	must(c.t, err)
}

// execution is how a job stands with a thing.
func (c *cloud) execution(thing, job string) iot.Execution {
	c.t.Helper()
	out, err := c.DescribeJobExecution(iot.DescribeExecutionInput{ThingName: thing, JobID: job})
	if err != nil {
		return iot.Execution{} // not rolled out yet
	}
	return out.Execution
}

// patience is how long a test waits for what must come.
const patience = 40 * time.Second

func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		if holds() {
			return
		}
	}
	t.Fatalf("in vain waited for %s", what)
}

// ends waits until an execution has this status, and returns its reason.
func (c *cloud) ends(thing, job, status string) string {
	c.t.Helper()
	var e iot.Execution
	eventually(c.t, job+" "+status, func() bool {
		e = c.execution(thing, job)
		if e.Status != status && e.Status != "QUEUED" && e.Status != "IN_PROGRESS" && e.Status != "" {
			c.t.Fatalf("job %s is %s (%+v), want %s", job, e.Status, e.StatusDetails, status)
		}
		return e.Status == status
	})
	return detail(e, "reason")
}

func detail(e iot.Execution, name string) string {
	if e.StatusDetails == nil {
		return ""
	}
	return e.StatusDetails.DetailsMap[name]
}

// signer is who signs releases.
type signer struct {
	key  *ecdsa.PrivateKey
	cert []byte
}

func newSigner(t *testing.T) signer {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(t, err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "signer"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageCodeSigning},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	must(t, err)
	return signer{key, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})}
}

// sign is a signature as AWS Signer makes it.
func (s signer) sign(t *testing.T, content []byte) []byte {
	t.Helper()
	sum := sha256.Sum256(content)
	sig, err := ecdsa.SignASN1(rand.Reader, s.key, sum[:])
	must(t, err)
	return sig
}

// document is that of the AWS sample, by stream or by address.
func (s signer) document(t *testing.T, content []byte, stream, address string) string {
	t.Helper()
	file := map[string]any{
		"filepath": nil, "filesize": len(content), "fileid": 0, "certfile": "signer",
		"update_data_url": nil, "auth_scheme": nil, "sig-sha256-ecdsa": s.sign(t, content),
	}
	ota := map[string]any{"protocols": []string{"MQTT"}, "streamname": stream, "files": []any{file}}
	if address != "" {
		ota["protocols"] = []string{"HTTP"}
		delete(ota, "streamname")
		file["update_data_url"], file["auth_scheme"] = address, "aws.s3.presigned"
	}
	text, err := json.Marshal(map[string]any{"afr_ota": ota})
	must(t, err)
	return string(text)
}

// image is a system that says what it is, of so many bytes.
func image(says string, size int) []byte {
	return []byte(says + strings.Repeat("\x00", size-len(says)))
}

// iotDevice is a device whose releases come as jobs. Its slots are files, and
// its reboots are the test's.
type iotDevice struct {
	t      *testing.T
	cloud  *cloud
	signer signer
	dir    string
	thing  string
	stop   func()
}

// slotSize is the size of its slots.
const slotSize = 256 << 10

func newIoTDevice(t *testing.T, c *cloud, more string) *iotDevice {
	t.Helper()
	d := &iotDevice{t: t, cloud: c, signer: newSigner(t), dir: t.TempDir(), thing: "pump-17", stop: func() {}}
	t.Cleanup(func() { d.stop() })
	_, err := c.CreateThing(iot.CreateThingInput{ThingName: d.thing})
	must(t, err)
	keys, err := c.CreateKeysAndCertificate(true)
	must(t, err)
	must(t, c.AttachThingPrincipal(d.thing, keys.CertificateARN))
	must(t, os.Mkdir(filepath.Join(d.dir, "certs"), 0o755))
	for name, content := range map[string]string{
		"a.img": string(image("factory", slotSize)), "b.img": string(make([]byte, slotSize)), "healthy": "",
		"ca.pem": string(c.ca.PEM()), "cert.pem": keys.CertificatePEM, "key.pem": keys.KeyPair.PrivateKey,
		"certs/signer.pem": string(d.signer.cert),
	} {
		d.write(name, content)
	}
	d.configure(more)
	return d
}

func (d *iotDevice) write(name, content string) {
	d.t.Helper()
	must(d.t, os.WriteFile(filepath.Join(d.dir, name), []byte(content), 0o600))
}

// configure writes the configuration, with these lines at its end.
func (d *iotDevice) configure(more string) {
	d.t.Helper()
	d.write("config.yaml", strings.ReplaceAll(fmt.Sprintf(`mode: aws-iot
aws_iot: {endpoint: %q, thing: %s, ca_file: DIR/ca.pem, cert: DIR/cert.pem, key: DIR/key.pem, certificates: DIR/certs, block_size: 8K}
slots: {a: DIR/a.img, b: DIR/b.img}
state_dir: DIR/state
timeout: {idle: 3s}
health: {deadline: 1s, stable_for: 1ms, update_path: false, checks: [{exec: [test, -e, DIR/healthy]}]}
hooks: {before_reboot: [touch, DIR/rebooted]}
`, d.cloud.AddrTLS(), d.thing)+more, "DIR", d.dir))
}

// command runs abota in a slot.
func (d *iotDevice) command(slot string, args ...string) (code int, stdout, stderr string) {
	var out, complaints strings.Builder
	code = run(d.t.Context(), append(d.on(slot), args...), nil, &out, &complaints)
	return code, out.String(), complaints.String()
}

// on are the options of a command on the system in a slot; folders know which
// one runs.
func (d *iotDevice) on(slot string) []string {
	options := []string{"--config", filepath.Join(d.dir, "config.yaml")}
	if slot != "" {
		options = append(options, "--booted", slot)
	}
	return options
}

// start is `abota run` on the system in a slot.
func (d *iotDevice) start(slot string) {
	d.t.Helper()
	must(d.t, os.RemoveAll(filepath.Join(d.dir, "rebooted")))
	ctx, cancel := context.WithCancel(context.Background())
	log, err := os.OpenFile(filepath.Join(d.dir, "log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	must(d.t, err)
	over := make(chan int, 1)
	go func() {
		over <- run(ctx, append(d.on(slot), "-v", "run"), nil, io.Discard, log)
	}()
	d.stop = func() {
		d.stop = func() {}
		cancel()
		if code := <-over; code != 0 {
			d.t.Errorf("the agent ended with exit code %d", code)
		}
		log.Close()
		if d.t.Failed() {
			text, _ := os.ReadFile(log.Name())
			d.t.Logf("the agent said:\n%s", text)
		}
	}
}

// rebooted waits for the reboot that the agent asks for, and ends the agent.
func (d *iotDevice) rebooted() {
	d.t.Helper()
	d.asksForReboot()
	d.stop()
}

// asksForReboot waits until the agent has asked for one, and leaves it be.
func (d *iotDevice) asksForReboot() {
	d.t.Helper()
	eventually(d.t, "the reboot", func() bool {
		_, err := os.Stat(filepath.Join(d.dir, "rebooted"))
		return err == nil
	})
}

// says is what a slot's image says.
func (d *iotDevice) says(slot string) string {
	d.t.Helper()
	content, err := os.ReadFile(filepath.Join(d.dir, slot+".img"))
	must(d.t, err)
	text, _, _ := strings.Cut(string(content), "\x00")
	return text
}

// log is what its agents said.
func (d *iotDevice) log() string {
	text, err := os.ReadFile(filepath.Join(d.dir, "log"))
	must(d.t, err)
	return string(text)
}

// state is what `abota status --json` says.
func (d *iotDevice) state(slot string) (s statusJSON) {
	d.t.Helper()
	code, out, complaint := d.command(slot, "--json", "status")
	if code != 0 {
		d.t.Fatalf("status ends with %d: %s", code, complaint)
	}
	must(d.t, json.Unmarshal([]byte(out), &s))
	return s
}
