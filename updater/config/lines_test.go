package config

import (
	"strings"
	"testing"
)

// seedConfig is the older scripts' configuration as it was published: no
// slots, no final newline.
const seedConfig = "accesskey:XXXXXXXXXXXXXXXX\nsecretkey:XXXXXXXXXXXXXXXXXXXXXXXXXXXXXX\nregion:xx-west-x\nfile_name:xyz.zip"

func TestOlderConfigAloneWithSlotsFromElsewhere(t *testing.T) {
	for name, content := range map[string]string{
		"as published": seedConfig,
		"CRLF":         strings.ReplaceAll(seedConfig, "\n", "\r\n") + "\r\n",
		"BOM":          "\ufeff" + seedConfig,
		"blank lines":  "\n# mine\n\n" + strings.ReplaceAll(seedConfig, "\n", "  \t\n\n"),
		"marker":       "---\n" + seedConfig,
	} {
		t.Run(name, func(t *testing.T) {
			c := mustLoad(t, content, "slots.a=/dev/a", "slots.b=/dev/b", "bucket=x")
			if c.AccessKey != "XXXXXXXXXXXXXXXX" || c.SecretKey != "XXXXXXXXXXXXXXXXXXXXXXXXXXXXXX" || c.Region != "xx-west-x" || c.FileName != "xyz.zip" {
				t.Errorf("got %#v, keys %q %q", *c, c.AccessKey.Reveal(), c.SecretKey.Reveal())
			}
			if err := c.NeedSource(); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestOlderLinesMixWithBlocks(t *testing.T) {
	c := mustLoad(t, `accesskey:AKIA
slots:
  a: {device: /dev/a}
  b:
    device: /dev/b
secretkey:a:b#c=d/e+f"g\h'i #j
health:
  checks:
  - exec: [sh, -c, "a:b"]
  - exec:
    - |
      bucket:inside
file_name:*x
endpoint:http://10.0.2.2:9000
region: eu-west-1 # comment
`)
	if got, want := c.SecretKey.Reveal(), `a:b#c=d/e+f"g\h'i #j`; got != want {
		t.Errorf("secretkey is %q, want %q", got, want)
	}
	if c.Region != "eu-west-1" || c.Endpoint != "http://10.0.2.2:9000" || c.FileName != "*x" || c.Bucket != "" || c.Slots[1].Device != "/dev/b" {
		t.Errorf("got %+v", c)
	}
	if got := c.Health.Checks[1].Exec[0]; got != "bucket:inside\n" {
		t.Errorf("a text block was changed to %q", got)
	}
}

func TestOlderLineIsTakenVerbatim(t *testing.T) {
	for _, value := range []string{
		`a:b#c=d/e+f`, `"quoted"`, `'x'`, `it's`, `back\slash\n`, `#x`, `[x`, `{x}`, `&x`, `*x`, `!x`, `%x`, `@x`, "`x", `|`, `>`, `-`, `?`, `~`, `null`,
		`true`, `0x10`, `snö`, "line\u2028sep", `x: y`, `x #y`, `::`, `---`,
	} {
		c := mustLoad(t, slotLines+"key_file:"+value+" \t\r\nregion:r")
		if c.KeyFile != value || c.Region != "r" {
			t.Errorf("key_file:%s gave %q, region %q", value, c.KeyFile, c.Region)
		}
	}
}

func TestOlderLinesKeepLineNumbers(t *testing.T) {
	_, err := loadText(t, "accesskey:a\r\n\nsecretkey:\"b\nregion:c\nhealth:\n  nope: 1\n")
	wantError(t, err, "config.yaml:6: health.nope: unknown key")
}
