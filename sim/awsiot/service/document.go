package service

import (
	"encoding/json"
	"regexp"
	"strings"
	"unicode/utf8"
)

// placeholder is what the service replaces in a document.
var placeholder = regexp.MustCompile(`\$\{aws:iot:([^}]*)\}`)

// packagePlaceholder is the inside of one that speaks of a package version.
// The artifact's word is artifact in AWS's error text and sample code, and
// artifact-location on a page of its documentation: both are taken.
var packagePlaceholder = regexp.MustCompile(`^package:([^:]*):version:([^:]*):(?:(attributes)(?::(.*))?|artifact(?:-location)?:s3-presigned-url)$`)

// source is the text of a job's document, as it was given or as the hook read
// it. It may be slow.
func (s *Service) source(in CreateJobInput) (string, error) {
	switch {
	case in.Document != "" && in.DocumentSource != "":
		return "", invalid("document and documentSource are given: give one of them")
	case in.Document != "":
		return in.Document, nil
	case in.DocumentSource == "":
		return "", invalid("neither document nor documentSource is given")
	case len(in.DocumentSource) > maxDocumentSource:
		return "", invalid("documentSource has %d characters: at most %d are allowed", len(in.DocumentSource), maxDocumentSource)
	case s.cfg.ReadDocument == nil:
		return "", invalid("documentSource cannot be read because the service was given no object store")
	}
	text, err := s.cfg.ReadDocument(in.DocumentSource)
	if err != nil {
		return "", invalid("documentSource %s cannot be read: %v", show(in.DocumentSource), err)
	}
	return text, nil
}

func checkDocument(text string) error {
	switch {
	case len(text) > maxDocument:
		return invalid("the job document has %d bytes: at most %d are allowed", len(text), maxDocument)
	case !utf8.ValidString(text):
		return invalid("the job document is not UTF-8")
	case !json.Valid([]byte(text)) && !json.Valid([]byte(unquotedParameters(text))):
		return invalid("the job document is not JSON")
	}
	return nil
}

// unquotedParameters puts a number where a parameter stands as a whole value,
// so that what remains can be judged.
func unquotedParameters(text string) string {
	return regexp.MustCompile(`([:\[,]\s*)\$\{aws:iot:parameter:[^}]*\}`).ReplaceAllString(text, "${1}0")
}

// substitution replaces what is known when a job is made; pre-signed URLs are
// left to each read.
type substitution struct {
	s  *Service
	in CreateJobInput
	// destinations are the versions to be installed, without uninstalls.
	destinations []packageRef
}

func (u substitution) run(text string) (string, error) {
	var out strings.Builder
	from := 0
	for _, m := range placeholder.FindAllStringSubmatchIndex(text, -1) {
		start, end := m[0], m[1]
		value, whole, err := u.value(text[m[2]:m[3]])
		if err != nil {
			return "", err
		}
		if value == nil {
			continue
		}
		if whole {
			if start == 0 || end == len(text) || text[start-1] != '"' || text[end] != '"' {
				return "", invalidDocument("%s has to be a whole value of the job document", text[start:end])
			}
			start, end = start-1, end+1
		}
		out.WriteString(text[from:start])
		out.WriteString(*value)
		from = end
	}
	out.WriteString(text[from:])
	if !json.Valid([]byte(out.String())) {
		return "", invalidDocument("the job document is not JSON once its parameters are in place")
	}
	return out.String(), nil
}

// value is what a placeholder becomes, nil where it stays; whole has the
// quotes around it replaced too.
func (u substitution) value(inside string) (value *string, whole bool, err error) {
	kind, rest, _ := strings.Cut(inside, ":")
	switch kind {
	case "parameter":
		// AWS substitutes parameters in its own managed templates only; having
		// none, the emulator takes them in any document.
		text, ok := u.in.DocumentParameters[rest]
		if !ok {
			return nil, false, invalid("documentParameters has no %s, which the job document uses", show(rest))
		}
		return escaped(text), false, nil
	case "package":
		return u.ofPackage(inside)
	case "s3-presigned-url", "s3-presigned-url-v2":
		if _, err := parsePresign(inside); err != nil {
			return nil, false, err
		}
		return nil, false, u.checkRole()
	}
	return nil, false, nil
}

func (u substitution) checkRole() error {
	if u.in.PresignedURLConfig == nil || u.in.PresignedURLConfig.RoleARN == "" {
		// AWS's text.
		return invalid("presignedUrlConfig role ARN is required to generate an S3 presigned url in job document.")
	}
	return nil
}

func (u substitution) ofPackage(inside string) (*string, bool, error) {
	m := packagePlaceholder.FindStringSubmatch(inside)
	if m == nil {
		return nil, false, invalidDocument("${aws:iot:%s} is no use of a package version that is known", show(inside))
	}
	version, err := u.version(m[1], m[2])
	if err != nil {
		return nil, false, err
	}
	if m[3] == "" {
		return u.artifact(version)
	}
	if m[4] == "" {
		all, _ := json.Marshal(orEmpty(version.Attributes))
		text := string(all)
		return &text, true, nil
	}
	value, ok := version.Attributes[m[4]]
	if !ok {
		return nil, false, invalidDocument("package %s version %s has no attribute %s", version.PackageName, version.VersionName, show(m[4]))
	}
	return escaped(value), false, nil
}

// version is the one that a placeholder names, or where it names none the only
// one that the job installs.
func (u substitution) version(name, version string) (*PackageVersion, error) {
	if (name == "") != (version == "") {
		return nil, invalidDocument("a placeholder of the job document has only one of package name and version: give both or neither")
	}
	ref := packageRef{name, version}
	if name == "" {
		if len(u.in.DestinationPackageVersions) != 1 || len(u.destinations) != 1 {
			return nil, invalidDocument("a placeholder of the job document names no package: that needs exactly one version in destinationPackageVersions")
		}
		ref = u.destinations[0]
	}
	v, err := u.s.resolve(ref)
	if err != nil {
		return nil, invalidDocument("the job document speaks of a package that cannot be deployed: %s", AsError(err).Message)
	}
	return v, nil
}

// artifact is a placeholder again, of the object that holds the artifact.
func (u substitution) artifact(v *PackageVersion) (*string, bool, error) {
	if v.Artifact == nil || v.Artifact.S3Location == nil {
		return nil, false, invalidDocument("package %s version %s has no artifact", v.PackageName, v.VersionName)
	}
	at := v.Artifact.S3Location
	text := "${aws:iot:s3-presigned-url-v2:" + presignURL(u.s.cfg.Region, at.Bucket, at.Key, at.Version) + "}"
	return escaped(text), false, u.checkRole()
}

// escaped is a text as it stands between the quotes of a JSON string.
func escaped(text string) *string {
	quoted, _ := json.Marshal(text)
	inside := string(quoted[1 : len(quoted)-1])
	return &inside
}

func orEmpty(m map[string]string) map[string]string {
	if m == nil {
		return map[string]string{}
	}
	return m
}
