package service

import (
	"maps"
	"unicode/utf8"
)

// A version's status: draft → published ⇄ deprecated.
const (
	draft      = "DRAFT"
	published  = "PUBLISHED"
	deprecated = "DEPRECATED"
)

// CreatePackageVersion makes a version, a draft.
func (s *Service) CreatePackageVersion(in CreatePackageVersionInput) (PackageVersion, error) {
	return do(s, func() (PackageVersion, error) {
		p := s.packages[in.PackageName]
		if p == nil {
			// The operation has no ResourceNotFound in its model.
			return PackageVersion{}, invalidValue("package %s does not exist", show(in.PackageName))
		}
		if err := checkVersion(in); err != nil {
			return PackageVersion{}, err
		}
		if p.versions[in.VersionName] != nil {
			return PackageVersion{}, conflict("package %s has version %s already", in.PackageName, in.VersionName)
		}
		arn := p.out.PackageARN + "/version/" + in.VersionName
		if err := s.setTags(arn, tagList(in.Tags)); err != nil {
			return PackageVersion{}, invalidValue("%s", AsError(err).Message)
		}
		v := &PackageVersion{
			PackageVersionARN: arn, PackageName: in.PackageName, VersionName: in.VersionName, Description: in.Description,
			Attributes: maps.Clone(in.Attributes), Artifact: in.Artifact, Recipe: in.Recipe, Status: draft,
			CreationDate: Timestamp{s.now}, LastModifiedDate: Timestamp{s.now},
		}
		p.versions[v.VersionName] = v
		return v.shown(), nil
	})
}

func (v *PackageVersion) shown() PackageVersion {
	out := *v
	out.Attributes = maps.Clone(v.Attributes)
	return out
}

func checkVersion(in CreatePackageVersionInput) error {
	if !packageName.MatchString(in.VersionName) || len(in.VersionName) > 64 {
		return invalidValue("versionName %s is not 1 to 64 of letters, digits, hyphen, dot and underscore", show(in.VersionName))
	}
	if err := checkPackageText(in.Description); err != nil {
		return err
	}
	if err := checkVersionAttributes(in.Attributes); err != nil {
		return err
	}
	if err := checkArtifact(in.Artifact); err != nil {
		return err
	}
	return checkRecipe(in.Recipe)
}

func checkArtifact(a *PackageVersionArtifact) error {
	if a != nil && (a.S3Location == nil || a.S3Location.Bucket == "" || a.S3Location.Key == "") {
		return invalidValue("artifact.s3Location lacks bucket or key")
	}
	return nil
}

func checkRecipe(recipe string) error {
	if utf8.RuneCountInString(recipe) > maxRecipe {
		return invalidValue("recipe has %d characters: at most %d are allowed", utf8.RuneCountInString(recipe), maxRecipe)
	}
	return nil
}

func checkVersionAttributes(attributes map[string]string) error {
	size := 0
	for key, value := range attributes {
		if key == "" || !attributeName.MatchString(key) || value == "" || !printable(value) {
			return invalidValue("attribute %s is not a name of letters and digits with a value without control characters", show(key))
		}
		size += len(key) + len(value)
	}
	if size > maxPackageAttributes {
		return invalidValue("attributes have %d bytes: at most %d are allowed", size, maxPackageAttributes)
	}
	return nil
}

// GetPackageVersion shows a version.
func (s *Service) GetPackageVersion(packageName, version string) (PackageVersion, error) {
	return do(s, func() (PackageVersion, error) {
		v, err := s.version(packageName, version)
		if err != nil {
			return PackageVersion{}, err
		}
		return v.shown(), nil
	})
}

func (s *Service) version(packageName, version string) (*PackageVersion, error) {
	p, err := s.pkg(packageName)
	if err != nil {
		return nil, err
	}
	if v := p.versions[version]; v != nil {
		return v, nil
	}
	return nil, notFound("package %s has no version %s", packageName, show(version))
}

// UpdatePackageVersion changes, publishes or deprecates a version.
func (s *Service) UpdatePackageVersion(in UpdatePackageVersionInput) error {
	return s.change(func() error {
		v, err := s.version(in.PackageName, in.VersionName)
		if err != nil {
			return err
		}
		next, err := v.updated(in)
		if err != nil {
			return err
		}
		next.LastModifiedDate = Timestamp{s.now}
		*v = next
		return nil
	})
}

// updated is what a version becomes. Attributes, artifact and recipe are frozen
// once it is published; for the recipe that is [not established].
func (v PackageVersion) updated(in UpdatePackageVersionInput) (PackageVersion, error) {
	if v.Status != draft && (in.Attributes != nil || in.Artifact != nil || in.Recipe != nil) {
		return v, conflict("package %s version %s is %s: its attributes, artifact and recipe are frozen", v.PackageName, v.VersionName, v.Status)
	}
	if in.Description != nil {
		v.Description = *in.Description
	}
	if in.Attributes != nil {
		v.Attributes = maps.Clone(in.Attributes)
	}
	if in.Artifact != nil {
		v.Artifact = in.Artifact
	}
	if in.Recipe != nil {
		v.Recipe = *in.Recipe
	}
	if err := checkVersion(CreatePackageVersionInput{
		VersionName: v.VersionName, Description: v.Description, Attributes: v.Attributes, Artifact: v.Artifact, Recipe: v.Recipe,
	}); err != nil {
		return v, err
	}
	switch {
	case in.Action == "":
	case in.Action == "PUBLISH" && v.Status != published:
		v.Status = published
	case in.Action == "DEPRECATE" && v.Status == published:
		v.Status = deprecated
	case in.Action == "PUBLISH", in.Action == "DEPRECATE":
		return v, conflict("package %s version %s is %s, from where %s does not go", v.PackageName, v.VersionName, v.Status, in.Action)
	default:
		return v, invalidValue("action %s is neither PUBLISH nor DEPRECATE", show(in.Action))
	}
	return v, nil
}

// DeletePackageVersion removes a version that is not its package's default. One
// that does not exist is answered as removed, since the operation has no
// ResourceNotFound.
func (s *Service) DeletePackageVersion(packageName, version string) error {
	return s.change(func() error {
		p := s.packages[packageName]
		if p == nil || p.versions[version] == nil {
			return nil
		}
		if p.out.DefaultVersionName == version {
			return invalidValue("version %s is the default of package %s: set another one first", version, packageName)
		}
		delete(s.tags, p.versions[version].PackageVersionARN)
		delete(p.versions, version)
		return nil
	})
}

// ListPackageVersions lists versions by name.
func (s *Service) ListPackageVersions(in ListPackageVersionsInput) (ListPackageVersionsOutput, error) {
	return do(s, func() (ListPackageVersionsOutput, error) {
		var names []string
		if p := s.packages[in.PackageName]; p != nil {
			for _, name := range sortedKeys(p.versions) {
				if in.Status == "" || p.versions[name].Status == in.Status {
					names = append(names, name)
				}
			}
		}
		shown, next, err := cutValidated(names, in.Page)
		out := ListPackageVersionsOutput{PackageVersionSummaries: []PackageVersionSummary{}, NextToken: next}
		for _, name := range shown {
			v := s.packages[in.PackageName].versions[name]
			out.PackageVersionSummaries = append(out.PackageVersionSummaries, PackageVersionSummary{in.PackageName, name, v.Status, v.CreationDate, v.LastModifiedDate})
		}
		return out, err
	})
}
