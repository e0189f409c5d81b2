// Package roles plays role aliases of AWS IoT and the credentials provider,
// which gives a device temporary keys for its certificate.
//
// # Guarantee
//
// Keys are those of the store's own token service, so that they open what the
// store says and end when they say. A certificate that is not known, not active,
// or not attached to the thing that a request names gets none.
//
// # Not guaranteed
//
// A role is a name: its policies, the trust in credentials.iot.amazonaws.com
// and the certificate's right to iot:AssumeRoleWithCertificate are not looked
// at. What the keys open is the same for all roles: objects and their versions
// may be read. Statuses and words of refusals other than that of a thing that
// is not attached (403) are inferred.
//
// # Format
//
// "Authorizing direct calls to AWS services using AWS IoT Core credential
// provider" in the developer guide, and the API model for the aliases.
package roles

import (
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	"abota/sim/awsiot/service"
)

// How long keys may last, in seconds: since 2023 up to 12 hours.
const (
	minDuration, defaultDuration, maxDuration = 900, 3600, 43200
	minRoleARN                                = 20
)

var (
	aliasNames = regexp.MustCompile(`^[a-zA-Z0-9=,@-]{1,128}$`)
	roleARNs   = regexp.MustCompile(`^arn:aws[a-zA-Z-]*:iam::[0-9]{12}:role/.+$`)
)

// Input creates or updates an alias.
type Input struct {
	Alias    string        `json:"-"`
	RoleARN  string        `json:"roleArn"`
	Duration *int64        `json:"credentialDurationSeconds"`
	Tags     []service.Tag `json:"tags"`
}

// Output names an alias.
type Output struct {
	Alias string `json:"roleAlias"`
	ARN   string `json:"roleAliasArn"`
}

// Alias is an alias as it is described.
type Alias struct {
	Name       string            `json:"roleAlias"`
	ARN        string            `json:"roleAliasArn"`
	RoleARN    string            `json:"roleArn"`
	Owner      string            `json:"owner"`
	Duration   int64             `json:"credentialDurationSeconds"`
	CreatedAt  service.Timestamp `json:"creationDate"`
	ModifiedAt service.Timestamp `json:"lastModifiedDate"`
}

// Roles are an account's aliases. It is safe for concurrent use.
type Roles struct {
	region, account string
	now             func() time.Time

	mu      sync.Mutex
	aliases map[string]Alias
}

// New makes an account without aliases.
func New(region, account string, now func() time.Time) *Roles {
	return &Roles{region: region, account: account, now: now, aliases: map[string]Alias{}}
}

func invalid(format string, args ...any) error {
	return &service.Error{Type: "InvalidRequestException", Status: http.StatusBadRequest, Code: "InvalidRequest", Message: fmt.Sprintf(format, args...)}
}

func missing(name string) error {
	return &service.Error{Type: "ResourceNotFoundException", Status: http.StatusNotFound, Code: "ResourceNotFound", Message: "there is no role alias " + name}
}

// Create makes an alias.
func (r *Roles) Create(in Input) (Output, error) {
	duration, err := check(in, true)
	if err != nil {
		return Output{}, err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	arn := fmt.Sprintf("arn:aws:iot:%s:%s:rolealias/%s", r.region, r.account, in.Alias)
	if _, there := r.aliases[in.Alias]; there {
		return Output{}, &service.Error{
			Type: "ResourceAlreadyExistsException", Status: http.StatusConflict,
			Message: "the role alias " + in.Alias + " exists already", ResourceID: in.Alias, ResourceARN: arn,
		}
	}
	now := service.Timestamp{Time: r.now()}
	r.aliases[in.Alias] = Alias{in.Alias, arn, in.RoleARN, r.account, duration, now, now}
	return Output{in.Alias, arn}, nil
}

// check finds what is wrong with a request, and the duration that it means.
func check(in Input, whole bool) (int64, error) {
	duration := int64(defaultDuration)
	if in.Duration != nil {
		duration = *in.Duration
	}
	switch {
	case !aliasNames.MatchString(in.Alias):
		return 0, invalid("roleAlias %q is not 1 to 128 letters, digits and =,@-", in.Alias)
	case (whole || in.RoleARN != "") && (len(in.RoleARN) < minRoleARN || !roleARNs.MatchString(in.RoleARN)):
		return 0, invalid("roleArn %q is no ARN of an IAM role", in.RoleARN)
	case duration < minDuration || duration > maxDuration:
		return 0, invalid("credentialDurationSeconds %d is not %d to %d", duration, minDuration, maxDuration)
	}
	return duration, nil
}

// Update changes what is given.
func (r *Roles) Update(in Input) (Output, error) {
	duration, err := check(in, false)
	if err != nil {
		return Output{}, err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	a, there := r.aliases[in.Alias]
	if !there {
		return Output{}, missing(in.Alias)
	}
	if in.RoleARN != "" {
		a.RoleARN = in.RoleARN
	}
	if in.Duration != nil {
		a.Duration = duration
	}
	a.ModifiedAt = service.Timestamp{Time: r.now()}
	r.aliases[in.Alias] = a
	return Output{a.Name, a.ARN}, nil
}

// Describe shows an alias.
func (r *Roles) Describe(name string) (Alias, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	a, there := r.aliases[name]
	if !there {
		return Alias{}, missing(name)
	}
	return a, nil
}

// Delete removes an alias.
func (r *Roles) Delete(name string) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if _, there := r.aliases[name]; !there {
		return missing(name)
	}
	delete(r.aliases, name)
	return nil
}

// List names all, by name.
func (r *Roles) List() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	names := []string{}
	for name := range r.aliases {
		names = append(names, name)
	}
	slices.SortFunc(names, strings.Compare)
	return names
}
