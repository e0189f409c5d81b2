package config

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"reflect"
	"strings"
	"testing"
	"time"
)

func TestRefusals(t *testing.T) {
	const env1 = "bootloader: {env: [{device: /dev/e, offset: 0, size: 0x2000}, "
	for _, row := range []struct{ name, content, want string }{
		{"unknown slot", "\n\nslots:\n  a: /dev/a\n  b: /dev/b\n  c: /dev/c\n", "config.yaml:6: slots.c: unknown slot: use a and b"},
		{"unknown key", slotLines + "buckett: x\n", "config.yaml:2: buckett: unknown key: known here are accesskey, secretkey,"},
		{"key of a later release", slotLines + "manifest: {}\n", "config.yaml:2: manifest: unknown key"},
		{"unknown nested key", slotLines + "health:\n  deadlin: 2m\n", "config.yaml:3: health.deadlin: unknown key: known here are deadline, stable_for, update_path, update_path_deadline, checks"},
		{"unknown key in a list", slotLines + "health:\n  checks:\n    - exec: [a]\n    - exek: [b]\n", "config.yaml:5: health.checks[1].exek: unknown key: known here are exec, http, timeout"},
		{"unknown older line", "seecretkey:hush\n" + slotLines, "config.yaml:1: seecretkey: unknown key"},
		{"duplicate key", slotLines + "bucket: x\nbucket: y\n", "config.yaml:3: bucket: is set twice, first on line 2: keep one"},
		{"duplicate older line", slotLines + "bucket: x\nbucket:y\n", "config.yaml:3: bucket: is set twice, first on line 2"},
		{"duplicate slot", "slots:\n  a: /dev/a\n  a: /dev/b\n", "config.yaml:3: slots.a: is set twice, first on line 2"},
		{"list for a value", slotLines + "bucket: [x]\n", "config.yaml:2: bucket: needs one value, not a list"},
		{"mapping for a value", slotLines + "bucket: {x: y}\n", "config.yaml:2: bucket: needs one value, not keys and values"},
		{"value for a mapping", slotLines + "health: 2m\n", "config.yaml:2: health: needs keys and values, not one value"},
		{"nothing for a mapping", slotLines + "health:\n", "config.yaml:2: health: needs keys and values, not nothing"},
		{"block without the blank", "slots:{a: /dev/a}\n", "config.yaml:1: slots: needs keys and values, not one value: put a blank after the colon"},
		{"value for a list", slotLines + "health: {checks: yes}\n", "config.yaml:2: health.checks: needs a list, not one value"},
		{"value for a program", slotLines + "health: {checks: [{exec: /bin/true}]}\n", "health.checks[0].exec: needs a list of a program and its arguments, as [/usr/bin/app, --selftest]"},
		{"nothing for a value", slotLines + "bucket:\n", "config.yaml:2: bucket: has no value: give one, or leave the line out"},
		{"tagged value", slotLines + "bucket: !!binary eA==\n", "config.yaml:2: bucket: has a YAML tag"},
		{"list at the top", "- a\n", "config.yaml:1: needs keys and values, not a list"},
		{"text at the top", "hello\n", "config.yaml:1: needs keys and values, not one value"},
		{"bad YAML", slotLines + "region: x\n  bad: y\n", "config.yaml:3: is not valid YAML: "},
		{"two documents", slotLines + "---\nbucket: x\n", "config.yaml:2: holds a second document"},
		{"not UTF-8", slotLines + "bucket: \xff\xfe\n", "config.yaml:2: is not UTF-8 text"},
		{"empty slot", "slots:\n  a: /dev/a\n  b: \"\"\n", "config.yaml:3: slots.b.device: is empty: give PARTUUID=…"},
		{"same slots", "slots:\n  a: /dev/a\n  b: {device: /dev/a}\n", "config.yaml:3: slots.b.device: is the same as slots.a.device (/dev/a)"},
		{"slot by file system", "slots: {a: UUID=1, b: UUID=2}\n", "slots.a.device: cannot be found by UUID= because it names a file system"},
		{"slot by nothing", "slots: {a: PARTLABEL=, b: x}\n", "slots.a.device: \"PARTLABEL=\" names no partition"},
		{"unknown bootloader", slotLines + "bootloader: {kind: grub3}\n", "config.yaml:2: bootloader.kind: unknown bootloader \"grub3\": use uboot, grub, sdboot, efi, gpt, tryboot, record, symlink, or leave it out"},
		{"a slot in an eMMC boot partition", "slots: {a: /dev/mmcblk0boot0, b: /dev/mmcblk0boot1}\n", "slots.a.device: cannot be /dev/mmcblk0boot0 because the boot ROM starts the boot loader"},
		{"a slot on flash", "slots: {a: /dev/mtd4, b: /dev/mtd5}\n", "slots.a.device: cannot be /dev/mtd4 because flash is no block device"},
		{"a slot on UBI", "slots: {a: /dev/ubi0_0, b: /dev/ubi0_1}\n", "slots.a.device: cannot be /dev/ubi0_0 because flash is no block device"},
		{"three copies", slotLines + env1 + "{device: x, size: 1}, {device: y, size: 1}]}\n", "bootloader.env: lists 3:"},
		{"overlapping copies", slotLines + env1 + "{device: /dev/e, offset: 0x1fff, size: 0x2000}]}\n", "config.yaml:2: bootloader.env: has copies that overlap on /dev/e: put the second at offset 0x2000 or later"},
		{"copies of two sizes", slotLines + env1 + "{device: /dev/e, offset: 1M, size: 0x1000}]}\n", "bootloader.env: has copies of different size (8192 and 4096 bytes)"},
		{"copy without a device", slotLines + env1 + "{size: 0x2000}]}\n", "bootloader.env[1]: has no device"},
		{"copy without a size", slotLines + env1 + "{device: /dev/e, offset: 1M}]}\n", "bootloader.env[1]: has no size: give the bytes of one copy"},
		{"copy at the end of numbers", slotLines + env1 + "{device: /dev/e, offset: 0x7fffffffffffffff, size: 0x2000}]}\n", "bootloader.env[1]: ends beyond any device"},
		{"bad size", slotLines + env1 + "{device: /dev/e, offset: 4MB, size: 1}]}\n", "bootloader.env[1].offset: \"4MB\" is not a size: write bytes as 16384 or 0x4000, or 16K, 4M, 1G"},
		{"bad tries", slotLines + "bootloader: {confirmed_tries: -1}\n", "bootloader.confirmed_tries: \"-1\" is not a number from 0 to 255"},
		{"two sources", slotLines + "bucket: b\nurl_command: [x]\n", "config.yaml:3: url_command: stands beside bucket: a release comes from one of them"},
		{"no attempt", slotLines + "retry: {open: 0}\n", "retry.open: \"0\" is not a number from 1"},
		{"no wait", slotLines + "timeout: {idle: 0s}\n", "timeout.idle: \"0s\" is no time at all"},
		{"duration without unit", slotLines + "health: {deadline: 120}\n", "config.yaml:2: health.deadline: \"120\" has no unit: write 120s for seconds or 120m for minutes"},
		{"bad duration", slotLines + "health: {deadline: 2 minutes}\n", "health.deadline: \"2 minutes\" is not a duration: write it as 90s, 2m or 1m30s"},
		{"negative duration", slotLines + "health: {stable_for: -1s}\n", "health.stable_for: \"-1s\" is not a duration"},
		{"no time", slotLines + "health: {deadline: 0s}\n", "health.deadline: \"0s\" is no time at all"},
		{"half seconds", slotLines + "watchdog: {timeout: 1500ms}\n", "watchdog.timeout: \"1500ms\" is not a whole number of seconds"},
		{"bad boolean", slotLines + "health: {update_path: on}\n", "health.update_path: \"on\" is neither true nor false"},
		{"no checks", slotLines + "health: {update_path: false}\n", "config.yaml:2: health: no checks configured: every release would pass"},
		{"empty check", slotLines + "health: {checks: [{timeout: 1s}]}\n", "config.yaml:2: health.checks[0]: needs either exec or http"},
		{"double check", slotLines + "health: {checks: [{exec: [a], http: http://x}]}\n", "config.yaml:2: health.checks[0]: needs either exec or http"},
		{"bad check address", slotLines + "health: {checks: [{http: localhost/x}]}\n", "health.checks[0].http: is not an http or https address: write it as http://host:port"},
		{"bad endpoint", slotLines + "endpoint: 10.0.2.2:9000\n", "endpoint: is not an http or https address"},
		{"address as bucket", slotLines + "bucket: s3://x\n", "bucket: \"s3://x\" is not a bucket name"},
		{"address with a password as bucket", slotLines + "bucket: s3://a:hush@x\n", "config.yaml:2: bucket: is not a bucket name"},
		{"program without a name", slotLines + "hooks: {before_install: ['', x]}\n", "config.yaml:2: hooks.before_install: names no program"},
		{"absolute object", slotLines + "file_name: /firmware.zip\n", "file_name: \"/firmware.zip\" starts with a slash"},
		{"device and folder", "slots: {a: {device: /dev/a, dir: /a}, b: /dev/b}\n", "slots.a.dir: stands beside slots.a.device: a slot is either a device or a folder"},
		{"slots of two kinds", "slots: {a: /dev/a, b: {dir: /b}}\n", "slots.b.dir: and slots.a are of two kinds"},
		{"same folders", "slots: {a: {dir: /a}, b: {dir: /a/}}\n", "slots.b.dir: is the same as slots.a.dir (/a)"},
		{"relative folder", "slots: {a: {dir: a}}\n", "slots.a.dir: \"a\" is not an absolute path"},
		{"folders that the application restarts", "slots: {a: {dir: /a}, b: {dir: /b}}\nbootloader: {link: /c}\npoll: {reboot: application}\n", "poll.reboot: application is not for directory slots"},
		{"folders without a link", "slots: {a: {dir: /a}, b: {dir: /b}}\n", "slots.a.dir: needs bootloader.link beside it"},
		{"folders under U-Boot", "slots: {a: {dir: /a}, b: {dir: /b}}\nbootloader: {kind: uboot}\n", "bootloader.kind: uboot does not read directory slots: use symlink"},
		{"devices behind a link", slotLines + "bootloader: {kind: symlink, link: /c}\n", "bootloader.kind: symlink is for directory slots"},
		{"two sources", slotLines + "bucket: b\nurl: https://h/f\n", "config.yaml:3: url: stands beside bucket: a release comes from one of them"},
		{"certificate without key", slotLines + "tls: {cert: /c}\n", "tls.cert: has no tls.key beside it"},
		{"key without certificate", slotLines + "tls: {key: /k}\n", "tls.key: has no tls.cert beside it"},
		{"reboot policy", slotLines + "poll: {reboot: later}\n", "poll.reboot: \"later\" is no reboot policy: use now, window or application"},
		{"window without a list", slotLines + "poll: {window: always}\n", "poll.window: needs a list of times of the week"},
		{"hook without a list", slotLines + "hooks: {before_install: /bin/true}\n", "hooks.before_install: needs a list of a program and its arguments"},
		{"empty object", slotLines + "file_name: \"\"\n", "file_name: is empty: leave it out to get the default"},
		{"control character", slotLines + "key_file: \"a\\nb\"\n", "key_file: \"a\\nb\" holds a control character"},
		{"name over many lines", slotLines + "\"a\\nb\": x\n", "config.yaml:2: \"a\\nb\": unknown key"},
	} {
		t.Run(row.name, func(t *testing.T) {
			_, err := loadText(t, row.content)
			wantError(t, err, row.want)
		})
	}
}

