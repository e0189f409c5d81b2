package service

import (
	"encoding/json"
	"maps"
)

// What a shadow announces, and its end.

func (s *Service) announceShadow(thing, name, kind string, payload []byte) {
	topic := "$aws/things/" + thing + "/shadow/"
	if name != "" {
		topic += "name/" + name + "/"
	}
	s.box.put(Announcement{thing, topic + kind, payload})
}

func (s *Service) announceDelta(thing, name string, sh *shadow, token string) {
	if d := delta(sh.desired.state, sh.reported.state); d != nil {
		m := shadowMessage{State: d, Metadata: subset(sh.desired.metadata, d), Version: sh.version, Timestamp: s.now.Unix(), ClientToken: token}
		s.announceShadow(thing, name, "update/delta", marshal(m))
	}
}

// subset is the metadata of what is in a delta.
func subset(metadata, of map[string]any) map[string]any {
	out := map[string]any{}
	for key, value := range of {
		inner, object := value.(map[string]any)
		below, both := metadata[key].(map[string]any)
		if object && both {
			out[key] = subset(below, inner)
			continue
		}
		out[key] = metadata[key]
	}
	return out
}

func (s *Service) announceDocuments(thing, name string, old, now *shadow, token string) {
	side := func(sh *shadow) *shadowMessage {
		if sh.deleted {
			return nil
		}
		m := sh.document(name, s.now)
		delete(m.State, "delta")
		m.Timestamp = 0
		return &m
	}
	s.announceShadow(thing, name, "update/documents", marshal(struct {
		Previous    *shadowMessage `json:"previous,omitempty"`
		Current     *shadowMessage `json:"current"`
		Timestamp   int64          `json:"timestamp"`
		ClientToken string         `json:"clientToken,omitempty"`
	}{side(old), side(now), s.now.Unix(), token}))
}

// DeleteThingShadow removes a shadow and answers its version, which is
// announced as accepted too.
func (s *Service) DeleteThingShadow(thing, name string) ([]byte, error) {
	return do(s, func() ([]byte, error) {
		sh, err := s.shadow(thing, name)
		if err != nil {
			return nil, err
		}
		s.shadows[thing][name] = &shadow{version: sh.version, deleted: true}
		reply := marshal(shadowMessage{Version: sh.version, Timestamp: s.now.Unix()})
		s.announceShadow(thing, name, "delete/accepted", reply)
		return reply, nil
	})
}

// ListNamedShadows lists the names of a thing's shadows.
func (s *Service) ListNamedShadows(thing string) ([]string, error) {
	return do(s, func() ([]string, error) {
		if err := checkShadow(thing, ""); err != nil {
			return nil, err
		}
		names := []string{}
		for _, name := range sortedKeys(maps.Clone(s.shadows[thing])) {
			if name != "" && !s.shadows[thing][name].deleted {
				names = append(names, name)
			}
		}
		return names, nil
	})
}

// writePackageShadow reports packages in a thing's shadow $package. One that
// would become too big stays as it is.
func (s *Service) writePackageShadow(t *thing, packages map[string]any) {
	var in shadowUpdate
	body := marshal(map[string]any{"state": map[string]any{"reported": packages}})
	if json.Unmarshal(body, &in) == nil {
		_, _ = s.updateShadow(t.name, packageShadow, in)
	}
}
