package service

import (
	"maps"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"
)

// catalogPackage is a package of the software package catalog.
type catalogPackage struct {
	out      GetPackageOutput
	versions map[string]*PackageVersion
}

var packageName = regexp.MustCompile(`^[a-zA-Z0-9_.-]{1,128}$`)

const (
	maxPackageText       = 1024 // characters of a description
	maxPackageAttributes = 3072 // bytes, names and values together
	maxRecipe            = 3072
)

// CreatePackage makes a package.
func (s *Service) CreatePackage(in CreatePackageInput) (CreatePackageOutput, error) {
	return do(s, func() (CreatePackageOutput, error) {
		if !packageName.MatchString(in.PackageName) {
			return CreatePackageOutput{}, invalidValue("packageName %s is not 1 to 128 of letters, digits, hyphen, dot and underscore", show(in.PackageName))
		}
		if err := checkPackageText(in.Description); err != nil {
			return CreatePackageOutput{}, err
		}
		if s.packages[in.PackageName] != nil {
			return CreatePackageOutput{}, conflict("package %s exists", in.PackageName)
		}
		arn := s.arn("package", in.PackageName)
		if err := s.setTags(arn, tagList(in.Tags)); err != nil {
			return CreatePackageOutput{}, invalidValue("%s", AsError(err).Message)
		}
		s.packages[in.PackageName] = &catalogPackage{
			out: GetPackageOutput{
				PackageName: in.PackageName, PackageARN: arn, Description: in.Description,
				CreationDate: Timestamp{s.now}, LastModifiedDate: Timestamp{s.now},
			},
			versions: map[string]*PackageVersion{},
		}
		return CreatePackageOutput{in.PackageName, arn, in.Description}, nil
	})
}

func tagList(tags map[string]string) []Tag {
	var list []Tag
	for _, key := range sortedKeys(tags) {
		list = append(list, Tag{key, tags[key]})
	}
	return list
}

func checkPackageText(text string) error {
	if utf8.RuneCountInString(text) > maxPackageText || !printable(text) {
		return invalidValue("description is not up to %d characters without control characters", maxPackageText)
	}
	return nil
}

// GetPackage shows a package.
func (s *Service) GetPackage(name string) (GetPackageOutput, error) {
	return do(s, func() (GetPackageOutput, error) {
		p, err := s.pkg(name)
		if err != nil {
			return GetPackageOutput{}, err
		}
		return p.out, nil
	})
}

func (s *Service) pkg(name string) (*catalogPackage, error) {
	if p := s.packages[name]; p != nil {
		return p, nil
	}
	return nil, notFound("package %s does not exist", show(name))
}

// UpdatePackage changes a package.
func (s *Service) UpdatePackage(in UpdatePackageInput) error {
	return s.change(func() error {
		p, err := s.pkg(in.PackageName)
		if err != nil {
			return err
		}
		if in.DefaultVersionName != "" && in.UnsetDefaultVersion {
			return invalidValue("defaultVersionName and unsetDefaultVersion are given: give one of them")
		}
		if in.DefaultVersionName != "" && p.versions[in.DefaultVersionName] == nil {
			return notFound("package %s has no version %s", in.PackageName, show(in.DefaultVersionName))
		}
		if in.DefaultVersionName != "" && p.versions[in.DefaultVersionName].Status != published {
			return invalidValue("version %s is not published, so it cannot be the default", in.DefaultVersionName)
		}
		if in.Description != nil {
			if err := checkPackageText(*in.Description); err != nil {
				return err
			}
			p.out.Description = *in.Description
		}
		if in.DefaultVersionName != "" || in.UnsetDefaultVersion {
			p.out.DefaultVersionName = in.DefaultVersionName
		}
		p.out.LastModifiedDate = Timestamp{s.now}
		return nil
	})
}

// DeletePackage removes a package without versions. One that does not exist is
// answered as removed, since the operation has no ResourceNotFound.
func (s *Service) DeletePackage(name string) error {
	return s.change(func() error {
		p := s.packages[name]
		if p == nil {
			return nil
		}
		if len(p.versions) > 0 {
			return invalidValue("package %s has versions: remove them first", name)
		}
		delete(s.packages, name)
		delete(s.tags, p.out.PackageARN)
		return nil
	})
}

// ListPackages lists packages by name.
func (s *Service) ListPackages(page Page) (ListPackagesOutput, error) {
	return do(s, func() (ListPackagesOutput, error) {
		names, next, err := cutValidated(sortedKeys(s.packages), page)
		out := ListPackagesOutput{PackageSummaries: []PackageSummary{}, NextToken: next}
		for _, name := range names {
			p := s.packages[name].out
			out.PackageSummaries = append(out.PackageSummaries, PackageSummary{name, p.DefaultVersionName, p.CreationDate, p.LastModifiedDate})
		}
		return out, err
	})
}