func TestRefusalsNeverRepeatASecret(t *testing.T) {
	for _, content := range []string{
		"secretkey: [hush]",
		"secretkey: *hush",
		"secretkey: !hush x",
		"secretkey: &hush",
		"secretkey: \"hush\\nx\"",
		"endpoint: http://user:hush@host",
		"endpoint: http://host/?key=hush",
		"secretkey: hush: x",
		"url: ftp://host/?key=hush",
		"url: [https://host/?key=hush]",
		"proxy: user:hush@host",
	} {
		_, err := loadText(t, slotLines+content+"\n")
		wantError(t, err, "config.yaml")
		if err != nil && strings.Contains(err.Error(), "hush") {
			t.Errorf("%q: the error repeats the secret: %v", content, err)
		}
	}
}

func TestSizes(t *testing.T) {
	for in, want := range map[string]int64{
		"0": 0, "16384": 16384, "0x4000": 0x4000, "4M": 4 << 20, "4MiB": 4 << 20, "4 MiB": 4 << 20,
		"16K": 16 << 10, "16KiB": 16 << 10, "1G": 1 << 30, "9223372036854775807": 1<<63 - 1,
	} {
		if got, err := size(in); err != nil || got != want {
			t.Errorf("size(%q) = %d, %v, want %d", in, got, err, want)
		}
	}
	for _, in := range []string{"", "M", "0x", "-1", "+1", "1.5M", "4MB", "4m", "0b1", "1_000", "9223372036854775808", "8589934592G"} {
		if got, err := size(in); err == nil {
			t.Errorf("size(%q) = %d, want an error", in, got)
		}
	}
}

