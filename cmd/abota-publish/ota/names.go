package ota

import (
	"regexp"
	"strings"
)

// Patterns of the API's models. Those of packages are of its package catalog.
var (
	jobIDs       = regexp.MustCompile(`^[a-zA-Z0-9_-]+$`)
	entityNames  = regexp.MustCompile(`^[a-zA-Z0-9:_-]+$`) // things, groups
	streamIDs    = regexp.MustCompile(`^[a-zA-Z0-9_-]+$`)
	profileNames = regexp.MustCompile(`^[a-zA-Z0-9_]{2,64}$`)
	roleNames    = regexp.MustCompile(`^[\w+=,.@-]{1,64}$`)
	roleARNs     = regexp.MustCompile(`^arn:aws[a-z-]*:iam::(\d{12}):role/([\x21-\x7e]+/)?[\w+=,.@-]{1,64}$`)
	packageNames = regexp.MustCompile(`^[a-zA-Z0-9-_.]+$`)
	controls     = regexp.MustCompile(`\p{C}`)
	tagText      = regexp.MustCompile(`^[\p{L}\p{Z}\p{N}_.:/=+@-]*$`)
)

// FullJobID puts Prefix in front of an id that lacks it.
func FullJobID(id string) string {
	if strings.HasPrefix(id, Prefix) {
		return id
	}
	return Prefix + id
}

// shortJobID is the id as the user knows it.
func shortJobID(id string) string { return strings.TrimPrefix(id, Prefix) }

func checkJobID(id string) error {
	id = shortJobID(id)
	switch {
	case id == "":
		return usage("the job's id is empty")
	case len(id) > maxJobID-len(Prefix):
		return usage("the job's id %q has %d characters, and %d are the most: a job has %d, of which %s takes %d", id, len(id), maxJobID-len(Prefix), maxJobID, Prefix, len(Prefix))
	case !jobIDs.MatchString(id):
		return usage("the job's id %q may only have letters, digits, hyphens and underscores", id)
	}
	return nil
}

func checkRole(role string) error {
	if strings.HasPrefix(role, "arn:") {
		if !roleARNs.MatchString(role) {
			return usage("the role %q is no ARN of a role: write arn:aws:iam::123456789012:role/NAME, or only its name", role)
		}
		return nil
	}
	if !roleNames.MatchString(role) {
		return usage("the role %q is no role's name (up to 64 letters, digits and _+=,.@-): give the name alone, or the whole ARN, which has the role's path", role)
	}
	return nil
}

// account is whose, and where, names are completed to ARNs.
type account struct{ Partition, Region, ID string }

func (a account) role(role string) string {
	if strings.HasPrefix(role, "arn:") {
		return role
	}
	return "arn:" + a.Partition + ":iam::" + a.ID + ":role/" + role
}

func (a account) iot(rest string) string {
	return "arn:" + a.Partition + ":iot:" + a.Region + ":" + a.ID + ":" + rest
}

// s3Host is S3's in the region.
func (a account) s3Host() string {
	host := "s3." + a.Region + ".amazonaws.com"
	if a.Partition == "aws-cn" {
		host += ".cn"
	}
	return host
}

// owns checks an ARN's region and account. IoT takes only its own, and a role
// can be passed only inside its account.
func (a account) owns(arn string) error {
	parts := strings.SplitN(arn, ":", 6)
	switch {
	case parts[3] != "" && parts[3] != a.Region:
		return usage("%s is in region %s, and the job would be in %s: add --region %s, or take what is in this region", arn, parts[3], a.Region, parts[3])
	case parts[4] != a.ID:
		return usage("%s belongs to account %s, and the credentials to %s: the service takes only what is in its own account", arn, parts[4], a.ID)
	}
	return nil
}

// target is a thing or a group.
type target struct {
	thing bool
	name  string
	arn   string // as given, or empty
}

var targetARNs = regexp.MustCompile(`^arn:aws[a-z-]*:iot:[a-z0-9-]+:\d{12}:(thing|thinggroup)/(.+)$`)

