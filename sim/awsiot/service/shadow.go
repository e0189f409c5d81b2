package service

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"reflect"
	"regexp"
	"time"
)

// shadow is one document of a thing's state. One that was deleted is kept for
// its version, which goes on.
type shadow struct {
	desired, reported section
	version           int64
	updated           time.Time
	deleted           bool
}

// section is desired or reported, with when each value was set.
type section struct{ state, metadata map[string]any }

const (
	packageShadow  = "$package"
	maxShadow      = 8192 // bytes of state
	maxShadowDepth = 8
)

var shadowName = regexp.MustCompile(`^[$a-zA-Z0-9:_-]{1,64}$`)

// shadowUpdate is a request.
type shadowUpdate struct {
	State       map[string]map[string]any `json:"state"`
	Version     *int64                    `json:"version"`
	ClientToken string                    `json:"clientToken"`
}

// shadowMessage is what is answered and announced.
type shadowMessage struct {
	State       map[string]any `json:"state,omitempty"`
	Metadata    map[string]any `json:"metadata,omitempty"`
	Version     int64          `json:"version"`
	Timestamp   int64          `json:"timestamp,omitzero"`
	ClientToken string         `json:"clientToken,omitempty"`
}

// GetThingShadow is a shadow's document; an empty name is the classic one. A
// thing needs no entry in the registry for it.
func (s *Service) GetThingShadow(thing, name string) ([]byte, error) {
	return do(s, func() ([]byte, error) {
		sh, err := s.shadow(thing, name)
		if err != nil {
			return nil, err
		}
		return marshal(sh.document(name, s.now)), nil
	})
}

func (s *Service) shadow(thing, name string) (*shadow, error) {
	if err := checkShadow(thing, name); err != nil {
		return nil, err
	}
	sh := s.shadows[thing][name]
	if sh == nil || sh.deleted {
		if name == "" {
			return nil, notFound("No shadow exists with name: '%s'", thing)
		}
		return nil, notFound("No shadow exists with name: '%s~%s'", thing, name)
	}
	return sh, nil
}

func checkShadow(thing, name string) error {
	if err := checkName("thingName", thing); err != nil {
		return err
	}
	if name != "" && !shadowName.MatchString(name) {
		return invalid("shadow name %s is not 1 to 64 of letters, digits and $:_-", show(name))
	}
	return nil
}

// UpdateThingShadow merges into a shadow and answers what was accepted, which
// is announced too, as are delta and documents: a broker adds only rejections.
func (s *Service) UpdateThingShadow(thing, name string, body []byte) ([]byte, error) {
	return do(s, func() ([]byte, error) {
		if err := checkShadow(thing, name); err != nil {
			return nil, err
		}
		in, err := parseShadow(name, body)
		if err != nil {
			return nil, err
		}
		return s.updateShadow(thing, name, in)
	})
}

func parseShadow(name string, body []byte) (shadowUpdate, error) {
	var in shadowUpdate
	decoder := json.NewDecoder(bytes.NewReader(body))
	decoder.UseNumber()
	if err := decoder.Decode(&in); err != nil || decoder.More() {
		return in, invalid("the shadow's update is no JSON object with state, each of desired and reported an object or null")
	}
	if in.State == nil {
		return in, invalid("Missing required node: state")
	}
	for key, values := range in.State {
		if key != "desired" && key != "reported" {
			return in, invalid("state has %s: only desired and reported are allowed", show(key))
		}
		if depth(values) > maxShadowDepth {
			return in, invalid("%s is nested deeper than %d", key, maxShadowDepth)
		}
		if name == packageShadow {
			if err := checkPackages(values); err != nil {
				return in, err
			}
		}
	}
	return in, nil
}

func depth(value any) int {
	deepest := 0
	switch v := value.(type) {
	case map[string]any:
		for _, inner := range v {
			deepest = max(deepest, depth(inner))
		}
	case []any:
		for _, inner := range v {
			deepest = max(deepest, depth(inner))
		}
	default:
		return 0
	}
	return deepest + 1
}

// checkPackages: the shadow $package holds packages with version and attributes
// alone.
func checkPackages(packages map[string]any) error {
	for name, value := range packages {
		p, ok := value.(map[string]any)
		if !ok && value != nil {
			return invalid("package %s of the shadow $package is no object", show(name))
		}
		for key := range p {
			if key != "version" && key != "attributes" {
				return invalid("package %s of the shadow $package has %s: only version and attributes are allowed", show(name), show(key))
			}
		}
	}
	return nil
}

