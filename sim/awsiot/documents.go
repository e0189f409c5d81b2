package awsiot

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"regexp"
	"strings"
)

// maxDocument bounds a job's document, in bytes: one more than the service
// allows, so that it sees that there is more.
const maxDocument = 32<<10 + 1

// bucketHost is a bucket in the name of a host.
var bucketHost = regexp.MustCompile(`^(.+)\.s3[.-][a-z0-9.-]*amazonaws\.com$`)

// readDocument reads a documentSource from the store.
func (c *Cloud) readDocument(source string) (string, error) {
	bucket, key, version, err := splitSource(source)
	if err != nil {
		return "", err
	}
	object, _, err := c.store.Open(context.Background(), bucket, key, version)
	if err != nil {
		return "", err
	}
	defer object.Close()
	text, err := io.ReadAll(io.LimitReader(object, maxDocument))
	if err != nil {
		return "", fmt.Errorf("read the document %s: %w", source, err)
	}
	return string(text), nil
}

// splitSource takes a link to an object apart: https://BUCKET.s3.REGION.amazonaws.com/KEY,
// https://HOST/BUCKET/KEY or s3://BUCKET/KEY, with ?versionId=… or without.
func splitSource(source string) (bucket, key, version string, err error) {
	u, err := url.Parse(source)
	if err != nil {
		return "", "", "", fmt.Errorf("read the link to the document: %w", err)
	}
	path := strings.TrimPrefix(u.Path, "/")
	switch in := bucketHost.FindStringSubmatch(u.Hostname()); {
	case u.Scheme == "s3":
		bucket, key = u.Host, path
	case u.Scheme != "https" && u.Scheme != "http":
		return "", "", "", fmt.Errorf("the link %q is neither https:// nor s3://", source)
	case in != nil:
		bucket, key = in[1], path
	default:
		bucket, key, _ = strings.Cut(path, "/")
	}
	if bucket == "" || key == "" {
		return "", "", "", errors.New("the link " + source + " names no object in a bucket")
	}
	return bucket, key, u.Query().Get("versionId"), nil
}