func parseTarget(text string) (target, error) {
	t := target{name: text}
	if strings.HasPrefix(text, "arn:") {
		m := targetARNs.FindStringSubmatch(text)
		if m == nil {
			return t, usage("the target %q is no ARN of a thing or group: write arn:aws:iot:REGION:ACCOUNT:thinggroup/NAME or …:thing/NAME, or only a group's name", text)
		}
		t = target{m[1] == "thing", m[2], text}
	} else if name, ok := strings.CutPrefix(text, "thing:"); ok {
		t = target{thing: true, name: name}
	} else if name, ok := strings.CutPrefix(text, "group:"); ok {
		t.name = name
	}
	if len(t.name) > maxName || !entityNames.MatchString(t.name) {
		return t, usage("the target %q is not 1 to %d letters, digits, colons, hyphens and underscores: give a group's name, thing:NAME or an ARN", text, maxName)
	}
	return t, nil
}

func (t target) resource() string {
	if t.thing {
		return "thing/" + t.name
	}
	return "thinggroup/" + t.name
}

// targets are all of them, none twice.
func (r *Request) targets() ([]target, error) {
	texts := r.Targets
	if r.Group != "" {
		texts = append([]string{r.Group}, texts...)
	}
	var all []target
	seen := map[string]bool{}
	for _, text := range texts {
		t, err := parseTarget(text)
		if err != nil {
			return nil, err
		}
		if seen[t.resource()] {
			return nil, usage("the target %q is given twice", text)
		}
		seen[t.resource()] = true
		all = append(all, t)
	}
	if len(all) == 0 {
		return nil, usage("there is no target: name a group, or give --target")
	}
	if len(all) > maxTargets {
		return nil, usage("there are %d targets, and a job takes %d: put the things into a group", len(all), maxTargets)
	}
	return all, nil
}

// packageVersion is one of the Software Package Catalog.
type packageVersion struct {
	Name    string `json:"name"`
	Version string `json:"version"`
	arn     string // as given, or empty
}

// What a version may be instead of a name: the package's default one, and none
// (the package is removed). Documented for jobs' destinationPackageVersions.
const (
	defaultVersion = "$default"
	nullVersion    = "$null"
)

var packageARNs = regexp.MustCompile(`^arn:aws[a-z-]*:iot:[a-z0-9-]+:\d{12}:package/([^/]+)/version/([^/]+)$`)

func parsePackage(text string) (packageVersion, error) {
	p := packageVersion{}
	if strings.HasPrefix(text, "arn:") {
		m := packageARNs.FindStringSubmatch(text)
		if m == nil {
			return p, usage("the package %q is no ARN of a package's version: write arn:aws:iot:REGION:ACCOUNT:package/NAME/version/VERSION, or NAME/VERSION", text)
		}
		p = packageVersion{m[1], m[2], text}
	} else {
		var ok bool
		if p.Name, p.Version, ok = strings.Cut(text, "/"); !ok {
			return p, usage("the package %q has no version: write NAME/VERSION", text)
		}
	}
	if len(p.Name) > maxName || !packageNames.MatchString(p.Name) {
		return p, usage("the package's name %q is not 1 to %d letters, digits and -_.", p.Name, maxName)
	}
	if p.Version != defaultVersion && p.Version != nullVersion && (len(p.Version) > maxVersionName || !packageNames.MatchString(p.Version)) {
		return p, usage("the package's version %q is not 1 to %d letters, digits and -_.", p.Version, maxVersionName)
	}
	return p, nil
}

func (p packageVersion) resource() string { return "package/" + p.Name + "/version/" + p.Version }

func (r *Request) packages() ([]packageVersion, error) {
	if len(r.Packages) > maxPackages {
		return nil, usage("there are %d packages, and a job takes %d", len(r.Packages), maxPackages)
	}
	var all []packageVersion
	seen := map[string]bool{}
	for _, text := range r.Packages {
		p, err := parsePackage(text)
		if err != nil {
			return nil, err
		}
		if seen[p.Name] {
			return nil, usage("the package %q is given twice: a device has one version of it", p.Name)
		}
		seen[p.Name] = true
		all = append(all, p)
	}
	if len(all) > 0 && all[0].Version == nullVersion {
		return nil, usage("the package %q is to be removed, and the first --package is the firmware's own: name that one first", all[0].Name)
	}
	return all, nil
}