func TestValuesAreTakenAsWritten(t *testing.T) {
	c := mustLoad(t, slotLines+"region: no\nbucket: 0123\nkey_file: 1.10\nsessiontoken: 2024-01-01\nfile_name: true\n")
	if c.Region != "no" || c.Bucket != "0123" || c.KeyFile != "1.10" || c.SessionToken != "2024-01-01" || c.FileName != "true" {
		t.Errorf("got %#v %q", *c, c.SessionToken.Reveal())
	}
}

func TestAnchorsAreFollowed(t *testing.T) {
	c := mustLoad(t, "slots: {a: &dev /dev/a, b: /dev/b}\nwatchdog: {device: *dev}\nhealth: {checks: [&c {exec: [*dev]}, *c]}\n")
	want := Check{Exec: []string{"/dev/a"}, Timeout: 10 * time.Second}
	if c.Watchdog.Device != "/dev/a" || !reflect.DeepEqual(c.Health.Checks, []Check{want, want}) {
		t.Errorf("got %+v", c)
	}
}

func TestSecretIsNeverPrinted(t *testing.T) {
	c := mustLoad(t, slotLines+"accesskey:hush\nsecretkey:hush\nsessiontoken:hush\n")
	var log strings.Builder
	slog.New(slog.NewTextHandler(&log, nil)).Info("x", "c", c, "s", c.SecretKey, "any", *c)
	slog.New(slog.NewJSONHandler(&log, nil)).Info("x", "c", c, "s", c.SecretKey)
	asJSON, err := json.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	s := c.SecretKey
	out := log.String() + string(asJSON) + s.String() + s.GoString() +
		fmt.Sprint(c, *c, s) + fmt.Sprintf("%v %+v %#v %s %q %x %X %d %10s", c, *c, *c, s, s, s, s, s, s) + fmt.Sprintf("%v", map[Secret]Secret{s: s})
	if strings.Contains(out, "hush") || strings.Contains(out, "68757368") {
		t.Errorf("the secret got out: %s", out)
	}
	if s.Reveal() != "hush" {
		t.Errorf("Reveal gave %q", s.Reveal())
	}
}

