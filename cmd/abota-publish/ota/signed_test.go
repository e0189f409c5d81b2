package ota

import (
	"strings"
	"testing"
)

func TestReadSigned(t *testing.T) {
	const good = `"signature":"AAAA","signatureAlgorithm":"SHA256withECDSA"`
	for _, row := range []struct{ text, want string }{
		{`{"rawPayloadSize":3,` + good + `,"payload":"cut off`, ""},
		{`{"payload":"AAAA",` + good + `,"more":{"a":[1]},"rawPayloadSize":3}`, ""},
		{`{"rawPayloadSize":3,"signature":"AAAA","signatureAlgorithm":"SHA256withRSA"}`, ""},
		{``, "no signed object"},
		{`[]`, "no signed object"},
		{`{}`, "no signed object"},
		{`{"rawPayloadSize":"3",` + good + `}`, "no signed object"},
		{`{` + good + `}`, "no signed object"},
		{`{"rawPayloadSize":3,"signature":"AAAA","signatureAlgorithm":"SHA1withRSA"}`, "devices take SHA256withECDSA"},
		{`{"rawPayloadSize":3,"signature":"!","signatureAlgorithm":"SHA256withRSA"}`, "not base64"},
		{`{"rawPayloadSize":-3,` + good + `}`, "not base64"},
	} {
		s, err := readSigned(strings.NewReader(row.text))
		switch {
		case row.want == "" && (err != nil || s.Size != 3 || s.Base64 != "AAAA"):
			t.Errorf("%s: %+v, %v", row.text, s, err)
		case row.want != "" && (err == nil || !strings.Contains(err.Error(), row.want)):
			t.Errorf("%s: %v, want %q", row.text, err, row.want)
		}
	}
}
