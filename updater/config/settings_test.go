package config

import (
	"reflect"
	"strings"
	"testing"
	"time"
)

func TestVariablesReachEveryKind(t *testing.T) {
	c, err := Load([]string{write(t, "c.yaml", "{}")}, []string{
		"ABOTA_SLOTS_A=/dev/early",
		"ABOTA_SLOTS_A_DEVICE=PARTLABEL=a",
		"ABOTA_SLOTS_B=PARTLABEL=b",
		"ABOTA_ACCESSKEY=AK:1#2", "ABOTA_SECRETKEY=SK", "ABOTA_BUCKET=x", "ABOTA_FILE_NAME=f",
		"ABOTA_HEALTH_DEADLINE=5m", "ABOTA_HEALTH_UPDATE_PATH=false", "ABOTA_HEALTH_UPDATE_PATH_DEADLINE=1m",
		"ABOTA_HEALTH_CHECKS=[{exec: [/bin/true]}]",
		"ABOTA_BOOTLOADER={kind: record, confirmed_tries: 0}",
		"ABOTA_CONFIG=/ignored", "ABOTA_BOOTED=A", "HOME=/root", "ABOTA=1", "ABOTA_HOOK=before_install", "ABOTA_REASON=",
	}, nil)
	if err != nil {
		t.Fatal(err)
	}
	want := defaults()
	want.AccessKey, want.SecretKey, want.Bucket, want.FileName = "AK:1#2", "SK", "x", "f"
	want.Slots = [2]Slot{{Device: "PARTLABEL=a"}, {Device: "PARTLABEL=b"}}
	want.Health.Deadline, want.Health.UpdatePath, want.Health.UpdatePathDeadline = 5*time.Minute, false, time.Minute
	want.Health.Checks = []Check{{Exec: []string{"/bin/true"}, Timeout: 10 * time.Second}}
	want.Bootloader.Kind, want.Bootloader.ConfirmedTries = KindRecord, 0
	want.files, want.seen = c.files, c.seen
	if !reflect.DeepEqual(*c, want) {
		t.Errorf("got  %#v\nwant %#v", *c, want)
	}
}

// A variable must mean one key only, although dots become underscores.
func TestEveryKeyHasItsOwnVariable(t *testing.T) {
	seen := map[string]string{}
	paths := allPaths(schema, "")
	if len(paths) < 20 {
		t.Fatalf("only %d keys: the schema was not walked", len(paths))
	}
	for _, path := range paths {
		name := strings.ToUpper(strings.ReplaceAll(path, ".", "_"))
		if other, twice := seen[name]; twice {
			t.Errorf("%s and %s are both ABOTA_%s", path, other, name)
		}
		seen[name] = path
		if _, _, at, ok := findVariable(root, reflect.ValueOf(&Config{}).Elem(), name, ""); !ok || at != path {
			t.Errorf("ABOTA_%s finds %q, want %s", name, at, path)
		}
	}
}

func TestSettingsOverrideInOrder(t *testing.T) {
	c := mustLoad(t, slotLines, "bucket=x", "bucket=y=z", "slots.b.device=/dev/y", "slots={a: /dev/x}",
		"bootloader.env=[{device: e, size: 4K}, {device: e, offset: 4M, size: 4K}]")
	if c.Bucket != "y=z" || !reflect.DeepEqual(c.Slots, [2]Slot{{Device: "/dev/x"}, {Device: "/dev/y"}}) || len(c.Bootloader.Env) != 2 {
		t.Errorf("got %+v", c)
	}
}

func TestEmptySettingClearsText(t *testing.T) {
	if c := mustLoad(t, slotLines+"endpoint: http://x\n", "endpoint="); c.Endpoint != "" {
		t.Errorf("endpoint is still %q", c.Endpoint)
	}
}

func TestSettingsThatAreRefused(t *testing.T) {
	for _, row := range []struct{ env, set, want string }{
		{env: "ABOTA_BUCKETT=x", want: "ABOTA_BUCKETT: unknown variable"},
		{env: "ABOTA_SLOTS_C=x", want: "ABOTA_SLOTS_C: unknown variable"},
		{env: "ABOTA_BUCKET_=x", want: "ABOTA_BUCKET_: unknown variable"},
		{env: "ABOTA_bucket=x", want: "ABOTA_bucket: unknown variable"},
		{env: "ABOTA_=x", want: "ABOTA_: unknown variable"},
		{env: "ABOTA_HEALTH_DEADLINE=5", want: "ABOTA_HEALTH_DEADLINE: health.deadline: \"5\" has no unit"},
		{env: "ABOTA_HEALTH_CHECKS=[", want: "ABOTA_HEALTH_CHECKS: is not valid YAML: "},
		{env: "ABOTA_HEALTH_CHECKS=", want: "ABOTA_HEALTH_CHECKS: health.checks: needs a list, not nothing"},
		{env: "ABOTA_SLOTS_B=/dev/a", want: "ABOTA_SLOTS_B: slots.b.device: is the same as slots.a.device"},
		{set: "bucket", want: "command line: bucket: has no value: write it as key=value"},
		{set: "secretkey:hush", want: "command line: secretkey: has no value: write it as key=value"},
		{set: "slots.c=x", want: "command line: slots.c: unknown slot: use a and b"},
		{set: "=x", want: "command line: unknown key"},
		{set: "bucket.name=x", want: "command line: bucket.name: unknown key: bucket has no keys of its own"},
		{set: "health.deadline=5", want: "command line: health.deadline: \"5\" has no unit"},
		{set: "health.checks=[{exek: [a]}]", want: "command line: health.checks[0].exek: unknown key"},
	} {
		var env, sets []string
		if row.env != "" {
			env = []string{row.env}
		}
		if row.set != "" {
			sets = []string{row.set}
		}
		_, err := Load([]string{write(t, "c.yaml", slotLines)}, env, sets)
		wantError(t, err, row.want)
	}
}
