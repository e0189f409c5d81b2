package ota

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"abota/cmd/internal/cli"
)

// wantWrong wants one line that holds want, about how the command was used.
func wantWrong(t *testing.T, what string, err error, want string) {
	t.Helper()
	if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "\n") {
		t.Errorf("%s: %v, want %q in it", what, err, want)
		return
	}
	if !errors.As(err, new(*cli.UsageError)) {
		t.Errorf("%s: %v is no usage error", what, err)
	}
}

func many(n int, format string) (all []string) {
	for i := range n {
		all = append(all, fmt.Sprintf(format, i))
	}
	return all
}

func TestCheckSaysWhatTheServiceWouldRefuse(t *testing.T) {
	for _, row := range []struct {
		change func(r *Request)
		want   string
	}{
		{func(r *Request) { r.JobID = "" }, "id is empty"},
		{func(r *Request) { r.JobID = Prefix }, "id is empty"},
		{func(r *Request) { r.JobID = strings.Repeat("x", 57) }, "has 57 characters, and 56 are the most"},
		{func(r *Request) { r.JobID = Prefix + strings.Repeat("x", 57) }, "has 57 characters, and 56 are the most"},
		{func(r *Request) { r.JobID = "a b" }, "only have letters, digits, hyphens and underscores"},
		{func(r *Request) { r.Role = "a/b" }, "is no role's name"},
		{func(r *Request) { r.Role = "arn:aws:iam::1:role/x" }, "no ARN of a role"},
		{func(r *Request) { r.Role = "arn:aws:iam::123456789012:user/x" }, "no ARN of a role"},
		{func(r *Request) { r.Bucket = "Bkt" }, "no bucket's name"},
		{func(r *Request) { r.Profile = "my-profile" }, "letters, digits and underscores"},
		{func(r *Request) { r.Profile = "" }, "nothing signs"},
		{func(r *Request) { r.Group = "" }, "there is no target"},
		{func(r *Request) { r.Group = "a group" }, "letters, digits, colons, hyphens and underscores"},
		{func(r *Request) { r.Targets = []string{"group:MyGroup"} }, "given twice"},
		{func(r *Request) { r.Targets = []string{"thing:"} }, "1 to 128"},
		{func(r *Request) { r.Targets = []string{"arn:aws:iot:us-east-1:123456789012:job/x"} }, "no ARN of a thing or group"},
		{func(r *Request) { r.Targets = many(100, "thing:t%d") }, "there are 101 targets, and a job takes 100"},
		{func(r *Request) { r.Timeout = 10081 * time.Minute }, "not 1 to 10080 minutes"},
		{func(r *Request) { r.Timeout = -time.Minute }, "not 1 to 10080 minutes"},
		{func(r *Request) { r.Expiry = 59 * time.Second }, "60 to 3600 seconds"},
		{func(r *Request) { r.Expiry = 3601 * time.Second }, "60 to 3600 seconds"},
		{func(r *Request) { r.SigningTimeout = 0 }, "no time to sign"},
		{func(r *Request) { r.Retries = []Retry{{"FAILED", 11}} }, "not 0 to 10"},
		{func(r *Request) { r.Retries = []Retry{{"FAILED", -1}} }, "not 0 to 10"},
		{func(r *Request) { r.Retries = []Retry{{"FAILED", 6}, {"TIMED_OUT", 5}} }, "11 retries are more than a device gets, which is 10"},
		{func(r *Request) { r.Retries = []Retry{{"FAILED", 1}, {"FAILED", 1}} }, "given twice"},
		{func(r *Request) { r.Retries = []Retry{{"FAILED", 1}, {"ALL", 1}} }, "give ALL alone"},
		{func(r *Request) { r.Timeout, r.Retries = 0, []Retry{{"TIMED_OUT", 1}} }, "need a timeout"},
		{func(r *Request) { r.Timeout, r.Retries = 0, []Retry{{"ALL", 1}} }, "need a timeout"},
		{func(r *Request) { r.Description = strings.Repeat("x", 2029) }, "2029 characters, and 2028 are the most"},
		{func(r *Request) { r.Description = "two\nlines" }, "cannot be printed"},
		{func(r *Request) { r.Tags = make([]Tag, 51) }, "51 tags"},
		{func(r *Request) { r.Tags = []Tag{{"a", "1"}, {"a", "2"}} }, "given twice"},
		{func(r *Request) { r.Tags = []Tag{{"aws:a", "1"}} }, "reserved"},
		{func(r *Request) { r.Tags = []Tag{{strings.Repeat("x", 129), ""}} }, "too long"},
		{func(r *Request) { r.Tags = []Tag{{"a", "<"}} }, "may only have"},
		{func(r *Request) { r.Packages = many(26, "p%d/1") }, "26 packages, and a job takes 25"},
		{func(r *Request) { r.Packages = []string{"p"} }, "write NAME/VERSION"},
		{func(r *Request) { r.Packages = []string{"p/"} }, "package's version"},
		{func(r *Request) { r.Packages = []string{"p q/1"} }, "package's name"},
		{func(r *Request) { r.Packages = []string{"p/1", "p/2"} }, "given twice"},
		{func(r *Request) { r.Packages = []string{"p/$null"} }, "the firmware's own"},
		{func(r *Request) { r.Packages = []string{"arn:aws:iot:us-east-1:123456789012:package/p"} }, "no ARN of a package's version"},
		{func(r *Request) { r.Rollout.Max = 1001 }, "not 1 to 1000"},
		{func(r *Request) { r.Rollout.Base = 5 }, "an exponential rollout needs"},
		{func(r *Request) { r.Rollout = Rollout{0, 5, 2, 10, 10} }, "exclude each other"},
		{func(r *Request) { r.Rollout = Rollout{4, 5, 2, 10, 0} }, "more than --max-per-minute 4"},
		{func(r *Request) { r.Rollout = Rollout{0, 1001, 2, 10, 0} }, "not 1 to 1000 devices"},
		{func(r *Request) { r.Rollout = Rollout{0, 5, 1, 10, 0} }, "not 1.1 to 5"},
		{func(r *Request) { r.Rollout = Rollout{0, 5, 5.1, 10, 0} }, "not 1.1 to 5"},
		{func(r *Request) { r.Rollout = Rollout{0, 5, 1.25, 10, 0} }, "more than one decimal"},
		{func(r *Request) { r.Rollout = Rollout{0, 5, 2, -1, 0} }, "1 is the least"},
		{func(r *Request) { r.Abort = []Abort{{"FAILED", 0, 1}} }, "more than 0, and 100 at most"},
		{func(r *Request) { r.Abort = []Abort{{"FAILED", 100.01, 1}} }, "more than 0, and 100 at most"},
		{func(r *Request) { r.Abort = []Abort{{"FAILED", 0.125, 1}} }, "more than two decimals"},
		{func(r *Request) { r.Abort = []Abort{{"FAILED", 5, 0}} }, "1 is the least"},
		{func(r *Request) { r.SignKey = "key.pem" }, "needs --certname"},
		{func(r *Request) { r.SignKey, r.CertName, r.SignedObject = "key.pem", "c", "o" }, "exclude each other"},
		{func(r *Request) { r.SignedObject, r.Profile = "o", "" }, "needs --certname"},
		{func(r *Request) { r.SignedObject, r.Binary, r.Protocols = "o", "", Protocols{HTTP: true} }, "needs BINARY"},
		{func(r *Request) { r.Stream, r.Protocols = "s", Protocols{HTTP: true} }, "needs MQTT"},
		{func(r *Request) { r.Stream = "a/b" }, "the stream"},
		{func(r *Request) { r.Stream, r.StreamFile = "s", 256 }, "not 0 to 255"},
		{func(r *Request) { r.Protocols = Protocols{} }, "no protocol"},
		{func(r *Request) { r.Release = "1" }, "go with --abota"},
		{func(r *Request) { r.Source = "file:///x" }, "--abota takes s3://BUCKET/PREFIX"},
		{func(r *Request) { r.Source = "https://u:p@h/x" }, "leave it out"},
		{func(r *Request) { r.Source = "s3://B" }, "no bucket's name"},
		{func(r *Request) { r.Source = "s3://bkt/p?x" }, "more than a bucket"},
		{func(r *Request) { r.Source, r.Checksum = "s3://bkt/p", "12" }, "32 hexadecimal digits"},
		{func(r *Request) { r.Source, r.Protocols.HTTP = "s3://bkt/p", true }, "by its own format"},
	} {
		r := sampleRequest(t)
		row.change(r)
		_, err := r.Check(testTime)
		wantWrong(t, row.want, err, row.want)
	}
}

