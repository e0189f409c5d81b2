package config

import (
	"strings"
	"testing"
)

const iotLines = slotLines + "mode: aws-iot\naws_iot: {endpoint: host, thing: pump-17, cert: /c, key: /k}\n"

func TestClientIDs(t *testing.T) {
	for _, row := range []struct{ name, lines, agent, check string }{
		{"by the thing", iotLines, "pump-17-abota", "pump-17-abota-check"},
		{"by the device", slotLines + "mode: aws-iot\ndevice_id: d-0042\n", "d-0042-abota", "d-0042-abota-check"},
		{"named", strings.Replace(iotLines, "thing", "client_id: own, thing", 1), "own", "own-check"},
		{"the longest", slotLines + "mode: aws-iot\naws_iot: {client_id: " + strings.Repeat("x", 122) + "}\n", strings.Repeat("x", 122), strings.Repeat("x", 122) + "-check"},
	} {
		t.Run(row.name, func(t *testing.T) {
			c := mustLoad(t, row.lines)
			if c.MQTTClientID() != row.agent || c.MQTTCheckClientID() != row.check {
				t.Errorf("the agent is %q, what looks beside it %q", c.MQTTClientID(), c.MQTTCheckClientID())
			}
		})
	}
}

func TestWhatDoesNotGoWithAWSIoT(t *testing.T) {
	for _, row := range []struct{ lines, want string }{
		{"aws_iot: {cert: /c}", "config.yaml:2: aws_iot.cert: has no aws_iot.key beside it"},
		{"aws_iot: {key: /k}", "aws_iot.key: has no aws_iot.cert beside it"},
		{"aws_iot: {role_alias: r, cert: /c, key: /k}", "aws_iot.role_alias: has no aws_iot.credentials_endpoint beside it"},
		{"aws_iot: {credentials_endpoint: h, cert: /c, key: /k}", "aws_iot.credentials_endpoint: has no aws_iot.role_alias beside it"},
		{"aws_iot: {role_alias: r, credentials_endpoint: h}", "aws_iot.role_alias: needs aws_iot.cert and aws_iot.key beside it"},
		{"mode: aws-iot\ndevice_id: pump.17", "device_id: \"pump.17\" cannot be a thing's name: set aws_iot.thing"},
		{"mode: aws-iot\naws_iot: {client_id: " + strings.Repeat("x", 123) + "}", "is longer than 122 characters"},
		{"mode: aws-iot\naws_iot: {thing: " + strings.Repeat("x", 128) + "}", "aws_iot.client_id: "},
	} {
		_, err := loadText(t, slotLines+row.lines+"\n")
		wantError(t, err, row.want)
	}
}

func TestNeedAWSIoT(t *testing.T) {
	if err := mustLoad(t, iotLines).NeedAWSIoT(); err != nil {
		t.Error(err)
	}
	for key, text := range map[string]string{"endpoint": "endpoint: host, ", "thing": "thing: pump-17, "} {
		wantError(t, mustLoad(t, strings.Replace(iotLines, text, "", 1)).NeedAWSIoT(), "aws_iot."+key+": not set")
	}
	wantError(t, mustLoad(t, strings.Replace(iotLines, ", cert: /c, key: /k", "", 1)).NeedAWSIoT(), "aws_iot.cert: not set")
	byDevice := mustLoad(t, strings.Replace(iotLines, "thing: pump-17, ", "", 1)+"device_id: d-0042\n")
	if err := byDevice.NeedAWSIoT(); err != nil || byDevice.ThingName() != "d-0042" {
		t.Errorf("thing %q, %v", byDevice.ThingName(), err)
	}
}
