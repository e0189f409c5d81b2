package source

import (
	"strings"

	"github.com/aws/smithy-go/encoding/httpbinding"
)

// partitions are the parts of AWS that do not end in amazonaws.com, by how the
// names of their regions begin.
//
// Source: awsrulesfn/partitions.json of the AWS SDK for Go.
var partitions = []struct{ prefix, suffix string }{
	{"cn-", "amazonaws.com.cn"},
	{"eusc-", "amazonaws.eu"},
	{"us-iso-", "c2s.ic.gov"},
	{"us-isob-", "sc2s.sgov.gov"},
	{"eu-isoe-", "cloud.adc-e.uk"},
	{"us-isof-", "csp.hci.ic.gov"},
}

// endings of buckets' names that are no ordinary buckets: those of S3 Express
// One Zone, whose zone stands before them, and aliases of access points on
// Outposts, which are not supported.
const (
	expressEnding = "--x-s3"
	outpostEnding = "--op-s3"
)

// address is the URL of an object, and the service that requests for it are
// signed for. With an endpoint objects are addressed by path, as every
// compatible store knows it; at AWS by host, where the bucket's name is one
// that a certificate holds for.
//
// Source: "Virtual hosting of general purpose buckets" and "Regional and Zonal
// endpoints for directory buckets" of the Amazon S3 User Guide.
func address(endpoint, region, bucket, key string) (url, service string) {
	path := "/" + httpbinding.EscapePath(key, false)
	if endpoint != "" {
		return redact(endpoint) + "/" + bucket + path, "s3"
	}
	host := "." + region + "." + suffixOf(region)
	if zone, ok := expressZone(bucket); ok {
		return "https://" + bucket + ".s3express-" + zone + host + path, "s3express"
	}
	if isHostLabel(bucket) {
		return "https://" + bucket + ".s3" + host + path, "s3"
	}
	return "https://s3" + host + "/" + bucket + path, "s3"
}

func suffixOf(region string) string {
	for _, p := range partitions {
		if strings.HasPrefix(region, p.prefix) {
			return p.suffix
		}
	}
	return "amazonaws.com"
}

// expressZone is the availability zone in NAME--ZONE--x-s3.
func expressZone(bucket string) (zone string, ok bool) {
	name, ok := strings.CutSuffix(bucket, expressEnding)
	if !ok {
		return "", false
	}
	i := strings.LastIndex(name, "--")
	if i <= 0 {
		return "", false
	}
	return name[i+2:], true
}

// isHostLabel reports a name that a wildcard certificate holds for: no dots,
// no capital letters.
func isHostLabel(bucket string) bool {
	return len(bucket) >= 3 && len(bucket) <= 63 && bucket[0] != '-' && bucket[len(bucket)-1] != '-' &&
		!strings.ContainsFunc(bucket, func(r rune) bool { return r != '-' && (r < 'a' || r > 'z') && (r < '0' || r > '9') })
}