func TestCheckTakesWhatIsJustAllowed(t *testing.T) {
	for i, change := range []func(r *Request){
		func(*Request) {},
		func(r *Request) { r.JobID = strings.Repeat("x", 56) },
		func(r *Request) { r.JobID = Prefix + "x" },
		func(r *Request) { r.Role = "arn:aws-cn:iam::123456789012:role/path/to/Role" },
		func(r *Request) { r.Group, r.Targets = "", many(100, "t%d") },
		func(r *Request) { r.Timeout = 10080 * time.Minute },
		func(r *Request) { r.Timeout = 0 },
		func(r *Request) { r.Expiry = time.Minute },
		func(r *Request) { r.Retries = []Retry{{"FAILED", 5}, {"TIMED_OUT", 5}} },
		func(r *Request) { r.Retries, r.Timeout = []Retry{{"FAILED", 10}}, 0 },
		func(r *Request) { r.Description = strings.Repeat("ü", 2028) },
		func(r *Request) { r.Packages = append(many(24, "p%d/1"), "q/$null") },
		func(r *Request) { r.Packages = []string{"p/$default"} },
		func(r *Request) { r.Rollout = Rollout{5, 5, 1.1, 1, 0} },
		func(r *Request) { r.Rollout = Rollout{0, 1000, 5, 0, 1} },
		func(r *Request) { r.Abort = []Abort{{"FAILED", 0.01, 1}, {"ALL", 100, 1}} },
		func(r *Request) { r.Source = "https://h/firmware.zip?sig=a" },
		func(r *Request) { r.SignKey, r.CertName = "key.pem", "c" },
	} {
		r := sampleRequest(t)
		change(r)
		if warnings, err := r.Check(testTime); err != nil || len(warnings) > 0 && r.SignKey == "" {
			t.Errorf("row %d: %q, %v", i, warnings, err)
		}
	}
}

