package jobs

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strings"
)

// What bounds a file of an afr_ota document.
const (
	// maxFile is the largest that a stream can address: 98304 blocks of 128 KiB.
	maxFile      = 98304 * 128 << 10
	maxFileID    = 255
	maxURL       = 16 << 10
	maxName      = 1024
	maxSignature = 1024
)

// streamNames is what a stream may be called, and what a topic can hold.
var streamNames = regexp.MustCompile(`^[a-zA-Z0-9_-]{1,128}$`)

// parseFile reads an afr_ota document.
func parseFile(top fields) (Document, error) {
	if top.twice != "" {
		return Document{}, top.repeated()
	}
	ota, err := top.object("afr_ota")
	if err != nil {
		return Document{}, err
	}
	one, err := onlyFile(ota)
	if err != nil {
		return Document{}, err
	}
	d := Document{File: &File{}}
	if err := d.File.read(one); err != nil {
		return Document{}, err
	}
	if err := d.File.choose(ota); err != nil {
		return Document{}, err
	}
	if !top.absent("abota") {
		own, err := ownPart(top)
		if err != nil {
			return Document{}, err
		}
		if d.Package, err = readPackage(own); err != nil {
			return Document{}, err
		}
	}
	return d, nil
}

// onlyFile is the file of a document that has one.
func onlyFile(ota fields) (fields, error) {
	var files []json.RawMessage
	if ota.absent("files") {
		return fields{}, fmt.Errorf("has no %s", ota.at("files"))
	}
	if err := json.Unmarshal(ota.values["files"], &files); err != nil {
		return fields{}, fmt.Errorf("has %s that are not an array", ota.at("files"))
	}
	if len(files) != 1 {
		return fields{}, fmt.Errorf("has %d files in %s, but abota installs exactly one", len(files), ota.at("files"))
	}
	one := fields{path: ota.path, values: map[string]json.RawMessage{"files[0]": files[0]}}
	return one.object("files[0]")
}

// read takes what the file says of itself.
func (f *File) read(one fields) (err error) {
	if f.Size, err = one.number("filesize", 1, maxFile); err != nil {
		return err
	}
	if !one.absent("fileid") {
		id, err := one.number("fileid", 0, maxFileID)
		if err != nil {
			return err
		}
		f.ID = int(id)
	}
	for _, t := range []struct {
		name string
		to   *string
	}{{"filepath", &f.Path}, {"certfile", &f.Certificate}, {"auth_scheme", &f.AuthScheme}} {
		if *t.to, err = one.text(t.name, maxName); err != nil {
			return err
		}
	}
	if f.URL, err = address(one, "update_data_url"); err != nil {
		return err
	}
	return f.sign(one)
}

// sign takes the one signature that the file has.
func (f *File) sign(one fields) error {
	var found []string
	for name := range one.values {
		if strings.HasPrefix(name, "sig-") && !one.absent(name) {
			found = append(found, name)
		}
	}
	slices.Sort(found)
	for _, name := range found {
		switch {
		case strings.HasPrefix(name, "sig-sha1-"):
			return fmt.Errorf("has %s: SHA-1 proves nothing any more, sign with SHA-256 (%s or %s)", one.at(name), ECDSA, RSA)
		case name != string(ECDSA) && name != string(RSA):
			return fmt.Errorf("has %.80s, a kind of signature that abota does not know: it takes %s and %s", one.at(name), ECDSA, RSA)
		}
	}
	switch len(found) {
	case 0:
		return fmt.Errorf("has no signature in %s: abota installs only what is signed (%s or %s)", one.path, ECDSA, RSA)
	case 1:
		f.Algorithm = Algorithm(found[0])
	default:
		return fmt.Errorf("has both %s and %s in %s: leave one of them out", ECDSA, RSA, one.path)
	}
	text, err := one.text(found[0], 2*maxSignature)
	if err != nil {
		return err
	}
	f.Signature, err = base64.StdEncoding.DecodeString(text)
	if err != nil || len(f.Signature) == 0 || len(f.Signature) > maxSignature {
		return fmt.Errorf("has a %s that is not 1 to %d bytes in base64", one.at(found[0]), maxSignature)
	}
	return nil
}

// choose picks the protocol: HTTP where an address is there, because it is
// faster and has no limit of size; else MQTT.
func (f *File) choose(ota fields) error {
	var protocols []string
	if ota.absent("protocols") || json.Unmarshal(ota.values["protocols"], &protocols) != nil {
		return fmt.Errorf(`has no %s: write ["MQTT"], ["HTTP"] or both`, ota.at("protocols"))
	}
	stream, err := ota.text("streamname", maxName)
	if err != nil {
		return err
	}
	mqtt, http := slices.Contains(protocols, string(MQTT)), slices.Contains(protocols, string(HTTP))
	if mqtt && stream != "" {
		if !streamNames.MatchString(stream) {
			return fmt.Errorf("has %s %.60q, which is not 1 to 128 letters, digits, hyphens and underscores", ota.at("streamname"), stream)
		}
		f.Stream = stream
	}
	switch {
	case http && f.URL != "":
		f.Protocol = HTTP
	case f.Stream != "":
		f.Protocol, f.URL, f.AuthScheme = MQTT, "", ""
	case mqtt:
		return fmt.Errorf("offers MQTT, but has no %s", ota.at("streamname"))
	case http:
		return fmt.Errorf("offers HTTP, but has no update_data_url in %s.files[0]", ota.path)
	default:
		return fmt.Errorf("offers neither MQTT nor HTTP in %s", ota.at("protocols"))
	}
	return nil
}

// address is an http or https address. What is wrong with it is said without
// it.
func address(f fields, name string) (URL, error) {
	text, err := f.text(name, maxURL)
	if err != nil || text == "" {
		return "", err
	}
	u, err := url.Parse(text)
	switch {
	case strings.HasPrefix(text, "${aws:iot:"):
		return "", fmt.Errorf("has a %s that AWS IoT did not fill in: give the job a presignedUrlConfig", f.at(name))
	case err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "":
		return "", fmt.Errorf("has a %s that is not an http or https address", f.at(name))
	case u.Fragment != "":
		return "", fmt.Errorf("has a %s with a # in it: write %%23 if the name has one", f.at(name))
	}
	return URL(text), nil
}
