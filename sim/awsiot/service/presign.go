package service

import (
	"encoding/json"
	"net/url"
	"strings"
	"time"
)

// defaultExpiry is how long URLs hold when the job does not say, an hour.
const defaultExpiry = 3600

// object is what a pre-signed URL is asked for.
type object struct{ bucket, key, version string }

// parsePresign reads the inside of a placeholder: the first form has the URL as
// it is and no version, the second has it encoded, with the version as
// %3FversionId%3D… behind the key.
func parsePresign(inside string) (object, error) {
	kind, text, _ := strings.Cut(inside, ":")
	var raw string
	if err := json.Unmarshal([]byte(`"`+text+`"`), &raw); err != nil {
		return object{}, invalidDocument("the URL %s of a placeholder is no JSON text", show(text))
	}
	version := ""
	if kind == "s3-presigned-url-v2" {
		decoded, err := url.PathUnescape(raw)
		if err != nil {
			return object{}, invalidDocument("the URL %s of a placeholder is not encoded as URLs are", show(text))
		}
		raw, version, _ = strings.Cut(decoded, "?versionId=")
	}
	o, ok := splitURL(raw)
	if !ok {
		return object{}, invalidDocument("%s is no URL of an object in S3, such as https://s3.REGION.amazonaws.com/BUCKET/KEY", show(raw))
	}
	o.version = version
	return o, nil
}

// splitURL tells bucket and key of an S3 URL. A host of Amazon's that begins
// with something else than s3 has the bucket in front; every other host is a
// store that has it in the path.
func splitURL(raw string) (object, bool) {
	scheme, rest, ok := strings.Cut(raw, "://")
	if !ok || scheme != "https" && scheme != "http" {
		return object{}, false
	}
	host, path, _ := strings.Cut(rest, "/")
	bucket, key, _ := strings.Cut(path, "/")
	if name, _, amazon := strings.Cut(host, ".s3"); amazon && strings.Contains(host, ".amazonaws.com") {
		bucket, key = name, path
	}
	return object{bucket: bucket, key: key}, bucket != "" && key != ""
}

// presignURL is an object's URL as the second form has it.
func presignURL(region, bucket, key, version string) string {
	escape := func(text string) string { return strings.ReplaceAll(url.QueryEscape(text), "+", "%20") }
	text := "https://s3." + region + ".amazonaws.com/" + bucket + "/" + strings.ReplaceAll(escape(key), "%2F", "/")
	if version != "" {
		text += "%3FversionId%3D" + escape(version)
	}
	return text
}

// readDocument is a job's document for a device that asks now, with URLs signed
// now.
func (s *Service) readDocument(j *job) (*Document, error) {
	expires := int64(defaultExpiry)
	if c := j.in.PresignedURLConfig; c != nil && c.ExpiresInSec != nil {
		expires = *c.ExpiresInSec
	}
	var failed error
	text := placeholder.ReplaceAllStringFunc(j.document, func(match string) string {
		inside := placeholder.FindStringSubmatch(match)[1]
		if !strings.HasPrefix(inside, "s3-presigned-url") {
			return match
		}
		signed, err := s.sign(inside, time.Duration(expires)*time.Second)
		if err != nil {
			failed = err
			return match
		}
		return *escaped(signed)
	})
	return &Document{Text: text}, failed
}

func (s *Service) sign(inside string, expires time.Duration) (string, error) {
	o, err := parsePresign(inside)
	if err != nil {
		return "", err
	}
	if s.cfg.Presign == nil {
		return "", AsError(invalid("no URL can be signed because the service was given no object store"))
	}
	signed, err := s.cfg.Presign(o.bucket, o.key, o.version, expires)
	if err != nil {
		return "", AsError(err)
	}
	return signed, nil
}