func TestSchedules(t *testing.T) {
	w := func(text string) []Window {
		out, err := ParseWindow(text)
		if err != nil {
			t.Fatal(err)
		}
		return []Window{out}
	}
	at := testTime.Add(40 * time.Second)
	for _, row := range []struct {
		s          ScheduleRequest
		continuous bool
		start, end string
		behavior   string
		wrong      string
	}{
		{s: ScheduleRequest{}, start: "2026-11-22T00:38", end: "2026-11-22T01:38", behavior: "CANCEL"},
		{s: ScheduleRequest{Start: now}},
		{s: ScheduleRequest{Start: now, End: "+30m"}, end: "2026-11-22T00:08", behavior: "CANCEL"},
		{s: ScheduleRequest{Start: "+30m", End: none}, start: "2026-11-22T00:08"},
		{s: ScheduleRequest{Start: "+30m"}, start: "2026-11-22T00:08", end: "2026-11-22T01:08", behavior: "CANCEL"},
		{s: ScheduleRequest{Start: "2026-11-22T10:00-05:00", End: "2026-11-22T15:30Z", EndBehavior: "FORCE_CANCEL"}, start: "2026-11-22T15:00", end: "2026-11-22T15:30", behavior: "FORCE_CANCEL"},
		{continuous: true, start: "2026-11-22T00:38"},
		{s: ScheduleRequest{Windows: w("cron(0 2 * * ? *) 60")}, continuous: true},
		{s: ScheduleRequest{Windows: w("cron(0 2 * * ? *) 60"), Start: "+1h", End: "+48h"}, continuous: true, start: "2026-11-22T00:38", end: "2026-11-23T23:38", behavior: "CANCEL"},

		{s: ScheduleRequest{Start: "+29m"}, wrong: "start 2026-11-22T00:07 UTC is less than 30 minutes ahead"},
		{s: ScheduleRequest{Start: "2026-11-22T00:07"}, wrong: "less than 30 minutes ahead"},
		{s: ScheduleRequest{Start: "2027-11-22T00:07"}, wrong: "more than a year"},
		{s: ScheduleRequest{End: "2028-11-22T00:07"}, wrong: "more than two years"},
		{s: ScheduleRequest{Start: now, End: "+20m"}, wrong: "end 2026-11-21T23:58 UTC is less than 30 minutes ahead"},
		{s: ScheduleRequest{Start: "+2h", End: "+149m"}, wrong: "less than 30 minutes after the start"},
		{s: ScheduleRequest{Start: "+2h", End: "+1h"}, wrong: "less than 30 minutes after the start"},
		{s: ScheduleRequest{Start: now, End: now}, wrong: "would end the job before it begins"},
		{s: ScheduleRequest{Start: now, EndBehavior: "CANCEL"}, wrong: "needs an --end"},
		{s: ScheduleRequest{EndBehavior: "STOP"}, wrong: "not one of STOP_ROLLOUT"},
		{s: ScheduleRequest{Start: "tomorrow"}, wrong: "--start \"tomorrow\" is no time"},
		{s: ScheduleRequest{Start: "2026-11-22T10:00:30Z"}, wrong: "has seconds"},
		{s: ScheduleRequest{End: "+x"}, wrong: "--end \"+x\" is no duration"},
		{s: ScheduleRequest{Windows: w("cron(0 2 * * ? *) 60")}, wrong: "continuous jobs only"},
		{s: ScheduleRequest{Windows: w("cron(0 2 * * ? 2020) 60")}, continuous: true, wrong: "never opens"},
		{s: ScheduleRequest{Windows: w("cron(0 2 * * ? *) 60"), End: "+2h"}, continuous: true, wrong: "never opens"},
		{s: ScheduleRequest{Windows: w("cron(0 2 30 2 ? *) 60")}, continuous: true, wrong: "never opens"},
		{s: ScheduleRequest{Windows: w("cron(0 * * * ? *) 61")}, continuous: true, wrong: "windows overlap"},
		{s: ScheduleRequest{Windows: append(w("cron(0 2 * * ? *) 60"), w("cron(59 2 ? * 1 *) 60")...)}, continuous: true, wrong: "windows overlap"},
	} {
		got, err := row.s.resolve(at, row.continuous)
		if row.wrong != "" {
			wantWrong(t, fmt.Sprint(row.s), err, row.wrong)
			continue
		}
		text := func(at time.Time) string {
			if at.IsZero() {
				return ""
			}
			return at.Format(scheduleFormat)
		}
		if err != nil || text(got.start) != row.start || text(got.end) != row.end || got.behavior != row.behavior {
			t.Errorf("%+v: %q to %q, %q, %v", row.s, text(got.start), text(got.end), got.behavior, err)
		}
	}
}

