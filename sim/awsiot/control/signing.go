package control

import (
	"encoding/base64"
	"slices"
	"strconv"

	"abota/sim/awsiot/signer"
)

// signerOperations are AWS Signer's.
func signerOperations() []operation {
	return []operation{
		{"PutSigningProfile", "PUT", "/signing-profiles/{profileName}", with(putProfile)},
		{"GetSigningProfile", "GET", "/signing-profiles/{profileName}", func(s *Server, c *call) (any, error) {
			return s.Signer.Profile(c.path("profileName"))
		}},
		{"CancelSigningProfile", "DELETE", "/signing-profiles/{profileName}", func(s *Server, c *call) (any, error) {
			return done(s.Signer.Cancel(c.path("profileName")))
		}},
		{"ListSigningProfiles", "GET", "/signing-profiles", listProfiles},
		{"StartSigningJob", "POST", "/signing-jobs", with(startJob)},
		{"DescribeSigningJob", "GET", "/signing-jobs/{jobId}", func(s *Server, c *call) (any, error) {
			return s.Signer.Job(c.path("jobId"))
		}},
		{"ListSigningJobs", "GET", "/signing-jobs", listSigningJobs},
		{"GetSigningPlatform", "GET", "/signing-platforms/{platformId}", func(_ *Server, c *call) (any, error) {
			return signer.FindPlatform(c.path("platformId"))
		}},
		{"ListSigningPlatforms", "GET", "/signing-platforms", listPlatforms},
	}
}

func putProfile(s *Server, c *call, p signer.Profile) (any, error) {
	p.Name = c.path("profileName")
	made, err := s.Signer.Put(p)
	return map[string]string{"arn": made.ARN, "profileVersion": made.Version, "profileVersionArn": made.VersionARN}, err
}

func startJob(s *Server, _ *call, in signer.Start) (any, error) {
	job, err := s.Signer.Start(in)
	return map[string]string{"jobId": job.ID, "jobOwner": job.Owner}, err
}

func listProfiles(s *Server, c *call) (any, error) {
	all := slices.DeleteFunc(s.Signer.Profiles(), func(p signer.Profile) bool {
		statuses := c.query["statuses"]
		return p.Status != signer.Active && !c.flag("includeCanceled") && len(statuses) == 0 ||
			len(statuses) > 0 && !slices.Contains(statuses, p.Status) ||
			c.query.Has("platformId") && p.Platform != c.text("platformId")
	})
	page, next, err := cut(all, c)
	return struct {
		Profiles []signer.Profile `json:"profiles"`
		Next     string           `json:"nextToken,omitempty"`
	}{page, next}, err
}

func listSigningJobs(s *Server, c *call) (any, error) {
	all := slices.DeleteFunc(s.Signer.Jobs(), func(j signer.Job) bool {
		return c.query.Has("status") && j.Status != c.text("status") ||
			c.query.Has("platformId") && j.Platform != c.text("platformId") ||
			c.query.Has("requestedBy") && j.RequestedBy != c.text("requestedBy")
	})
	page, next, err := cut(all, c)
	return struct {
		Jobs []signer.Job `json:"jobs"`
		Next string       `json:"nextToken,omitempty"`
	}{page, next}, err
}

func listPlatforms(_ *Server, c *call) (any, error) {
	page, next, err := cut(signer.Platforms(), c)
	return struct {
		Platforms []signer.Platform `json:"platforms"`
		Next      string            `json:"nextToken,omitempty"`
	}{page, next}, err
}

// maxSignerPage is the most, and the usual, size of the signer's pages.
const maxSignerPage = 25

// cut takes the page of a list that a request asks for. A token is the place
// in the list, in a form that nobody takes for one.
func cut[T any](all []T, c *call) (page []T, next string, err error) {
	size := int64(maxSignerPage)
	if c.query.Has("maxResults") {
		size = c.number("maxResults")
	}
	if size < 1 || size > maxSignerPage {
		return nil, "", refuse("ValidationException", "maxResults is 1 to %d, not %d", maxSignerPage, size)
	}
	from := int64(0)
	if token := c.text("nextToken"); token != "" {
		text, err := base64.RawURLEncoding.DecodeString(token)
		if from, _ = strconv.ParseInt(string(text), 10, 64); err != nil || from < 1 || from > int64(len(all)) {
			return nil, "", refuse("ValidationException", "nextToken %q is none that a page before ended with", token)
		}
	}
	until := min(from+size, int64(len(all)))
	if until < int64(len(all)) {
		next = base64.RawURLEncoding.EncodeToString(strconv.AppendInt(nil, until, 10))
	}
	return append([]T{}, all[from:until]...), next, nil
}
