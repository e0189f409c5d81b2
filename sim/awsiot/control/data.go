package control

import (
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"slices"
	"strings"

	"abota/sim/awsiot/service"
)

// jobsOperations are the jobs data plane's, a device's view of its jobs.
func jobsOperations() []operation {
	return []operation{
		{"GetPendingJobExecutions", "GET", "/things/{thingName}/jobs", func(s *Server, c *call) (any, error) {
			out, err := s.Service.GetPendingJobExecutions(service.GetPendingInput{ThingName: c.path("thingName")})
			return out.HTTP(), err
		}},
		{"StartNextPendingJobExecution", "PUT", "/things/{thingName}/jobs/$next", with(func(s *Server, c *call, in service.StartNextInput) (any, error) {
			in.ThingName = c.path("thingName")
			out, err := s.Service.StartNextPendingJobExecution(in)
			return out.HTTP(), err
		})},
		{"DescribeJobExecution", "GET", "/things/{thingName}/jobs/{jobId}", func(s *Server, c *call) (any, error) {
			in := service.DescribeInput{ThingName: c.path("thingName"), JobID: c.path("jobId"), ExecutionNumber: c.maybe("executionNumber")}
			if c.query.Has("includeJobDocument") {
				include := c.flag("includeJobDocument")
				in.IncludeJobDocument = &include
			}
			out, err := s.Service.DescribeDeviceJobExecution(in)
			return out.HTTP(), err
		}},
		{"UpdateJobExecution", "POST", "/things/{thingName}/jobs/{jobId}", with(func(s *Server, c *call, in service.UpdateInput) (any, error) {
			in.ThingName, in.JobID = c.path("thingName"), c.path("jobId")
			out, err := s.Service.UpdateJobExecution(in)
			return out.HTTP(), err
		})},
	}
}

// dataOperations are the data plane's: shadows, and messages for MQTT.
func dataOperations() []operation {
	const shadow = "/things/{thingName}/shadow"
	return []operation{
		{"GetThingShadow", "GET", shadow, func(s *Server, c *call) (any, error) {
			out, err := s.Service.GetThingShadow(c.path("thingName"), c.text("name"))
			return raw(out), err
		}},
		{"UpdateThingShadow", "POST", shadow, func(s *Server, c *call) (any, error) {
			out, err := s.Service.UpdateThingShadow(c.path("thingName"), c.text("name"), c.body)
			return raw(out), err
		}},
		{"DeleteThingShadow", "DELETE", shadow, func(s *Server, c *call) (any, error) {
			out, err := s.Service.DeleteThingShadow(c.path("thingName"), c.text("name"))
			return raw(out), err
		}},
		{"ListNamedShadowsForThing", "GET", "/api/things/shadow/ListNamedShadowsForThing/{thingName}", func(s *Server, c *call) (any, error) {
			list, err := s.Service.ListNamedShadows(c.path("thingName"))
			return map[string]any{"results": append([]string{}, list...), "timestamp": s.Service.Now().Unix()}, err
		}},
		{"Publish", "POST", "/topics/{topic+}", publish},
	}
}

// publish hands a message to the broker. Reserved topics are requests, and
// have operations of their own; the service takes some of them here too.
func publish(s *Server, c *call) (any, error) {
	topic := c.path("topic")
	switch {
	case strings.HasPrefix(topic, "$"):
		return nil, refuse("InvalidRequestException", "this emulator publishes to no reserved topic over HTTP: %s; use the operations for shadows and jobs", topic)
	case strings.ContainsAny(topic, "+#\x00"):
		return nil, refuse("InvalidRequestException", "the topic %q has characters of a filter", topic)
	case c.number("qos") < 0 || c.number("qos") > 1:
		return nil, refuse("InvalidRequestException", "qos is 0 or 1, not %s", c.text("qos"))
	}
	return done(s.Publish(topic, c.body, byte(c.number("qos")), c.flag("retain")))
}

// Registry says whose a certificate is.
type Registry interface {
	// Things are those to which a certificate is attached, by its ID: the
	// SHA-256 of its DER in lower-case hexadecimal digits. False means that it
	// is unknown or not active.
	Things(certificate string) ([]string, bool)
}

// CertificateOf is the ID of the certificate that a request came with over
// TLS.
func CertificateOf(r *http.Request) string {
	if r.TLS == nil || len(r.TLS.PeerCertificates) == 0 {
		return ""
	}
	sum := sha256.Sum256(r.TLS.PeerCertificates[0].Raw)
	return hex.EncodeToString(sum[:])
}

// Devices serves the data planes behind mutual TLS, where a certificate stands
// for the things that it is attached to.
func (s *Server) Devices(registry Registry) http.Handler {
	table := slices.Concat(jobsOperations(), dataOperations())
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Amzn-RequestId", requestID())
		things, active := registry.Things(CertificateOf(r))
		body, f := readBody(r)
		op, params := find(table, r.Method, r.URL.EscapedPath())
		if thing := params["thingName"]; f == nil && !active {
			f = refuse("UnauthorizedException", "the certificate is not registered or not active")
		} else if f == nil && op != nil && thing != "" && !slices.Contains(things, thing) {
			f = refuse("UnauthorizedException", "the certificate is not attached to thing %s", thing)
		}
		if f != nil {
			s.refuse(w, r, f)
			return
		}
		s.answer(w, r, "the data planes", table, body)
	})
}
