package service

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"math/big"
	"strings"
	"testing"
	"time"
)

func TestThings(t *testing.T) {
	w := newWorld(t)
	in := CreateThingInput{ThingName: "cam", AttributePayload: &AttributePayload{Attributes: map[string]string{"a": "1"}}}
	first := must[CreateThingOutput](w)(w.CreateThing(in))
	same(w, "the same again", must[CreateThingOutput](w)(w.CreateThing(in)), first)
	_, err := w.CreateThing(CreateThingInput{ThingName: "cam"})
	w.refused(err, "ResourceAlreadyExists", 409)
	for _, name := range []string{"", "a b", "a/b", "a+", "#", strings.Repeat("a", 129)} {
		_, err := w.CreateThing(CreateThingInput{ThingName: name})
		w.invalid(err)
	}
	w.thingNamed(strings.Repeat("a", 128))
	w.ok(w.UpdateThing(UpdateThingInput{ThingName: "cam", AttributePayload: &AttributePayload{Attributes: map[string]string{"b": "2"}, Merge: true}}))
	w.ok(w.UpdateThing(UpdateThingInput{ThingName: "cam", AttributePayload: &AttributePayload{Attributes: map[string]string{"a": ""}, Merge: true}, ExpectedVersion: ptr[int64](2)}))
	w.refused(w.UpdateThing(UpdateThingInput{ThingName: "cam", ExpectedVersion: ptr[int64](2)}), "VersionConflict", 409)
	d := must[DescribeThingOutput](w)(w.DescribeThing("cam"))
	same(w, "attributes", fmt.Sprint(d.Attributes, d.Version), "map[b:2] 3")
	w.ok(w.UpdateThing(UpdateThingInput{ThingName: "cam", AttributePayload: &AttributePayload{Attributes: map[string]string{"c": "3"}}}))
	same(w, "replaced", fmt.Sprint(must[DescribeThingOutput](w)(w.DescribeThing("cam")).Attributes), "map[c:3]")
	same(w, "list", len(must[ListThingsOutput](w)(w.ListThings(Page{})).Things), 2)
	w.ok(w.DeleteThing("cam"))
	w.ok(w.DeleteThing("cam"))
	_, err = w.DescribeThing("cam")
	w.refused(err, "ResourceNotFound", 404)
}

func TestGroups(t *testing.T) {
	w := newWorld(t)
	parent := ""
	for i := range 7 {
		name := fmt.Sprint("g", i)
		must[CreateThingGroupOutput](w)(w.CreateThingGroup(CreateThingGroupInput{ThingGroupName: name, ParentGroupName: parent}))
		parent = name
	}
	_, err := w.CreateThingGroup(CreateThingGroupInput{ThingGroupName: "deep", ParentGroupName: parent})
	w.invalid(err)
	_, err = w.CreateThingGroup(CreateThingGroupInput{ThingGroupName: "x", ParentGroupName: "none"})
	w.invalid(err)
	_, err = w.CreateThingGroup(CreateThingGroupInput{ThingGroupName: "g1"})
	w.refused(err, "ResourceAlreadyExists", 409)
	d := must[DescribeThingGroupOutput](w)(w.DescribeThingGroup("g2"))
	same(w, "path", jsonOf(w, d.ThingGroupMetadata.RootToParentThingGroups), `[{"groupName":"g0","groupArn":"arn:aws:iot:eu-west-1:123456789012:thinggroup/g0"},{"groupName":"g1","groupArn":"arn:aws:iot:eu-west-1:123456789012:thinggroup/g1"}]`)
	w.invalid(w.DeleteThingGroup("g2"))

	w.thingNamed("cam")
	w.ok(w.AddThingToThingGroup(GroupMemberInput{ThingGroupARN: w.arn("thinggroup", "g6"), ThingARN: w.arn("thing", "cam")}))
	w.ok(w.AddThingToThingGroup(GroupMemberInput{ThingGroupName: "g6", ThingName: "cam"}))
	w.invalid(w.AddThingToThingGroup(GroupMemberInput{ThingName: "cam"}))
	w.invalid(w.AddThingToThingGroup(GroupMemberInput{ThingGroupName: "g6", ThingARN: "cam"}))
	w.invalid(w.AddThingToThingGroup(GroupMemberInput{ThingGroupName: "g6", ThingName: "dog", ThingARN: w.arn("thing", "cam")}))
	w.refused(w.AddThingToThingGroup(GroupMemberInput{ThingGroupName: "g6", ThingName: "dog"}), "ResourceNotFound", 404)
	w.refused(w.AddThingToThingGroup(GroupMemberInput{ThingGroupName: "none", ThingName: "cam"}), "ResourceNotFound", 404)
	things := func(group string, recursive bool) string {
		return fmt.Sprint(must[ListThingsInThingGroupOutput](w)(w.ListThingsInThingGroup(ListThingsInThingGroupInput{ThingGroupName: group, Recursive: recursive})).Things)
	}
	same(w, "directly", things("g6", false)+things("g0", false)+things("g0", true), "[cam][][cam]")
	same(w, "of the thing", len(must[ListThingGroupsOutput](w)(w.ListThingGroupsForThing("cam", Page{})).ThingGroups), 1)
	for i := range 9 {
		name := fmt.Sprint("flat", i)
		w.groupOf(name)
		w.join(name, "cam")
	}
	w.groupOf("eleventh")
	w.invalid(w.AddThingToThingGroup(GroupMemberInput{ThingGroupName: "eleventh", ThingName: "cam"}))
	w.quit("g6", "cam")
	w.ok(w.DeleteThingGroup("g6"))
	same(w, "list", len(must[ListThingGroupsOutput](w)(w.ListThingGroups(Page{})).ThingGroups), 16)
}

