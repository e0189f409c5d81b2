package source

import (
	"cmp"
	"encoding/json"
)

// jsonCodec is the format "json": numbers, and base64 for a block.
type jsonCodec struct{}

type jsonGet struct {
	Token   string `json:"c"`
	Version int64  `json:"s,omitempty"`
	File    int64  `json:"f"`
	Block   int64  `json:"l"`
	Offset  int64  `json:"o"`
	Count   int64  `json:"n"`
}

type jsonFile struct {
	ID   *int64 `json:"f"`
	Size *int64 `json:"z"`
}

func (jsonCodec) describe(token string) []byte {
	return encodeJSON(struct {
		Token string `json:"c"`
	}{token})
}

func (jsonCodec) get(g get) []byte {
	return encodeJSON(jsonGet{g.token, g.version, g.file, g.block, g.offset, g.count})
}

// encodeJSON is for what cannot fail.
func encodeJSON(v any) []byte {
	text, _ := json.Marshal(v)
	return text
}

func (jsonCodec) description(p []byte) (description, bool) {
	var m struct {
		Token   string     `json:"c"`
		Version *int64     `json:"s"`
		Files   []jsonFile `json:"r"`
	}
	if json.Unmarshal(p, &m) != nil || m.Version == nil || m.Files == nil {
		return description{}, false
	}
	d := description{m.Token, *m.Version, map[int64]int64{}}
	for _, f := range m.Files {
		if f.ID == nil || f.Size == nil {
			return description{}, false
		}
		d.sizes[*f.ID] = *f.Size
	}
	return d, true
}

func (jsonCodec) data(p []byte) (data, bool) {
	var m struct {
		Token   string `json:"c"`
		File    *int64 `json:"f"`
		Length  *int64 `json:"l"`
		Index   *int64 `json:"i"`
		Payload []byte `json:"p"`
	}
	if json.Unmarshal(p, &m) != nil || m.File == nil || m.Length == nil || m.Index == nil {
		return data{}, false
	}
	return data{m.Token, *m.File, *m.Length, *m.Index, m.Payload}, true
}

func (jsonCodec) rejection(p []byte) (rejection, bool) {
	var m struct {
		Token string `json:"c"`
		Short string `json:"o"`
		Long  string `json:"code"`
	}
	if json.Unmarshal(p, &m) != nil {
		return rejection{}, false
	}
	return rejection{m.Token, cmp.Or(m.Short, m.Long)}, true
}

// message allows for escaped slashes and white space.
func (jsonCodec) message(n int64) int64 { return n*3/2 + 1<<10 }
