package config

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// withDevice loads a baked configuration beside a device's own.
func withDevice(t *testing.T, baked, own string, sets ...string) *Config {
	t.Helper()
	state := t.TempDir()
	if err := os.WriteFile(filepath.Join(state, DeviceFile), []byte(own), 0o600); err != nil {
		t.Fatal(err)
	}
	return mustLoad(t, slotLines+"state_dir: "+state+"\n"+baked, sets...)
}

func TestTheDeviceSaysWhoItIs(t *testing.T) {
	c := withDevice(t, "accesskey:AK\nsecretkey:SK\nsessiontoken:ST\nendpoint: http://baked:9000\ngroup: all\nregion: r\n",
		"accesskey:own\nsecretkey:hush\nendpoint: http://own:9000\ndevice_id: d-7\n")
	if c.AccessKey.Reveal() != "own" || c.SecretKey.Reveal() != "hush" || c.SessionToken != "" || c.Endpoint != "http://own:9000" ||
		c.DeviceID != "d-7" || c.Group != "all" || c.Region != "r" || len(c.Warnings) > 0 {
		t.Errorf("got %+v", *c)
	}
}

func TestTheCommandLineOutranksTheDevice(t *testing.T) {
	c := withDevice(t, "", "group: early\n", "group=late")
	if c.Group != "late" {
		t.Errorf("got %q", c.Group)
	}
}

// Whatever is wrong with the file, the device goes on as if it were not there.
func TestABrokenDeviceFileIsLeftOutAsAWhole(t *testing.T) {
	const others = "known here are accesskey, secretkey, sessiontoken, endpoint, device_id, group"
	for own, want := range map[string]string{
		"group: early\nslots: {a: /dev/x}\n":                             "device.yaml:2: slots: unknown key: " + others,
		"group: early\nhealth: {update_path: false}\n":                   "device.yaml:2: health: unknown key: " + others,
		"group: early\nkey_file: /tmp/k\n":                               "device.yaml:2: key_file: unknown key: " + others,
		"group: early\ntls: {ca_file: /tmp/k}\n":                         "device.yaml:2: tls: unknown key: ",
		"group: early\nendpoint: elsewhere\n":                            "device.yaml:2: endpoint: is not an http or https address",
		"group: early\naccesskey: own\n":                                 "device.yaml:2: accesskey: stands alone",
		"group: early\nsecretkey: hush\n":                                "device.yaml:2: secretkey: stands alone",
		"group: early\nsessiontoken: hush\n":                             "device.yaml:2: sessiontoken: stands alone",
		"group: early\n\t-\n":                                            "is not valid YAML",
		"group: early\n\x00":                                             "device.yaml: is not valid YAML",
		"group: \xff":                                                    "device.yaml:1: is not UTF-8 text",
		"group: early\ngroup: late\n":                                    "is set twice",
		"group: early\n" + strings.Repeat("# much\n", maxFile/7) + "x\n": "cannot be read: it is larger than 1024 KiB",
	} {
		c := withDevice(t, "group: baked\naccesskey:AK\nsecretkey:SK\n", own)
		text := strings.Join(c.Warnings, "\n")
		if !strings.Contains(text, "going on without ") || !strings.Contains(text, want) || strings.Contains(text, "hush") || strings.Contains(text, "\n") {
			t.Errorf("%.40q: warned %q, want %q", own, text, want)
		}
		if c.Group != "baked" || c.SecretKey.Reveal() != "SK" || c.Slots[0].Device != "/dev/a" {
			t.Errorf("%.40q: got %+v", own, *c)
		}
	}
}

func TestADeviceFileThatIsNoFileIsLeftOut(t *testing.T) {
	state := t.TempDir()
	if err := os.Mkdir(filepath.Join(state, DeviceFile), 0o700); err != nil {
		t.Fatal(err)
	}
	c := mustLoad(t, slotLines+"state_dir: "+state+"\n")
	if text := strings.Join(c.Warnings, "\n"); !strings.Contains(text, "is not a regular file") {
		t.Errorf("warned %q", text)
	}
}

func TestCredentialsOfTheDeviceThatOthersReadAreNotUsed(t *testing.T) {
	state := t.TempDir()
	path := filepath.Join(state, DeviceFile)
	if err := os.WriteFile(path, []byte("accesskey:own\nsecretkey:hush\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(path, 0o644); err != nil {
		t.Fatal(err)
	}
	c := mustLoad(t, slotLines+"state_dir: "+state+"\n")
	text := strings.Join(c.Warnings, "\n")
	if c.SecretKey != "" || !strings.Contains(text, "everybody on this device can read") || c.Private() != nil {
		t.Errorf("got %q, warned %q", c.SecretKey.Reveal(), text)
	}
}

func TestNoDeviceFileIsNoWarning(t *testing.T) {
	if c := mustLoad(t, slotLines+"state_dir: "+t.TempDir()+"\n"); len(c.Warnings) > 0 {
		t.Errorf("warned %q", c.Warnings)
	}
}