func TestCronAsTheServiceHasIt(t *testing.T) {
	const form = "2006-01-02T15:04"
	for _, row := range []struct{ text, from, next string }{
		{"cron(0 10 * * ? *)", "2026-11-21T10:00", "2026-11-21T10:00"},
		{"cron(0 10 * * ? *)", "2026-11-21T10:01", "2026-11-22T10:00"},
		{"cron(0 18 ? * MON-FRI *)", "2026-11-20T18:01", "2026-11-23T18:00"}, // a Friday
		{"cron(0 18 ? * 2-6 *)", "2026-11-20T18:01", "2026-11-23T18:00"},
		{"cron(0 8 1 * ? *)", "2026-11-21T00:00", "2026-12-01T08:00"},
		{"cron(15 8 ? * 1 *)", "2026-11-21T00:00", "2026-11-22T08:15"},
		{"cron(15 8 ? * SAT,sun *)", "2026-11-23T00:00", "2026-11-28T08:15"},
		{"cron(0/20 8-9 * * ? *)", "2026-11-21T08:41", "2026-11-21T09:00"},
		{"cron(10/20 * * * ? *)", "2026-11-21T08:11", "2026-11-21T08:30"},
		{"cron(*/25 * * * ? *)", "2026-11-21T08:26", "2026-11-21T08:50"},
		{"cron(0 0 L * ? *)", "2028-02-01T00:00", "2028-02-29T00:00"},
		{"cron(0 0 29 2 ? *)", "2026-11-21T00:00", "2028-02-29T00:00"},
		{"cron(0 0 31 * ? *)", "2026-11-01T00:00", "2026-12-31T00:00"},
		{"cron(0 0 15W * ? *)", "2026-11-01T00:00", "2026-11-16T00:00"}, // the 15th is a Sunday
		{"cron(0 0 ? * 6L *)", "2026-11-01T00:00", "2026-11-27T00:00"},
		{"cron(0 0 ? * L *)", "2026-11-01T00:00", "2026-11-07T00:00"},
		{"cron(0 0 ? * 3#2 *)", "2026-11-01T00:00", "2026-11-10T00:00"},
		{"cron(0 0 ? JAN,JUL MON#1 2027-2030)", "2026-11-01T00:00", "2027-01-04T00:00"},
	} {
		c, err := parseCron(row.text)
		if err != nil {
			t.Errorf("%s: %v", row.text, err)
			continue
		}
		from, _ := time.Parse(form, row.from)
		if next, ok := c.after(from); !ok || next.Format(form) != row.next {
			t.Errorf("%s after %s is %s, want %s (%s)", row.text, row.from, next.Format(form), row.next, c.gron)
		}
	}
	for _, text := range []string{
		"0 10 * * ? *", "cron(0 10 * * ?)", "cron(0 10 * * ? * *)", "cron(0 10 * * * *)", "cron(0 10 ? * ? *)", "cron(60 10 * * ? *)",
		"cron(0 24 * * ? *)", "cron(0 0 0 * ? *)", "cron(0 0 32 * ? *)", "cron(0 0 1 13 ? *)", "cron(0 0 ? * 0 *)", "cron(0 0 ? * 8 *)",
		"cron(0 0 ? * MON#6 *)", "cron(0 0 LW * ? *)", "cron(0 0 1,L * ? *)", "cron(0 0 1,15W * ? *)", "cron(0 0 ? * 2,3#1 *)", "cron(? 0 1 * ? *)", "cron(L 0 1 * ? *)", "cron(0 0 ? * 2W *)", "cron(0 0 3#2 * ? *)",
		"cron(5-2 0 1 * ? *)", "cron(0/0 0 1 * ? *)", "cron(, 0 1 * ? *)", "cron(+5 0 1 * ? *)", "cron(0 0 1 * ? 1969)", "cron(0 0 1 * ? 2200)",
		"cron(0 0 1 FOO ? *)", "cron(-1 0 1 * ? *)", "cron(1- 0 1 * ? *)", "@daily", "rate(1 day)", "cron()",
	} {
		if c, err := parseCron(text); err == nil {
			t.Errorf("%q is taken: %q", text, c.gron)
		}
	}
}

