package config

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func TestSecretInFileForEveryoneIsRefused(t *testing.T) {
	for content, key := range map[string]string{
		"accesskey:AKIA\nsecretkey:hush\n":        "config.yaml:3: secretkey",
		"sessiontoken: hush\n":                    "config.yaml:2: sessiontoken",
		"url: http://host/x?X-Amz-Signature=hush": "config.yaml:2: url",
		"proxy: http://user:hush@proxy:3128":      "config.yaml:2: proxy",
	} {
		path := write(t, "config.yaml", slotLines+content)
		load := func(mode os.FileMode) *Config {
			t.Helper()
			if err := os.Chmod(path, mode); err != nil {
				t.Fatal(err)
			}
			c, err := Load([]string{path}, nil, nil)
			if err != nil {
				t.Fatal(err)
			}
			return c
		}
		if c := load(0o640); c.Private() != nil || len(c.Warnings) > 0 {
			t.Errorf("mode 0640: %v, %q", c.Private(), c.Warnings)
		}
		// Who does not use the secret is told, and goes on.
		c := load(0o644)
		wantError(t, c.Private(), key+": cannot use it because everybody on this device can read "+path+": chmod 600 "+path)
		if text := strings.Join(c.Warnings, "\n"); !strings.Contains(text, key) || strings.Contains(text, "hush") {
			t.Errorf("warned %q", text)
		}
	}
}

func TestFileForEveryoneWithoutSecretsIsFine(t *testing.T) {
	path := write(t, "config.yaml", slotLines+"url: http://host/firmware.zip\nproxy: http://proxy:3128\n")
	if err := os.Chmod(path, 0o644); err != nil {
		t.Fatal(err)
	}
	c, err := Load([]string{path}, nil, []string{"secretkey=hush"})
	if err != nil {
		t.Fatal(err)
	}
	if len(c.Warnings) > 0 || c.Private() != nil {
		t.Error(c.Warnings, c.Private())
	}
}

func TestKeyOfTheDevicesCertificateForEveryoneIsRefused(t *testing.T) {
	path := filepath.Join(t.TempDir(), "device.key")
	if err := os.WriteFile(path, []byte("hush"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, of := range []string{"tls", "aws_iot"} {
		if err := os.Chmod(path, 0o600); err != nil {
			t.Fatal(err)
		}
		c := mustLoad(t, slotLines+of+": {cert: /c, key: "+path+"}\n")
		if err := c.Private(); err != nil {
			t.Error(err)
		}
		if err := os.Chmod(path, 0o604); err != nil {
			t.Fatal(err)
		}
		wantError(t, c.Private(), path+": "+of+".key: cannot use it because everybody on this device can read "+path+": chmod 600 "+path)
	}
}

const secretLines = `accesskey:AKIAhush
secretkey:hush/1
sessiontoken:hush+2
url: https://user:hush3@host/x?X-Amz-Signature=hush4&y=hush5-is-long
proxy: http://user:hush6@proxy:3128
url_command: [fresh, --token, hush7]
hooks: {after_commit: [tell, hush8]}
health: {checks: [{http: "http://u:hush9@host/?k=hush10"}, {http: "http://hush12@host/"}, {exec: [app, hush11]}]}
`

func TestPublicShowsNoSecret(t *testing.T) {
	c := mustLoad(t, slotLines+secretLines)
	p := c.Public()
	text, err := json.Marshal(p)
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(text), "hush") {
		t.Errorf("a secret got out: %s", text)
	}
	for _, want := range []string{`"fresh","(2 arguments)"`, `"tell","(1 arguments)"`, "http://u:xxxxx@host/?***", "/dev/a"} {
		if !strings.Contains(string(text), want) {
			t.Errorf("%s is not in %s", want, text)
		}
	}
	if c.Hooks.AfterCommit[1] != "hush8" || c.Health.Checks[0].HTTP == p.Health.Checks[0].HTTP {
		t.Error("the configuration itself was changed")
	}
}

// What was overridden is still a secret.
func TestSecretsThatWereOverriddenAreStillKnown(t *testing.T) {
	c := withDevice(t, "accesskey:baked-access\nsecretkey:baked-secret\n", "accesskey:own-access\nsecretkey:own-secret\n", "secretkey=last-secret")
	for _, want := range []string{"baked-access", "baked-secret", "own-access", "own-secret", "last-secret"} {
		if got := c.Secrets(); !slices.Contains(got, want) {
			t.Errorf("%q is not in %q", want, got)
		}
	}
	if text := fmt.Sprintf("%+v %#v", *c, *c); strings.Contains(text, "-secret") {
		t.Errorf("a secret got out: %s", text)
	}
}

func TestSecretsAreAllThatCanBeNamed(t *testing.T) {
	got := mustLoad(t, slotLines+secretLines).Secrets()
	for _, want := range []string{"AKIAhush", "hush/1", "hush+2", "hush3", "X-Amz-Signature=hush4&y=hush5-is-long", "hush5-is-long", "hush6", "hush9", "k=hush10", "hush12"} {
		if !slices.Contains(got, want) {
			t.Errorf("%q is not in %q", want, got)
		}
	}
	if slices.Contains(got, "") {
		t.Errorf("an empty text is in %q", got)
	}
}
