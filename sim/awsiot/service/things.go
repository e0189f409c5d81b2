package service

import (
	"cmp"
	"crypto/rand"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
)

// thing is a device's entry in the registry, with what is pending for it.
type thing struct {
	name, id   string
	kind       string // thing type
	attributes map[string]string
	version    int64
	groups     map[*group]bool // directly
	principals map[string]bool // ARNs

	// executions holds, by job, what is kept, in order of number.
	executions map[*job][]*execution
	// queue holds what has not ended, in the order it was queued.
	queue []*execution
	// told and head are the pending executions that the device last heard of.
	told []*execution
	head *execution
}

// newID is a random UUID.
func newID() string {
	b := make([]byte, 16)
	rand.Read(b) // never fails
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}

// CreateThing makes a thing; one that exists with the same settings is answered
// as made.
func (s *Service) CreateThing(in CreateThingInput) (CreateThingOutput, error) {
	return do(s, func() (CreateThingOutput, error) {
		if err := checkName("thingName", in.ThingName); err != nil {
			return CreateThingOutput{}, err
		}
		attributes, err := newAttributes(nil, in.AttributePayload)
		if err != nil {
			return CreateThingOutput{}, err
		}
		t := s.things[in.ThingName]
		if t == nil {
			t = &thing{
				name: in.ThingName, id: newID(), kind: in.ThingTypeName, attributes: attributes, version: 1,
				groups: map[*group]bool{}, principals: map[string]bool{}, executions: map[*job][]*execution{},
			}
			s.things[t.name] = t
		}
		arn := s.arn("thing", t.name)
		if t.kind != in.ThingTypeName || !maps.Equal(t.attributes, attributes) {
			return CreateThingOutput{}, exists(t.name, arn, "thing %s exists with other settings", t.name)
		}
		return CreateThingOutput{t.name, arn, t.id}, nil
	})
}

// UpdateThing changes a thing's attributes.
func (s *Service) UpdateThing(in UpdateThingInput) error {
	return s.change(func() error {
		t, err := s.thing(in.ThingName)
		if err != nil {
			return err
		}
		if in.ExpectedVersion != nil && *in.ExpectedVersion != t.version {
			return versionConflict("thing %s has version %d, not %d", t.name, t.version, *in.ExpectedVersion)
		}
		attributes, err := newAttributes(t.attributes, in.AttributePayload)
		if err != nil {
			return err
		}
		t.attributes = attributes
		t.version++
		return nil
	})
}

// DescribeThing shows a thing.
func (s *Service) DescribeThing(name string) (DescribeThingOutput, error) {
	return do(s, func() (DescribeThingOutput, error) {
		t, err := s.thing(name)
		if err != nil {
			return DescribeThingOutput{}, err
		}
		return DescribeThingOutput{
			DefaultClientID: t.name, ThingName: t.name, ThingID: t.id, ThingARN: s.arn("thing", t.name),
			ThingTypeName: t.kind, Attributes: maps.Clone(t.attributes), Version: t.version,
		}, nil
	})
}

// DeleteThing removes a thing, from its groups and jobs too. One that does not
// exist is answered as removed.
func (s *Service) DeleteThing(name string) error {
	return s.change(func() error {
		t := s.things[name]
		if t == nil {
			return nil
		}
		if len(t.principals) > 0 {
			return invalid("thing %s has principals attached: detach them first", name)
		}
		for g := range t.groups {
			delete(g.members, t)
		}
		delete(s.things, name)
		s.forget(t)
		delete(s.touched, t)
		return nil
	})
}

// ListThings lists things by name.
func (s *Service) ListThings(page Page) (ListThingsOutput, error) {
	return do(s, func() (ListThingsOutput, error) {
		names, next, err := cut(sortedKeys(s.things), page)
		out := ListThingsOutput{Things: []ThingAttribute{}, NextToken: next}
		for _, name := range names {
			t := s.things[name]
			out.Things = append(out.Things, ThingAttribute{name, t.kind, s.arn("thing", name), maps.Clone(t.attributes), t.version})
		}
		return out, err
	})
}

func (s *Service) thing(name string) (*thing, error) {
	if t := s.things[name]; t != nil {
		return t, nil
	}
	return nil, notFound("thing %s does not exist", show(name))
}

// show is a name as somebody sent it, fit for a message.
func show(name string) string {
	if len(name) > 128 {
		name = name[:128] + "…"
	}
	quoted := fmt.Sprintf("%q", name)
	return quoted[1 : len(quoted)-1]
}

func checkName(what, name string) error {
	if !namePattern.MatchString(name) {
		return invalid("%s %s is not 1 to 128 of letters, digits, colon, underscore and hyphen", what, show(name))
	}
	return nil
}

// newAttributes is old with the payload's, or only the payload's unless it says
// merge; an empty value removes an attribute.
func newAttributes(old map[string]string, payload *AttributePayload) (map[string]string, error) {
	attributes := map[string]string{}
	if payload == nil || payload.Merge {
		maps.Copy(attributes, old)
	}
	if payload == nil {
		return attributes, nil
	}
	for key, value := range payload.Attributes {
		if !attributeName.MatchString(key) || !attributeValue.MatchString(value) {
			return nil, invalid("attribute %s is not a name of 1 to 128 and a value of up to 800 letters, digits and _.,@/:#=[]-", show(key))
		}
		if attributes[key] = value; value == "" {
			delete(attributes, key)
		}
	}
	if len(attributes) > 50 {
		return nil, invalid("%d attributes are too many: at most 50 are allowed", len(attributes))
	}
	return attributes, nil
}

func sortedKeys[K cmp.Ordered, V any](m map[K]V) []K { return slices.Sorted(maps.Keys(m)) }

// DescribeEndpoint answers where a service is reached; the type is iot:Data
// when empty.
func (s *Service) DescribeEndpoint(endpointType string) (DescribeEndpointOutput, error) {
	if endpointType == "" {
		endpointType = "iot:Data"
	}
	address, ok := s.cfg.Endpoints[endpointType]
	if !ok {
		return DescribeEndpointOutput{}, &Error{
			Type: "InvalidRequestException", Status: http.StatusBadRequest,
			Message: "endpointType " + show(endpointType) + " is none that is served here: give " + strings.Join(sortedKeys(s.cfg.Endpoints), ", "),
		}
	}
	return DescribeEndpointOutput{address}, nil
}
