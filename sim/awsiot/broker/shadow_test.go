package broker

import "testing"

func TestShadowsAreForAllWhoSubscribe(t *testing.T) {
	c := newCloud(t)
	c.at(1719943955)
	base := "$aws/things/" + device + "/shadow/"
	says := func(topic, want string) {
		t.Helper()
		c.compare(t, "shadow", c.watching, base+topic, want)
	}
	c.device.say(t, base+"update", `{"state":{"reported":{"a":1},"desired":{"a":2}},"clientToken":"t"}`)
	says("update/accepted", `{"state":{"desired":{"a":2},"reported":{"a":1}},"metadata":{"desired":{"a":{"timestamp":1719943955}},"reported":{"a":{"timestamp":1719943955}}},"version":1,"timestamp":1719943955,"clientToken":"t"}`)
	says("update/delta", `{"state":{"a":2},"metadata":{"a":{"timestamp":1719943955}},"version":1,"timestamp":1719943955,"clientToken":"t"}`)
	says("update/documents", `{"current":{"state":{"desired":{"a":2},"reported":{"a":1}},"metadata":{"desired":{"a":{"timestamp":1719943955}},"reported":{"a":{"timestamp":1719943955}}},"version":1},"timestamp":1719943955,"clientToken":"t"}`)
	c.device.say(t, base+"get", `{"clientToken":"g"}`)
	says("get/accepted", `{"state":{"delta":{"a":2},"desired":{"a":2},"reported":{"a":1}},"metadata":{"desired":{"a":{"timestamp":1719943955}},"reported":{"a":{"timestamp":1719943955}}},"version":1,"timestamp":1719943955,"clientToken":"g"}`)
	c.device.say(t, base+"update", `{"state":{"reported":null},"version":7,"clientToken":"t"}`)
	says("update/rejected", `{"code":409,"message":"Version conflict","timestamp":1719943955,"clientToken":"t"}`)
	c.device.say(t, base+"delete", ``)
	says("delete/accepted", `{"version":1,"timestamp":1719943955}`)
	c.device.say(t, base+"get", ``)
	says("get/rejected", `{"code":404,"message":"No shadow exists with name: '`+device+`'","timestamp":1719943955}`)

	named := "name/$package/"
	c.device.say(t, base+named+"update", `{"state":{"reported":{"abota":{"version":"1.4.0","attributes":{}}}}}`)
	document := `"state":{"reported":{"abota":{"attributes":{},"version":"1.4.0"}}},"version":1`
	says(named+"update/accepted", `{`+document+`,"timestamp":1719943955}`)
	says(named+"update/documents", `{"current":{`+document+`},"timestamp":1719943955}`)
	c.device.say(t, base+named+"get", ``)
	says(named+"get/accepted", `{`+document+`,"timestamp":1719943955}`)
	c.Throttle(1)
	c.device.say(t, base+named+"get", ``)
	says(named+"get/rejected", `{"code":429,"message":"Too many requests","timestamp":1719943955}`)
	c.nothing(t, c.watching)
	c.nothing(t, c.device)
}
