package service

import (
	"maps"
	"strings"
	"unicode/utf8"
)

// TagResource adds tags.
func (s *Service) TagResource(in TagResourceInput) error {
	return s.change(func() error {
		if err := s.taggable(in.ResourceARN); err != nil {
			return err
		}
		return s.setTags(in.ResourceARN, in.Tags)
	})
}

// UntagResource removes tags.
func (s *Service) UntagResource(in UntagResourceInput) error {
	return s.change(func() error {
		if err := s.taggable(in.ResourceARN); err != nil {
			return err
		}
		for _, key := range in.TagKeys {
			delete(s.tags[in.ResourceARN], key)
		}
		return nil
	})
}

// ListTagsForResource shows tags.
func (s *Service) ListTagsForResource(arn string) (ListTagsOutput, error) {
	return do(s, func() (ListTagsOutput, error) {
		out := ListTagsOutput{Tags: []Tag{}}
		if err := s.taggable(arn); err != nil {
			return out, err
		}
		for _, key := range sortedKeys(s.tags[arn]) {
			out.Tags = append(out.Tags, Tag{key, s.tags[arn][key]})
		}
		return out, nil
	})
}

// setTags adds tags all or none.
func (s *Service) setTags(arn string, tags []Tag) error {
	with := map[string]string{}
	maps.Copy(with, s.tags[arn])
	for _, tag := range tags {
		if n := utf8.RuneCountInString(tag.Key); n < 1 || n > 128 || utf8.RuneCountInString(tag.Value) > 256 || strings.HasPrefix(tag.Key, "aws:") {
			return invalid("tag %s is not a name of 1 to 128 characters, not beginning with aws:, and a value of up to 256", show(tag.Key))
		}
		with[tag.Key] = tag.Value
	}
	if len(with) > maxTags {
		return limitExceeded("%s would have %d tags: at most %d are allowed", arn, len(with), maxTags)
	}
	if len(with) > 0 {
		s.tags[arn] = with
	}
	return nil
}

// taggable says whether an ARN names something that is there and may have tags.
func (s *Service) taggable(arn string) error {
	rest, ok := strings.CutPrefix(arn, "arn:aws:iot:"+s.cfg.Region+":"+s.cfg.Account+":")
	kind, name, slash := strings.Cut(rest, "/")
	if ok && slash && s.holds(kind, name) {
		return nil
	}
	return notFound("resource %s does not exist, or takes no tags", show(arn))
}

func (s *Service) holds(kind, name string) bool {
	switch kind {
	case "job":
		return s.jobs[name] != nil
	case "stream":
		return s.streams[name] != nil
	case "thinggroup":
		return s.groups[name] != nil
	case "policy":
		return s.policies[name] != nil
	case "package":
		name, version, ok := strings.Cut(name, "/version/")
		p := s.packages[name]
		return p != nil && (!ok || p.versions[version] != nil)
	}
	return false
}
