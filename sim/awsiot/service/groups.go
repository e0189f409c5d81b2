package service

import (
	"cmp"
	"maps"
	"slices"
	"strings"
	"time"
)

// group is a static thing group.
type group struct {
	name, id   string
	parent     *group
	children   map[*group]bool
	members    map[*thing]bool // directly
	properties *ThingGroupProperties
	created    time.Time
}

// within says whether a group is another one or stands below it.
func (g *group) within(other *group) bool {
	for ; g != nil; g = g.parent {
		if g == other {
			return true
		}
	}
	return false
}

// all adds the things of a group and of those below it.
func (g *group) all(into map[*thing]bool) {
	maps.Copy(into, g.members)
	for child := range g.children {
		child.all(into)
	}
}

// maxGroupDepth and maxGroupsPerThing are service quotas.
const (
	maxGroupDepth     = 7
	maxGroupsPerThing = 10
)

// CreateThingGroup makes a static group; one that exists with the same
// settings is answered as made.
func (s *Service) CreateThingGroup(in CreateThingGroupInput) (CreateThingGroupOutput, error) {
	return do(s, func() (CreateThingGroupOutput, error) {
		if err := checkName("thingGroupName", in.ThingGroupName); err != nil {
			return CreateThingGroupOutput{}, err
		}
		arn := s.arn("thinggroup", in.ThingGroupName)
		if old := s.groups[in.ThingGroupName]; old != nil {
			if old.parentName() != in.ParentGroupName {
				return CreateThingGroupOutput{}, exists(old.name, arn, "thing group %s exists with other settings", old.name)
			}
			return CreateThingGroupOutput{old.name, arn, old.id}, nil
		}
		parent, err := s.parentGroup(in.ParentGroupName)
		if err != nil {
			return CreateThingGroupOutput{}, err
		}
		if err := s.setTags(arn, in.Tags); err != nil {
			return CreateThingGroupOutput{}, err
		}
		g := &group{
			name: in.ThingGroupName, id: newID(), parent: parent, properties: in.ThingGroupProperties, created: s.now,
			children: map[*group]bool{}, members: map[*thing]bool{},
		}
		s.groups[g.name] = g
		if parent != nil {
			parent.children[g] = true
		}
		return CreateThingGroupOutput{g.name, arn, g.id}, nil
	})
}

func (g *group) parentName() string {
	if g.parent == nil {
		return ""
	}
	return g.parent.name
}

func (s *Service) parentGroup(name string) (*group, error) {
	if name == "" {
		return nil, nil
	}
	parent := s.groups[name]
	if parent == nil {
		// CreateThingGroup has no ResourceNotFound in its model.
		return nil, invalid("parent thing group %s does not exist", show(name))
	}
	if len(parent.path()) >= maxGroupDepth {
		return nil, invalid("thing group %s stands %d deep already, which is as deep as groups go", name, maxGroupDepth)
	}
	return parent, nil
}

// path is a group's ancestors and itself from the root down.
func (g *group) path() []*group {
	var path []*group
	for ; g != nil; g = g.parent {
		path = append(path, g)
	}
	slices.Reverse(path)
	return path
}

// DescribeThingGroup shows a group.
func (s *Service) DescribeThingGroup(name string) (DescribeThingGroupOutput, error) {
	return do(s, func() (DescribeThingGroupOutput, error) {
		g, err := s.group(name)
		if err != nil {
			return DescribeThingGroupOutput{}, err
		}
		out := DescribeThingGroupOutput{
			ThingGroupName: g.name, ThingGroupID: g.id, ThingGroupARN: s.arn("thinggroup", g.name), Version: 1,
			ThingGroupProperties: g.properties,
			ThingGroupMetadata:   ThingGroupMetadata{ParentGroupName: g.parentName(), CreationDate: Timestamp{g.created}},
		}
		for _, above := range g.parent.path() {
			out.ThingGroupMetadata.RootToParentThingGroups = append(out.ThingGroupMetadata.RootToParentThingGroups, s.nameOf(above))
		}
		return out, nil
	})
}

// DeleteThingGroup removes a group without groups below it. One that does not
// exist is answered as removed.
func (s *Service) DeleteThingGroup(name string) error {
	return s.change(func() error {
		g := s.groups[name]
		if g == nil {
			return nil
		}
		if len(g.children) > 0 {
			return invalid("thing group %s has groups below it: remove those first", name)
		}
		delete(s.groups, name)
		delete(s.tags, s.arn("thinggroup", name))
		for _, p := range s.policies {
			delete(p.targets, s.arn("thinggroup", name))
		}
		if g.parent != nil {
			delete(g.parent.children, g)
		}
		for t := range g.members {
			delete(t.groups, g)
		}
		for _, t := range byName(g.members) {
			s.memberChanged(t)
		}
		return nil
	})
}

