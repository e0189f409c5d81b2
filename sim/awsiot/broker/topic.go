package broker

import "strings"

// The parts of the service that answer on reserved topics.
type family string

const (
	jobsFamily   family = "jobs"
	streamFamily family = "streams"
	shadowFamily family = "shadow"
	rulesFamily  family = "rules" // Basic Ingest: goes to rules only, of which there are none
)

// request is what a publish to a reserved topic asks for.
type request struct {
	topic  string
	family family
	thing  string
	// id is the job, "$next", the stream, or the shadow's name.
	id string
	// op is the operation; empty where the topic is in a family's namespace
	// and stands for none of its operations.
	op     string
	format string // of streams: json or cbor
}

// reserved says whether a topic is the service's.
func reserved(topic string) bool { return strings.HasPrefix(topic, "$") }

// parseRequest reads a reserved topic. False means that nobody may publish to
// it.
func parseRequest(topic string) (request, bool) {
	part := strings.Split(topic, "/")
	if len(part) >= 3 && part[0] == "$aws" && part[1] == string(rulesFamily) && part[2] != "" {
		return request{topic: topic, family: rulesFamily, id: part[2]}, true
	}
	if len(part) < 5 || part[0] != "$aws" || part[1] != "things" || part[2] == "" {
		return request{}, false
	}
	r := request{topic: topic, family: family(part[3]), thing: part[2]}
	switch r.family {
	case jobsFamily:
		return r.jobs(part[4:]), true
	case streamFamily:
		return r.stream(part[4:]), true
	case shadowFamily:
		return r.shadow(part[4:])
	}
	return request{}, false
}

func (r request) jobs(part []string) request {
	switch {
	case len(part) == 1 && (part[0] == "get" || part[0] == "start-next"):
		r.op = part[0]
	case len(part) == 2 && part[0] != "" && (part[1] == "get" || part[1] == "update"):
		// The response topics of the two above look like jobs of that name.
		if part[0] != "get" && part[0] != "start-next" {
			r.id, r.op = part[0], part[1]
		}
	}
	return r
}

func (r request) stream(part []string) request {
	r.id, r.format = part[0], "json"
	if n := len(part); n > 1 && part[n-1] == "cbor" {
		r.format = "cbor"
	}
	if len(part) == 3 && part[0] != "" && (part[1] == "describe" || part[1] == "get") && (part[2] == "json" || part[2] == "cbor") {
		r.op = part[1]
	}
	return r
}

func (r request) shadow(part []string) (request, bool) {
	if len(part) == 3 && part[0] == "name" && part[1] != "" {
		r.id, part = part[1], part[2:]
	}
	if len(part) != 1 {
		return r, false
	}
	switch part[0] {
	case "get", "update", "delete":
		r.op = part[0]
		return r, true
	}
	return r, false
}

// matches says whether a subscription's filter covers a topic.
func matches(filter, topic string) bool {
	if _, inner, shared := shareOf(filter); shared {
		filter = inner
	}
	if reserved(topic) && !reserved(filter) {
		return false
	}
	want, have := strings.Split(filter, "/"), strings.Split(topic, "/")
	for i, level := range want {
		switch {
		case level == "#":
			return len(have) > i // the parent itself is not covered, as AWS has it
		case i >= len(have) || level != "+" && level != have[i]:
			return false
		}
	}
	return len(want) == len(have)
}

// shareOf takes a shared subscription's filter apart.
func shareOf(filter string) (group, inner string, shared bool) {
	rest, shared := strings.CutPrefix(filter, "$share/")
	if !shared {
		return "", filter, false
	}
	group, inner, _ = strings.Cut(rest, "/")
	return group, inner, true
}
