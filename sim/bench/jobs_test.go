package bench

import (
	"bytes"
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
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"abota/sim/awsiot"
	"abota/sim/awsiot/service"
)

// streamSize is the size of the largest file that a stream of AWS IoT has.
const streamSize = 24_000_000

// BenchmarkJobMemory installs the largest file of a stream by a job of AWS IoT:
// by MQTT in both formats and with the smallest usual and the largest blocks,
// and by a link.
func BenchmarkJobMemory(b *testing.B) {
	w := newWorld(b)
	f := newFleet(b)
	rows := [][]string{{"by", "wall s", "CPU s", "peak MiB", fmt.Sprintf("budget %d MiB", budgetMiB)}}
	for i, way := range []struct{ name, format, block string }{
		{"stream, cbor, blocks of 4 KiB", "cbor", "4K"},
		{"stream, cbor, blocks of 32 KiB", "cbor", "32K"},
		{"stream, cbor, blocks of 128 KiB", "cbor", "128K"},
		{"stream, json, blocks of 32 KiB", "json", "32K"},
		{"stream, json, blocks of 90 KiB", "json", "90K"},
		{"link", "", "32K"},
	} {
		m := w.measureJob(b, f, fmt.Sprintf("AFR_OTA-%d", i), way.format, way.block)
		verdict := "within"
		if m.peak > budgetMiB<<20 {
			verdict = "OVER"
			b.Errorf("%s: peak %.1f MiB", way.name, mib(m.peak))
		}
		rows = append(rows, []string{way.name, seconds(m.wall), seconds(m.cpu), fmt.Sprintf("%.1f", mib(m.peak)), verdict})
	}
	print(b, fmt.Sprintf("peak resident memory of `abota run` with a job of %.0f MB", streamSize/1e6), rows)
}

// fleet is an AWS IoT with one device and one signed image.
type fleet struct {
	*awsiot.Cloud
	device awsiot.Device
	certs  string
	sig    []byte
	image  release
}

const imageName = "image.bin"

func newFleet(b *testing.B) *fleet {
	b.Helper()
	f := &fleet{Cloud: awsiot.ForTest(b, awsiot.Options{}), certs: b.TempDir()}
	var err error
	f.device, err = f.NewDevice("pump-17")
	must(b, err)
	f.image = release{size: streamSize, image: func() (io.ReadCloser, error) { return io.NopCloser(io.LimitReader(newMade(), streamSize)), nil }}
	r, err := f.image.image()
	must(b, err)
	content, err := io.ReadAll(r)
	must(b, err)
	must(b, f.Store().Put(b.Context(), awsiot.Bucket, imageName, bytes.NewReader(content), streamSize, nil))
	f.sign(b, content)
	file := 0
	_, err = f.Service().CreateStream(service.StreamInput{
		StreamID: "stream", RoleARN: role,
		Files: []service.StreamFile{{FileID: &file, S3Location: &service.S3Location{Bucket: awsiot.Bucket, Key: imageName}}},
	})
	must(b, err)
	return f
}

const role = "arn:aws:iam::" + awsiot.Account + ":role/ota"

// sign makes a certificate for the device, and the signature by its key.
func (f *fleet) sign(b *testing.B, content []byte) {
	b.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(b, err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "signer"}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageCodeSigning},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	must(b, err)
	must(b, os.WriteFile(filepath.Join(f.certs, "signer.pem"), pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600))
	sum := sha256.Sum256(content)
	f.sig, err = ecdsa.SignASN1(rand.Reader, key, sum[:])
	must(b, err)
}

