package jobs

import (
	"fmt"
	"regexp"
	"strings"
)

// version is the version of abota's own part of a document. A later one means
// something else by it.
const version = 1

var (
	packageNames    = regexp.MustCompile(`^[a-zA-Z0-9._-]{1,128}$`)
	packageVersions = regexp.MustCompile(`^[a-zA-Z0-9._-]{1,64}$`)
	buckets         = regexp.MustCompile(`^[a-zA-Z0-9._-]{3,63}$`)
	regions         = regexp.MustCompile(`^[a-z0-9-]{1,32}$`)
	checksums       = regexp.MustCompile(`^([0-9a-f]{32}|sha256:[0-9a-f]{64})$`)
)

// maxVersion bounds a release's name in bytes.
const maxVersion = 64

// ownPart is the object "abota" of a document, in a version that is known.
// Keys that are not known do not count: later ones only add some.
func ownPart(top fields) (fields, error) {
	own, err := top.object("abota")
	if err != nil {
		return own, err
	}
	switch n, err := own.number("version", 1, 1<<31); {
	case err != nil:
		return own, err
	case n != version:
		return own, fmt.Errorf("has abota.version %d, but this abota knows only %d: update abota itself first", n, version)
	}
	return own, nil
}

// parseSource reads a document of abota's own.
func parseSource(top fields) (Document, error) {
	if top.twice != "" {
		return Document{}, top.repeated()
	}
	own, err := ownPart(top)
	if err != nil {
		return Document{}, err
	}
	s, err := readSource(own)
	if err != nil {
		return Document{}, err
	}
	if s.Release, err = own.text("release", maxVersion); err != nil {
		return Document{}, err
	}
	if s.Checksum, err = own.text("checksum", maxName); err != nil {
		return Document{}, err
	}
	if s.Checksum = strings.ToLower(s.Checksum); s.Checksum != "" && !checksums.MatchString(s.Checksum) {
		return Document{}, fmt.Errorf("has an abota.checksum that is neither 32 hexadecimal digits (MD5) nor sha256: and 64 of them")
	}
	d := Document{Source: &s}
	d.Package, err = readPackage(own)
	return d, err
}

// readSource is where the release is: text, or an object that says the same.
func readSource(own fields) (Source, error) {
	if own.absent("source") {
		return Source{}, fmt.Errorf("has no %s", own.at("source"))
	}
	if own.values["source"][0] != '{' {
		return textSource(own)
	}
	o, err := own.object("source")
	if err != nil {
		return Source{}, err
	}
	switch byURL, inBucket := !o.absent("url"), !o.absent("bucket"); {
	case byURL == inBucket:
		return Source{}, fmt.Errorf("needs either a bucket or an url in %s", o.path)
	case byURL:
		u, err := address(o, "url")
		if err == nil && u == "" {
			err = fmt.Errorf("has an empty %s", o.at("url"))
		}
		return Source{URL: u}, err
	}
	var s Source
	for _, t := range []struct {
		name string
		to   *string
	}{{"bucket", &s.Bucket}, {"prefix", &s.Prefix}, {"region", &s.Region}} {
		if *t.to, err = o.text(t.name, maxName); err != nil {
			return Source{}, err
		}
	}
	return s, s.check(o.path)
}

// textSource is s3://BUCKET/PREFIX or an address.
func textSource(own fields) (Source, error) {
	text, err := own.text("source", maxURL)
	if err != nil {
		return Source{}, err
	}
	rest, inBucket := strings.CutPrefix(text, "s3://")
	if !inBucket {
		u, err := address(own, "source")
		if err != nil || u == "" {
			return Source{}, fmt.Errorf("has an %s that is neither s3://BUCKET/PREFIX nor an http or https address", own.at("source"))
		}
		return Source{URL: u}, nil
	}
	var s Source
	s.Bucket, s.Prefix, _ = strings.Cut(rest, "/")
	return s, s.check(own.at("source"))
}

func (s *Source) check(where string) error {
	s.Prefix = strings.Trim(s.Prefix, "/")
	switch {
	case !buckets.MatchString(s.Bucket):
		return fmt.Errorf("has in %s %.70q, which cannot be a bucket's name", where, s.Bucket)
	case s.Region != "" && !regions.MatchString(s.Region):
		return fmt.Errorf("has in %s %.40q, which cannot be a region", where, s.Region)
	}
	return nil
}

// readPackage is what the Software Package Catalog calls the release.
func readPackage(own fields) (Package, error) {
	if own.absent("package") {
		return Package{}, nil
	}
	o, err := own.object("package")
	if err != nil {
		return Package{}, err
	}
	var p Package
	if p.Name, err = o.text("name", maxName); err != nil {
		return Package{}, err
	}
	if p.Version, err = o.text("version", maxName); err != nil {
		return Package{}, err
	}
	if !packageNames.MatchString(p.Name) || !packageVersions.MatchString(p.Version) {
		return Package{}, fmt.Errorf("has an %s whose name and version are not 1 to 128 and 1 to 64 letters, digits, dots, hyphens and underscores", o.path)
	}
	return p, nil
}
