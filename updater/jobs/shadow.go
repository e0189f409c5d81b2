package jobs

import "encoding/json"

// ShadowTopic is where a thing writes what the Software Package Catalog knows
// of it: the named shadow $package.
func ShadowTopic(thing string) string {
	return "$aws/things/" + thing + "/shadow/name/$package/update"
}

// ShadowUpdate says that this version of the package runs. The service takes
// the keys version and attributes alone; attributes are left as they are.
func ShadowUpdate(p Package) []byte {
	type running struct {
		Version string `json:"version"`
	}
	type reported struct {
		Reported map[string]running `json:"reported"`
	}
	text, err := json.Marshal(map[string]reported{"state": {map[string]running{p.Name: {p.Version}}}})
	if err != nil {
		panic(err) // texts in maps: there is nothing that could fail
	}
	return text
}