// cutValidated is cut in the catalog's words.
func cutValidated[T any](list []T, page Page) ([]T, string, error) {
	shown, next, err := cut(list, page)
	if err != nil {
		return nil, "", invalidValue("%s", AsError(err).Message)
	}
	return shown, next, nil
}

// GetPackageConfiguration shows whether jobs update the shadow $package.
func (s *Service) GetPackageConfiguration() (PackageConfiguration, error) {
	return do(s, func() (PackageConfiguration, error) {
		if c := s.catalog.VersionUpdateByJobsConfig; c != nil {
			shown := *c
			return PackageConfiguration{&shown}, nil
		}
		return PackageConfiguration{&VersionUpdateByJobs{}}, nil
	})
}

// UpdatePackageConfiguration sets it.
func (s *Service) UpdatePackageConfiguration(in PackageConfiguration) error {
	return s.change(func() error {
		c := in.VersionUpdateByJobsConfig
		if c == nil {
			return nil
		}
		if c.Enabled && !strings.HasPrefix(c.RoleARN, "arn:") {
			return invalidValue("versionUpdateByJobsConfig.roleArn is missing or no ARN, which enabled needs")
		}
		s.catalog.VersionUpdateByJobsConfig = &VersionUpdateByJobs{c.Enabled, c.RoleARN}
		return nil
	})
}

// packageRef names a version; it may be $default.
type packageRef struct{ name, version string }

const (
	defaultVersion = "$default"
	noVersion      = "$null" // uninstall
)

// resolve is a version that may be deployed.
func (s *Service) resolve(ref packageRef) (*PackageVersion, error) {
	p, err := s.pkg(ref.name)
	if err != nil {
		return nil, err
	}
	if ref.version == defaultVersion {
		if ref.version = p.out.DefaultVersionName; ref.version == "" {
			return nil, invalid("package %s has no default version", ref.name)
		}
	}
	v := p.versions[ref.version]
	if v == nil {
		return nil, notFound("package %s has no version %s", ref.name, show(ref.version))
	}
	if v.Status == draft {
		return nil, invalid("package %s version %s is a draft: publish it before it is deployed", ref.name, ref.version)
	}
	return v, nil
}

// destinations reads what a job installs; one of version $null is to be
// uninstalled.
func (s *Service) destinations(arns []string) ([]packageRef, error) {
	if len(arns) > maxPackageVersions {
		return nil, invalid("destinationPackageVersions has %d entries: at most %d are allowed", len(arns), maxPackageVersions)
	}
	var refs []packageRef
	for _, arn := range arns {
		ref, err := s.destination(arn)
		if err != nil {
			return nil, err
		}
		if slices.ContainsFunc(refs, func(other packageRef) bool { return other.name == ref.name }) {
			return nil, invalid("destinationPackageVersions names package %s twice", ref.name)
		}
		refs = append(refs, ref)
	}
	return refs, nil
}

func (s *Service) destination(arn string) (packageRef, error) {
	rest, ok := strings.CutPrefix(arn, s.arn("package", ""))
	name, version, cut := strings.Cut(rest, "/version/")
	if !ok || !cut {
		return packageRef{}, invalid("%s in destinationPackageVersions is not of the form %s", show(arn), s.arn("package", "NAME/version/VERSION"))
	}
	if version == noVersion {
		_, err := s.pkg(name)
		return packageRef{name, version}, err
	}
	v, err := s.resolve(packageRef{name, version})
	if err != nil {
		return packageRef{}, err
	}
	return packageRef{name, v.VersionName}, nil
}

// reportPackages writes into the shadow $package what a job that succeeded
// installed, where the catalog is set to do so.
func (s *Service) reportPackages(t *thing, j *job) {
	c := s.catalog.VersionUpdateByJobsConfig
	if c == nil || !c.Enabled || len(j.destinations) == 0 {
		return
	}
	reported := map[string]any{}
	for _, ref := range j.destinations {
		if ref.version == noVersion {
			reported[ref.name] = nil
			continue
		}
		attributes := map[string]any{}
		if v := s.packages[ref.name]; v != nil && v.versions[ref.version] != nil {
			for key, value := range maps.All(v.versions[ref.version].Attributes) {
				attributes[key] = value
			}
		}
		reported[ref.name] = map[string]any{"version": ref.version, "attributes": attributes}
	}
	s.writePackageShadow(t, reported)
}