func withAuthority(t *testing.T, rsaKeys bool) *world {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotBefore: time.Unix(0, 0), NotAfter: began.AddDate(20, 0, 0), IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	ca, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return newWorldWith(t, Config{CA: ca, CAKey: key, RSAKeys: rsaKeys})
}

func TestCertificates(t *testing.T) {
	for _, rsaKeys := range []bool{false, true} {
		w := withAuthority(t, rsaKeys)
		made := must[CreateKeysAndCertificateOutput](w)(w.CreateKeysAndCertificate(true))
		pair, err := tls.X509KeyPair([]byte(made.CertificatePEM), []byte(made.KeyPair.PrivateKey))
		w.ok(err)
		leaf, err := x509.ParseCertificate(pair.Certificate[0])
		w.ok(err)
		roots := x509.NewCertPool()
		roots.AddCert(w.cfg.CA)
		_, err = leaf.Verify(x509.VerifyOptions{Roots: roots, CurrentTime: began, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}})
		w.ok(err)
		block, _ := pem.Decode([]byte(made.KeyPair.PublicKey))
		public, err := x509.ParsePKIXPublicKey(block.Bytes)
		w.ok(err)
		same(w, "public key", public.(interface{ Equal(crypto.PublicKey) bool }).Equal(leaf.PublicKey), true)
		c := must[CertificateDescription](w)(w.Identify(pair.Certificate[0]))
		same(w, "ID", c.CertificateID+c.Status, made.CertificateID+"ACTIVE")
		_, err = w.Identify(w.cfg.CA.Raw)
		w.refused(err, "ResourceNotFound", 404)
	}
}