func TestTextsOfFlags(t *testing.T) {
	retry := func(s string) error { _, err := ParseRetry(s); return err }
	abort := func(s string) error { _, err := ParseAbort(s); return err }
	window := func(s string) error { _, err := ParseWindow(s); return err }
	minutes := func(s string) error { _, err := ParseMinutes(s); return err }
	for _, row := range []struct {
		parse     func(string) error
		good, bad []string
	}{
		{retry, []string{"FAILED=3", "ALL=0", "TIMED_OUT=10"}, []string{"", "FAILED", "REJECTED=1", "FAILED=x", "failed=1"}},
		{abort, []string{"FAILED:20:5", "ALL:0.5%:1"}, []string{"", "FAILED:20", "X:20:5", "FAILED:x:5", "FAILED:NaN:5", "FAILED:20:x"}},
		{window, []string{"cron(0 2 ? * SAT *) 2h", "cron(0 2 ? * SAT *),1", "cron(0 2 ? * SAT *)/1430"}, []string{"", "cron(0 2 ? * SAT *)", "cron(0 2 ? * SAT *) 0", "cron(0 2 ? * SAT *) 1431", "cron(0 2 ? * SAT *) 90s", "cron(0 2 ? * SAT *) x"}},
		{minutes, []string{"90", "1h30m"}, []string{"", "90s", "x", "1d"}},
	} {
		for _, text := range row.good {
			if err := row.parse(text); err != nil {
				t.Errorf("%q: %v", text, err)
			}
		}
		for _, text := range row.bad {
			if row.parse(text) == nil {
				t.Errorf("%q is taken", text)
			}
		}
	}
}