// job queues a job for the device: by stream, or without a format by a link.
func (f *fleet) job(b *testing.B, id, format string) {
	b.Helper()
	file := map[string]any{"filepath": nil, "filesize": streamSize, "fileid": 0, "certfile": "signer", "update_data_url": nil, "auth_scheme": nil, "sig-sha256-ecdsa": f.sig}
	ota := map[string]any{"protocols": []string{"MQTT"}, "streamname": "stream", "files": []any{file}}
	in := service.CreateJobInput{JobID: id, Targets: []string{"arn:aws:iot:" + f.Endpoints().Region + ":" + awsiot.Account + ":thing/pump-17"}}
	if format == "" {
		ota["protocols"] = []string{"HTTP"}
		file["update_data_url"], file["auth_scheme"] = fmt.Sprintf("${aws:iot:s3-presigned-url:https://s3.%s.amazonaws.com/%s/%s}", f.Endpoints().Region, awsiot.Bucket, imageName), "aws.s3.presigned"
		in.PresignedURLConfig = &service.PresignedURLConfig{RoleARN: role}
	}
	document, err := json.Marshal(map[string]any{"afr_ota": ota})
	must(b, err)
	in.Document = string(document)
	_, err = f.Service().CreateJob(in)
	must(b, err)
}

// measureJob is one run of the agent, from its start until the release is
// armed and the agent was told to stop. The slot is compared.
func (w *world) measureJob(b *testing.B, f *fleet, id, format, block string) measured {
	b.Helper()
	must(b, fillSlot(w.slot(), streamSize))
	f.job(b, id, format)
	defer func() {
		_, err := f.Service().CancelJob(service.CancelJobInput{JobID: id, Force: true})
		must(b, err)
	}()
	cmd, armed := w.agent(b, f, format, block)
	var said bytes.Buffer
	cmd.Stdout, cmd.Stderr = &said, &said
	start := time.Now()
	must(b, cmd.Start())
	peak := watchPeak(cmd.Process.Pid)
	over := make(chan error, 1)
	go func() { over <- cmd.Wait() }()
	isThere := appears(armed, over)
	m := measured{wall: time.Since(start)}
	_ = cmd.Process.Signal(syscall.SIGTERM)
	if err := <-over; err != nil || !isThere {
		b.Fatalf("%s: %v\n%s", filepath.Base(cmd.Path), err, said.Bytes())
	}
	m.peak, m.cpu = <-peak, cmd.ProcessState.UserTime()+cmd.ProcessState.SystemTime()
	must(b, compare(w.slot(), f.image))
	return m
}

// patience is how long one install may take.
const patience = 5 * time.Minute

// appears waits for a file, and as long as the program has not ended.
func appears(file string, over chan error) bool {
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
		if _, err := os.Stat(file); err == nil {
			return true
		}
		if len(over) > 0 {
			return false
		}
	}
	return false
}

// agent is one run of the built binary, of a state that knows nothing. It makes
// the file when it would restart the device.
func (w *world) agent(b *testing.B, f *fleet, format, block string) (cmd *exec.Cmd, restarted string) {
	b.Helper()
	dir, e, keys := b.TempDir(), f.Endpoints(), f.Store().Keys()
	slotA := filepath.Join(dir, "slot-a")
	must(b, os.WriteFile(slotA, make([]byte, 4096), 0o600))
	config, restarted := filepath.Join(dir, "config.yaml"), filepath.Join(dir, "restarted")
	if format == "" {
		format = "cbor"
	}
	must(b, os.WriteFile(config, fmt.Appendf(nil, `mode: aws-iot
aws_iot: {endpoint: %q, thing: %s, ca_file: %s, cert: %s, key: %s, certificates: %s, format: %s, block_size: %s}
endpoint: %s
region: %s
bucket: %s
accesskey: %s
secretkey: %s
state_dir: %s
slots: {a: %s, b: %s}
hooks: {before_reboot: [touch, %s]}
`, e.MQTTS, f.device.Thing, f.device.CA, f.device.Certificate, f.device.Key, f.certs, format, block, e.S3, e.Region, e.Bucket, keys.AccessKey, keys.SecretKey,
		filepath.Join(dir, "state"), slotA, w.slot(), restarted), 0o600))
	cmd = exec.Command(w.binary, "--config", config, "--booted", "A", "run")
	cmd.Env = []string{"HOME=" + dir, "PATH=" + os.Getenv("PATH")}
	cmd.Dir = dir
	return cmd, restarted
}