func TestPrincipals(t *testing.T) {
	w := withAuthority(t, false)
	c := must[CreateKeysAndCertificateOutput](w)(w.CreateKeysAndCertificate(true))
	w.thingNamed("cam")
	w.refused(w.AttachThingPrincipal("dog", c.CertificateARN), "ResourceNotFound", 404)
	w.refused(w.AttachThingPrincipal("cam", w.arn("cert", "none")), "ResourceNotFound", 404)
	w.invalid(w.AttachThingPrincipal("cam", "none"))
	w.ok(w.AttachThingPrincipal("cam", c.CertificateARN))
	same(w, "of the thing", fmt.Sprint(must[[]string](w)(w.ListThingPrincipals("cam"))), "["+c.CertificateARN+"]")
	same(w, "of the certificate", fmt.Sprint(must[[]string](w)(w.ListPrincipalThings(c.CertificateARN))), "[cam]")

	document := `{"Version":"2012-10-17","Statement":[]}`
	must[PolicyOutput](w)(w.CreatePolicy(CreatePolicyInput{PolicyName: "p", PolicyDocument: document}))
	_, err := w.CreatePolicy(CreatePolicyInput{PolicyName: "p", PolicyDocument: document})
	w.refused(err, "ResourceAlreadyExists", 409)
	for _, bad := range []string{"", "{}", "{", `{"Statement":["` + strings.Repeat("x", 2048) + `"]}`} {
		_, err = w.CreatePolicy(CreatePolicyInput{PolicyName: "q", PolicyDocument: bad})
		w.refused(err, "MalformedPolicy", 400)
	}
	w.ok(w.AttachPolicy("p", c.CertificateARN))
	w.ok(w.AttachPolicy("p", w.groupOf("group")))
	w.refused(w.AttachPolicy("none", c.CertificateARN), "ResourceNotFound", 404)
	w.refused(w.AttachPolicy("p", w.arn("thinggroup", "none")), "ResourceNotFound", 404)
	same(w, "attached", must[[]PolicyOutput](w)(w.ListAttachedPolicies(c.CertificateARN))[0].PolicyName, "p")
	w.refused(w.DeletePolicy("p"), "DeleteConflict", 409)

	w.invalid(w.DeleteThing("cam"))
	w.refused(w.DeleteCertificate(c.CertificateID, true), "CertificateState", 406)
	w.invalid(w.UpdateCertificate(c.CertificateID, "OFF"))
	w.ok(w.UpdateCertificate(c.CertificateID, "INACTIVE"))
	w.refused(w.DeleteCertificate(c.CertificateID, true), "DeleteConflict", 409)
	w.ok(w.DetachThingPrincipal("cam", c.CertificateARN))
	w.refused(w.DeleteCertificate(c.CertificateID, false), "DeleteConflict", 409)
	w.ok(w.DetachPolicy("p", c.CertificateARN))
	w.ok(w.DetachPolicy("p", w.arn("thinggroup", "group")))
	w.ok(w.DeleteCertificate(c.CertificateID, false))
	w.ok(w.DeletePolicy("p"))
	w.ok(w.DeleteThing("cam"))
	_, err = newWorld(t).CreateKeysAndCertificate(true)
	w.invalid(err)
}

func TestTags(t *testing.T) {
	w := newWorld(t)
	w.make("j", []string{w.thingNamed("cam")}, func(in *CreateJobInput) { in.Tags = []Tag{{"a", "1"}} })
	arn := w.arn("job", "j")
	w.ok(w.TagResource(TagResourceInput{arn, []Tag{{"b", "2"}, {"a", "3"}}}))
	w.ok(w.UntagResource(UntagResourceInput{arn, []string{"b", "none"}}))
	same(w, "tags", jsonOf(w, must[ListTagsOutput](w)(w.ListTagsForResource(arn))), `{"tags":[{"Key":"a","Value":"3"}]}`)
	w.refused(w.TagResource(TagResourceInput{arn, tags(50)}), "LimitExceeded", 410)
	w.ok(w.TagResource(TagResourceInput{arn, tags(49)}))
	for _, tag := range []Tag{{"", "v"}, {"aws:x", "v"}, {strings.Repeat("k", 129), "v"}, {"k", strings.Repeat("v", 257)}} {
		w.invalid(w.TagResource(TagResourceInput{arn, []Tag{tag}}))
	}
	for _, other := range []string{"", "j", w.arn("job", "none"), w.arn("thing", "cam"), w.arn("package", "p/version/1")} {
		w.refused(w.TagResource(TagResourceInput{other, tags(1)}), "ResourceNotFound", 404)
	}
}

func TestEndpoint(t *testing.T) {
	w := newWorldWith(t, Config{Endpoints: map[string]string{"iot:Data": "a:1", "iot:Data-ATS": "b:2"}})
	for kind, want := range map[string]string{"": "a:1", "iot:Data": "a:1", "iot:Data-ATS": "b:2"} {
		same(w, kind, must[DescribeEndpointOutput](w)(w.DescribeEndpoint(kind)).EndpointAddress, want)
	}
	_, err := w.DescribeEndpoint("iot:Other")
	w.invalid(err)
}

// TestShow: a name that somebody sent stays on its line.
func TestShow(t *testing.T) {
	for name, want := range map[string]string{
		"cam": "cam", "a\nb": `a\nb`, "\x1b[2J": `\x1b[2J`, `"`: `\"`, "": "",
		strings.Repeat("n", 200): strings.Repeat("n", 128) + "…",
	} {
		if got := show(name); got != want {
			t.Errorf("%q: got %s, want %s", name, got, want)
		}
	}
}
