package control

import (
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"abota/sim/awsiot/service"
)

// operation is a row of a service's table: a name in its API model, and the
// request that it is.
type operation struct {
	name, method, path string
	do                 func(*Server, *call) (any, error)
}

// call is a request for an operation.
type call struct {
	request *http.Request
	params  map[string]string // from the path
	query   url.Values
	body    []byte
}

// raw is a reply that is not JSON of ours.
type raw []byte

// find finds the operation of a request. The first one that fits is it, so
// that fixed paths stand before those with parameters. A last parameter of the
// form {name+} takes the rest of the path.
func find(table []operation, method, path string) (*operation, map[string]string) {
	parts := strings.Split(path, "/")
	for i := range table {
		if table[i].method != method {
			continue
		}
		if params, fits := match(strings.Split(table[i].path, "/"), parts); fits {
			return &table[i], params
		}
	}
	return nil, nil
}

func match(pattern, parts []string) (map[string]string, bool) {
	params := map[string]string{}
	for i, want := range pattern {
		name, parameter := strings.CutPrefix(strings.TrimSuffix(want, "}"), "{")
		name, greedy := strings.CutSuffix(name, "+")
		switch {
		case greedy && i < len(parts):
			parts = append(slices.Clone(parts[:i]), strings.Join(parts[i:], "/"))
		case i >= len(parts):
			return nil, false
		}
		value, err := url.PathUnescape(parts[i])
		if err != nil || value == "" && parameter || !parameter && value != want {
			return nil, false
		}
		if parameter {
			params[name] = value
		}
	}
	return params, len(parts) == len(pattern)
}

// The query parameters that are no texts, by their names in all models.
var (
	numbers = []string{"maxResults", "executionNumber", "pageSize", "qos", "expectedVersion"}
	// leasts are of those that may not be 0.
	leasts = map[string]int64{"maxResults": 1, "pageSize": 1}
	flags  = []string{
		"force", "forceDelete", "recursive", "includeJobDocument", "beforeSubstitution", "isAscendingOrder", "ascendingOrder",
		"setAsActive", "includeCanceled", "retain",
	}
)

// checkQuery refuses what is no value of its parameter's type, in the service's
// word for it.
func checkQuery(service string, q url.Values) *fault {
	kind := "InvalidRequestException"
	if service == "signer" {
		kind = "ValidationException"
	}
	for _, name := range numbers {
		n, err := strconv.ParseInt(q.Get(name), 10, 32)
		if least := leasts[name]; q.Has(name) && (err != nil || n < least) {
			return refuse(kind, "%s=%q is no whole number from %d on", name, q.Get(name), least)
		}
	}
	for _, name := range flags {
		if v := q.Get(name); q.Has(name) && v != "true" && v != "false" {
			return refuse(kind, "%s=%q is neither true nor false", name, v)
		}
	}
	return nil
}

func (c *call) path(name string) string { return c.params[name] }
func (c *call) text(name string) string { return c.query.Get(name) }
func (c *call) flag(name string) bool   { return c.query.Get(name) == "true" }

// number is a parameter that checkQuery has seen; 0 when it is not there.
func (c *call) number(name string) int64 {
	n, _ := strconv.ParseInt(c.query.Get(name), 10, 64)
	return n
}

// maybe is a number that may be missing.
func (c *call) maybe(name string) *service.Number {
	if !c.query.Has(name) {
		return nil
	}
	n := service.Number(c.number(name))
	return &n
}

// page is what lists of AWS IoT ask for.
func (c *call) page() service.Page {
	return service.Page{MaxResults: int(c.number("maxResults")), NextToken: c.text("nextToken")}
}

// with reads the body into what the operation takes; an empty one is {}.
func with[In any](do func(s *Server, c *call, in In) (any, error)) func(*Server, *call) (any, error) {
	return func(s *Server, c *call) (any, error) {
		var in In
		if len(c.body) > 0 {
			if err := json.Unmarshal(c.body, &in); err != nil {
				return nil, refuse("InvalidRequestException", "the body is not what the operation takes: %v", err)
			}
		}
		return do(s, c, in)
	}
}

// done is the reply of an operation that answers nothing but its success.
func done(err error) (any, error) { return struct{}{}, err }