// ListThingGroups lists groups by name.
func (s *Service) ListThingGroups(page Page) (ListThingGroupsOutput, error) {
	return do(s, func() (ListThingGroupsOutput, error) {
		return s.listGroups(slices.Collect(maps.Values(s.groups)), page)
	})
}

// ListThingGroupsForThing lists the groups that a thing is directly in.
func (s *Service) ListThingGroupsForThing(name string, page Page) (ListThingGroupsOutput, error) {
	return do(s, func() (ListThingGroupsOutput, error) {
		t, err := s.thing(name)
		if err != nil {
			return ListThingGroupsOutput{}, err
		}
		return s.listGroups(slices.Collect(maps.Keys(t.groups)), page)
	})
}

func (s *Service) listGroups(groups []*group, page Page) (ListThingGroupsOutput, error) {
	slices.SortFunc(groups, func(a, b *group) int { return cmp.Compare(a.name, b.name) })
	shown, next, err := cut(groups, page)
	out := ListThingGroupsOutput{ThingGroups: []GroupNameAndARN{}, NextToken: next}
	for _, g := range shown {
		out.ThingGroups = append(out.ThingGroups, s.nameOf(g))
	}
	return out, err
}

func (s *Service) nameOf(g *group) GroupNameAndARN {
	return GroupNameAndARN{g.name, s.arn("thinggroup", g.name)}
}

// AddThingToThingGroup adds a thing to a group, and so to its continuous jobs.
func (s *Service) AddThingToThingGroup(in GroupMemberInput) error {
	return s.change(func() error {
		t, g, err := s.member(in)
		if err != nil {
			return err
		}
		if t.groups[g] {
			return nil
		}
		if len(t.groups) >= maxGroupsPerThing {
			return invalid("thing %s is in %d groups already, which is as many as a thing may be in", t.name, maxGroupsPerThing)
		}
		t.groups[g], g.members[t] = true, true
		s.memberChanged(t)
		return nil
	})
}

// RemoveThingFromThingGroup removes a thing from a group, and so from its
// continuous jobs.
func (s *Service) RemoveThingFromThingGroup(in GroupMemberInput) error {
	return s.change(func() error {
		t, g, err := s.member(in)
		if err != nil {
			return err
		}
		delete(t.groups, g)
		delete(g.members, t)
		s.memberChanged(t)
		return nil
	})
}

func (s *Service) member(in GroupMemberInput) (*thing, *group, error) {
	thingName, err := s.named("thing", in.ThingName, in.ThingARN)
	if err != nil {
		return nil, nil, err
	}
	groupName, err := s.named("thinggroup", in.ThingGroupName, in.ThingGroupARN)
	if err != nil {
		return nil, nil, err
	}
	t, err := s.thing(thingName)
	if err != nil {
		return nil, nil, err
	}
	g, err := s.group(groupName)
	return t, g, err
}

// named is the name that a request gave, or the one in its ARN.
func (s *Service) named(kind, name, arn string) (string, error) {
	if arn == "" {
		if name == "" {
			return "", invalid("neither the name nor the ARN of the %s is given", kind)
		}
		return name, nil
	}
	inARN, ok := strings.CutPrefix(arn, s.arn(kind, ""))
	if !ok || name != "" && name != inARN {
		return "", invalid("%s is not the ARN of the %s: those begin with %s", show(arn), kind, s.arn(kind, ""))
	}
	return inARN, nil
}

// ListThingsInThingGroup lists a group's things by name.
func (s *Service) ListThingsInThingGroup(in ListThingsInThingGroupInput) (ListThingsInThingGroupOutput, error) {
	return do(s, func() (ListThingsInThingGroupOutput, error) {
		g, err := s.group(in.ThingGroupName)
		if err != nil {
			return ListThingsInThingGroupOutput{}, err
		}
		members := maps.Clone(g.members)
		if in.Recursive {
			g.all(members)
		}
		shown, next, err := cut(byName(members), in.Page)
		out := ListThingsInThingGroupOutput{Things: []string{}, NextToken: next}
		for _, t := range shown {
			out.Things = append(out.Things, t.name)
		}
		return out, err
	})
}

func byName(things map[*thing]bool) []*thing {
	return slices.SortedFunc(maps.Keys(things), func(a, b *thing) int { return cmp.Compare(a.name, b.name) })
}

func (s *Service) group(name string) (*group, error) {
	if g := s.groups[name]; g != nil {
		return g, nil
	}
	return nil, notFound("thing group %s does not exist", show(name))
}
