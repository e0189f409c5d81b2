package roles

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"abota/sim/awsiot/service"
	"abota/sim/store"
)

const role = "arn:aws:iam::123456789012:role/Device"

func newRoles() *Roles {
	return New("us-east-1", "123456789012", func() time.Time { return time.Unix(1000, 0) })
}

// kind is the exception of an error; empty for none.
func kind(err error) string {
	var e *service.Error
	if errors.As(err, &e) {
		return e.Type
	}
	return ""
}

func seconds(n int64) *int64 { return &n }

func TestAliasesAreCheckedAsTheModelHasIt(t *testing.T) {
	const bad = "InvalidRequestException"
	for name, row := range map[string]struct {
		in   Input
		want string
	}{
		"good":           {Input{Alias: "a=,@-9", RoleARN: role}, ""},
		"shortest":       {Input{Alias: "a", RoleARN: role, Duration: seconds(900)}, ""},
		"longest":        {Input{Alias: "a", RoleARN: role, Duration: seconds(43200)}, ""},
		"too short":      {Input{Alias: "a", RoleARN: role, Duration: seconds(899)}, bad},
		"too long":       {Input{Alias: "a", RoleARN: role, Duration: seconds(43201)}, bad},
		"a slash":        {Input{Alias: "a/b", RoleARN: role}, bad},
		"a long name":    {Input{Alias: strings.Repeat("a", 129), RoleARN: role}, bad},
		"no role":        {Input{Alias: "a"}, bad},
		"no role's ARN":  {Input{Alias: "a", RoleARN: "arn:aws:iam::123456789012:user/Somebody"}, bad},
		"only its name":  {Input{Alias: "a", RoleARN: "DeviceRoleDeviceRole"}, bad},
		"another's role": {Input{Alias: "a", RoleARN: "arn:aws:iam::12:role/DeviceRole"}, bad},
	} {
		if _, err := newRoles().Create(row.in); kind(err) != row.want {
			t.Errorf("%s: %v, want %q", name, err, row.want)
		}
	}
}

func TestAliasesComeAndGo(t *testing.T) {
	r := newRoles()
	for _, name := range []string{"b", "a"} {
		if _, err := r.Create(Input{Alias: name, RoleARN: role}); err != nil {
			t.Fatal(err)
		}
	}
	if got := r.List(); !slices.Equal(got, []string{"a", "b"}) {
		t.Errorf("listed %v", got)
	}
	if _, err := r.Create(Input{Alias: "a", RoleARN: role}); kind(err) != "ResourceAlreadyExistsException" {
		t.Errorf("made twice: %v", err)
	}
	if _, err := r.Update(Input{Alias: "a", Duration: seconds(1000)}); err != nil {
		t.Fatal(err)
	}
	if a, err := r.Describe("a"); err != nil || a.Duration != 1000 || a.RoleARN != role {
		t.Errorf("described %+v, %v", a, err)
	}
	if err := r.Delete("a"); err != nil {
		t.Fatal(err)
	}
	_, described := r.Describe("a")
	_, updated := r.Update(Input{Alias: "a", RoleARN: role})
	for what, err := range map[string]error{"describe": described, "update": updated, "delete": r.Delete("a")} {
		if kind(err) != "ResourceNotFoundException" {
			t.Errorf("%s what is gone: %v", what, err)
		}
	}
}

// registry knows one certificate.
type registry map[string][]string

func (r registry) Things(certificate string) ([]string, bool) {
	things, known := r[certificate]
	return things, known
}

func TestKeysThatCannotBeMadeAreAnErrorOfTheProvider(t *testing.T) {
	p := &Provider{
		Roles: newRoles(), Registry: registry{"c": {"lamp"}}, Certificate: func(*http.Request) string { return "c" },
		Keys: func(policy string, valid time.Duration) (store.Keys, time.Time, error) {
			if valid != time.Hour || !strings.Contains(policy, "s3:GetObject") || strings.Contains(policy, "s3:Put") {
				t.Errorf("keys for %s that may %s", valid, policy)
			}
			return store.Keys{}, time.Time{}, errors.New("the store is gone")
		},
	}
	if _, err := p.Roles.Create(Input{Alias: "a", RoleARN: role}); err != nil {
		t.Fatal(err)
	}
	w := httptest.NewRecorder()
	p.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "https://host/role-aliases/a/credentials", nil))
	if w.Code != http.StatusInternalServerError || w.Header().Get("X-Amzn-ErrorType") != "InternalFailureException" || !strings.Contains(w.Body.String(), "the store is gone") {
		t.Errorf("%d %v %s", w.Code, w.Header(), w.Body)
	}
}