func TestNeedSourceNamesWhatIsMissing(t *testing.T) {
	for _, row := range []struct{ content, want string }{
		{"region: r\n", "bucket: not set: the bucket that holds the release: add it to the configuration, or set ABOTA_BUCKET"},
		{"bucket: b\n", "region: not set: "},
		{"bucket: b\nregion: r\naccesskey: a\n", "secretkey: not set: the other half of accesskey"},
		{"bucket: b\nregion: r\nsecretkey: a\n", "accesskey: not set: the other half of secretkey"},
		{"bucket: b\nregion: r\n", ""},
		{"bucket: b\nendpoint: http://x\n", ""},
		{"bucket: b\nregion: r\naccesskey: a\nsecretkey: b\n", ""},
	} {
		err := mustLoad(t, slotLines+row.content).NeedSource()
		if row.want == "" {
			if err != nil {
				t.Errorf("%q: %v", row.content, err)
			}
			continue
		}
		wantError(t, err, row.want)
	}
}

func TestNeedSlotsNamesTheOneThatIsMissing(t *testing.T) {
	for content, want := range map[string]string{
		"bucket: x\n":            "config.yaml: slots.a.device: not set: name both slots, as ",
		"slots: {a: /dev/a}\n":   "config.yaml: slots.b.device: not set: name both slots, as ",
		"slots: {b: /dev/b}\n\n": "config.yaml: slots.a.device: not set: name both slots, as ",
	} {
		wantError(t, mustLoad(t, content).NeedSlots(), want)
	}
	if err := mustLoad(t, slotLines).NeedSlots(); err != nil {
		t.Error(err)
	}
}