func (s *Service) updateShadow(thing, name string, in shadowUpdate) ([]byte, error) {
	old := s.shadows[thing][name]
	if old == nil {
		old = &shadow{deleted: true}
	}
	if in.Version != nil && *in.Version != old.version {
		return nil, conflict("Version conflict")
	}
	sh, accepted := old.merged(in.State, s.now)
	if size := len(marshal(sh.state())); size > maxShadow {
		return nil, &Error{Type: "RequestEntityTooLargeException", Status: http.StatusRequestEntityTooLarge, Message: fmt.Sprintf("the shadow would have %d bytes: at most %d are allowed", size, maxShadow)}
	}
	if s.shadows[thing] == nil {
		s.shadows[thing] = map[string]*shadow{}
	}
	s.shadows[thing][name] = sh
	message := shadowMessage{State: sectionsOf(in.State), Metadata: accepted, Version: sh.version, Timestamp: s.now.Unix(), ClientToken: in.ClientToken}
	if name == packageShadow {
		message.Metadata = nil
	}
	reply := marshal(message)
	s.announceShadow(thing, name, "update/accepted", reply)
	s.announceDelta(thing, name, sh, in.ClientToken)
	s.announceDocuments(thing, name, old, sh, in.ClientToken)
	return reply, nil
}

func sectionsOf(state map[string]map[string]any) map[string]any {
	out := map[string]any{}
	for key, values := range state {
		if values == nil {
			out[key] = nil
			continue
		}
		out[key] = values
	}
	return out
}

// merged is a shadow with an update, and when each of its values was set.
func (sh *shadow) merged(state map[string]map[string]any, now time.Time) (*shadow, map[string]any) {
	next := &shadow{version: sh.version + 1, updated: now}
	if !sh.deleted {
		next.desired, next.reported = sh.desired.clone(), sh.reported.clone()
	}
	stamps := map[string]any{}
	for key, part := range map[string]*section{"desired": &next.desired, "reported": &next.reported} {
		values, given := state[key]
		switch {
		case given && values == nil:
			*part = section{}
		case given:
			if part.state == nil {
				*part = section{map[string]any{}, map[string]any{}}
			}
			mergeInto(part.state, part.metadata, values, now.Unix())
			stamps[key] = stampOf(values, now.Unix())
		}
	}
	return next, stamps
}

func (p section) clone() section {
	if p.state == nil {
		return section{}
	}
	return section{cloneJSON(p.state).(map[string]any), cloneJSON(p.metadata).(map[string]any)}
}

func cloneJSON(value any) any {
	m, ok := value.(map[string]any)
	if !ok {
		return value // lists are replaced, never changed
	}
	out := make(map[string]any, len(m))
	for key, inner := range m {
		out[key] = cloneJSON(inner)
	}
	return out
}

// mergeInto sets values in a state: objects are merged, null removes, anything
// else takes the place of what was there.
func mergeInto(state, metadata, values map[string]any, now int64) {
	for key, value := range values {
		inner, object := value.(map[string]any)
		switch {
		case value == nil:
			delete(state, key)
			delete(metadata, key)
		case object:
			below, ok := state[key].(map[string]any)
			stamps, _ := metadata[key].(map[string]any)
			if !ok {
				below, stamps = map[string]any{}, map[string]any{}
			}
			mergeInto(below, stamps, inner, now)
			state[key], metadata[key] = below, stamps
		default:
			state[key], metadata[key] = value, stampOf(value, now)
		}
	}
}

// stampOf is a value's metadata.
func stampOf(value any, now int64) any {
	switch v := value.(type) {
	case map[string]any:
		out := map[string]any{}
		for key, inner := range v {
			out[key] = stampOf(inner, now)
		}
		return out
	case []any:
		out := make([]any, len(v))
		for i, inner := range v {
			out[i] = stampOf(inner, now)
		}
		return out
	}
	return map[string]any{"timestamp": now}
}

func (sh *shadow) state() map[string]any { return pick(sh.desired.state, sh.reported.state) }

func pick(desired, reported map[string]any) map[string]any {
	out := map[string]any{}
	if desired != nil {
		out["desired"] = desired
	}
	if reported != nil {
		out["reported"] = reported
	}
	return out
}

// delta is what desired has otherwise than reported, nil for nothing.
func delta(desired, reported map[string]any) map[string]any {
	out := map[string]any{}
	for key, want := range desired {
		have, ok := reported[key]
		wanted, object := want.(map[string]any)
		current, both := have.(map[string]any)
		switch {
		case object && both:
			if inner := delta(wanted, current); inner != nil {
				out[key] = inner
			}
		case !ok || !reflect.DeepEqual(want, have):
			out[key] = want
		}
	}
	if len(out) == 0 {
		return nil
	}
	return out
}

// document is the whole as Get shows it; $package has no metadata.
func (sh *shadow) document(name string, now time.Time) shadowMessage {
	m := shadowMessage{State: sh.state(), Metadata: pick(sh.desired.metadata, sh.reported.metadata), Version: sh.version, Timestamp: now.Unix()}
	if d := delta(sh.desired.state, sh.reported.state); d != nil {
		m.State["delta"] = d
	}
	if name == packageShadow {
		m.Metadata = nil
	}
	return m
}

func marshal(value any) []byte {
	out, err := json.Marshal(value)
	if err != nil {
		panic("a shadow is no JSON: " + err.Error())
	}
	return out
}