func TestSizes(t *testing.T) {
	for _, row := range []struct {
		size   int64
		change func(r *Request)
		code   int
		want   string // in the error or the warning
	}{
		{1 << 20, func(*Request) {}, cli.ExitDone, ""},
		{0, func(*Request) {}, cli.ExitUsage, "is empty"},
		{24<<20 + 1, func(*Request) {}, cli.ExitRefused, "use --protocol http"},
		{24<<20 + 1, func(r *Request) { r.Protocols.HTTP = true }, cli.ExitRefused, "instead of both"},
		{24<<20 + 1, func(r *Request) { r.Protocols, r.Timeout = Protocols{HTTP: true}, 0 }, cli.ExitDone, ""},
		{5<<30 + 1, func(r *Request) { r.Protocols = Protocols{HTTP: true} }, cli.ExitRefused, "--sign-key"},
		{5<<30 + 1, func(r *Request) {
			r.Protocols, r.SignKey, r.Timeout = Protocols{HTTP: true}, "k", 0
		}, cli.ExitDone, ""},
		// 24 MB take 48 s, and 7m30s until it is healthy.
		{24 << 20, func(r *Request) { r.Timeout = 8 * time.Minute }, cli.ExitDone, "--timeout 9 would do"},
		{24 << 20, func(r *Request) { r.Timeout = 9 * time.Minute }, cli.ExitDone, ""},
	} {
		r := sampleRequest(t)
		row.change(r)
		warnings, err := r.checkSize(row.size)
		code, text := cli.ExitDone, strings.Join(warnings, " ")
		if e := (*Error)(nil); errors.As(err, &e) {
			code, text = e.Code, e.Error()
		}
		if code != row.code || !strings.Contains(text, row.want) || row.want == "" && text != "" {
			t.Errorf("%d bytes: exit code %d, %q, want %q", row.size, code, text, row.want)
		}
	}
}

func TestArgumentsThatFlagsMakeNeedless(t *testing.T) {
	six := []string{"fw.bin", "bkt", "MyProfile", "MyRole", "MyGroup", "Job1"}
	for _, row := range []struct {
		change func(r *Request)
		words  []string
		want   string // binary bucket profile role group job, or the error
	}{
		{func(*Request) {}, six, "fw.bin bkt MyProfile MyRole MyGroup Job1"},
		{func(*Request) {}, six[:5], "it takes, with these flags, BINARY BUCKET SIGNING_PROFILE OTA_ROLE THING_GROUP JOB_ID"},
		{func(*Request) {}, []string{"fw.bin", "bkt", "-", "MyRole", "MyGroup", "Job1"}, "SIGNING_PROFILE is needed"},
		{func(r *Request) { r.SignKey = "k" }, six, "fw.bin bkt MyProfile MyRole MyGroup Job1"},
		{func(r *Request) { r.SignKey = "k" }, []string{"fw.bin", "bkt", "-", "MyRole", "MyGroup", "Job1"}, "fw.bin bkt  MyRole MyGroup Job1"},
		{func(r *Request) { r.SignKey = "k" }, []string{"fw.bin", "bkt", "MyRole", "MyGroup", "Job1"}, "fw.bin bkt  MyRole MyGroup Job1"},
		{func(r *Request) { r.SignKey, r.Targets = "k", []string{"t"} }, []string{"fw.bin", "bkt", "MyRole", "Job1"}, "fw.bin bkt  MyRole  Job1"},
		{func(r *Request) { r.SignedObject = "o" }, []string{"-", "bkt", "-", "MyRole", "MyGroup", "Job1"}, " bkt  MyRole MyGroup Job1"},
		{func(r *Request) { r.Stream = "s" }, []string{"MyProfile", "MyGroup", "Job1"}, "  MyProfile  MyGroup Job1"},
		{func(r *Request) { r.Source = "s3://b" }, []string{"MyGroup", "Job1"}, "    MyGroup Job1"},
		{func(r *Request) { r.Source = "s3://b" }, six[:4], "it takes, with these flags, THING_GROUP JOB_ID (or all six"},
	} {
		r := NewRequest()
		row.change(r)
		got := ""
		if err := r.SetArguments(row.words); err != nil {
			got = err.Error()
		} else {
			got = strings.Join([]string{r.Binary, r.Bucket, r.Profile, r.Role, r.Group, r.JobID}, " ")
		}
		if !strings.HasPrefix(got, row.want) {
			t.Errorf("%q: %q, want %q", row.words, got, row.want)
		}
	}
}
