package main

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"text/tabwriter"

	"abota/cmd/internal/cli"
)

// damage is one way in which a release can be wrong.
type damage struct {
	name string
	// offer is what the bucket holds then.
	offer objects
	// portal answers instead of the bucket, where there is one.
	portal http.HandlerFunc
	// during changes the bucket after so many bytes of the token.
	during func(d *damagedDevice, sent int)

	code int
	says string // part of the complaint; empty for none
	// early: nothing may be written to the target, which keeps its place.
	early bool
}

// TestDamageMatrix: whatever is wrong with a release, the device says what, in
// one line and with the right exit code; what runs stays as it is, nothing
// damaged can boot, and the good release installs afterwards without help.
// With -v it prints the matrix.
func TestDamageMatrix(t *testing.T) {
	d := newDamagedDevice(t)
	restore := d.keep()
	good := madeRelease(t, "the good one")
	var matrix strings.Builder
	table := tabwriter.NewWriter(&matrix, 0, 8, 2, ' ', 0)
	for _, c := range damages(t, good) {
		t.Run(c.name, func(t *testing.T) {
			restore()
			d := &damagedDevice{t: t, dir: d.dir, bucket: d.bucket, url: d.url}
			code, complaint := d.meet(c, good)
			fmt.Fprintf(table, "%s\t%d\t%s\n", c.name, code, strings.NewReplacer(d.dir+"/", "", " ("+d.url+")", "").Replace(complaint))
		})
	}
	must(t, table.Flush())
	t.Logf("case, exit code, message:\n%s", matrix.String())
}

// meet lets the device meet one damage, and then the good release.
func (d *damagedDevice) meet(c damage, good objects) (code int, complaint string) {
	d.t.Helper()
	running, target := d.slot("a"), d.slot("b")
	d.bucket.calm()
	d.bucket.offer(c.offer)
	d.bucket.portal = c.portal
	if c.during != nil {
		d.bucket.during = func(sent int) { c.during(d, sent) }
	}
	code, complaint = d.install()
	d.bucket.calm()
	if code != c.code || !strings.Contains(complaint, c.says) || c.code != 0 && complaint == "" {
		d.t.Errorf("exit %d with %q, want %d with %q", code, complaint, c.code, c.says)
	}
	s := d.status()
	bootable := s.Slots[1].BootStatus != "bad"
	switch {
	case d.slot("a") != running:
		d.t.Error("the slot that runs was changed")
	case code == 0:
		return code, complaint
	case s.Primary != "A" || s.Slots[0].BootStatus != "good":
		d.t.Errorf("the slot that runs lost its place: %+v", s)
	case c.early && (d.slot("b") != target || !bootable):
		d.t.Errorf("the target was touched, but the damage could be seen before: %+v", s)
	case bootable && d.slot("b") != target:
		d.t.Errorf("the target is bootable and was written: %+v", s)
	case s.LastError == nil || s.LastError.Code != code:
		d.t.Errorf("status does not know of the error: %+v", s.LastError)
	}
	d.bucket.offer(good)
	d.takes("the good one")
	return code, complaint
}

// takes installs what is offered, without help.
func (d *damagedDevice) takes(text string) {
	d.t.Helper()
	if code, complaint := d.install(); code != 0 {
		d.t.Errorf("the good release afterwards: exit %d: %s", code, complaint)
	}
	if s := d.status(); s.Primary != "B" || s.Slots[1].BootStatus != "trial" || !strings.HasPrefix(d.slot("b"), text+"\x00") {
		d.t.Errorf("the good release afterwards is not armed: %+v", s)
	}
}

func damages(t *testing.T, good objects) []damage {
	t.Helper()
	all := damagedTokens(good)
	for _, group := range [][]damage{truncations(good), brokenSmallObjects(t, good), mixtures(t), brokenArchives(t), wrongSizes(t), strangers(good), missing(good), changedInFlight(t, good)} {
		all = append(all, group...)
	}
	return all
}

const (
	failed, untrusted, transport, refused = cli.ExitFailed, cli.ExitUntrusted, cli.ExitTransport, cli.ExitRefused

	sayMD5 = "does not match checksum.txt"
	sayKey = "does not open"
)

// damagedTokens flips one bit in every region of the token, with the checksum
// of before, which an accident leaves, and with one that fits, as a publisher
// has who computed it afterwards.
func damagedTokens(good objects) (all []damage) {
	raw, err := base64.URLEncoding.DecodeString(string(good[tokenName]))
	if err != nil {
		panic(err)
	}
	for _, r := range []struct {
		name string
		at   int
	}{
		{"version byte", 0},
		{"timestamp", 4},
		{"IV", 12},
		{"first block", 25},
		{"second block", 41},
		{"middle", len(raw) / 2},
		{"last block", len(raw) - 33},
		{"HMAC, first byte", len(raw) - 32},
		{"HMAC, last byte", len(raw) - 1},
	} {
		bad := bytes.Clone(raw)
		bad[r.at] ^= 0x10
		token := []byte(base64.URLEncoding.EncodeToString(bad))
		says := sayKey
		if r.at == 0 {
			says = "was not encrypted as it has to be"
		}
		all = append(all,
			damage{name: "token, " + r.name + ": a bit flipped", offer: good.with(tokenName, token), code: untrusted, says: sayMD5},
			damage{name: "token, " + r.name + ": a bit flipped, checksum fits", offer: good.withToken(token), code: untrusted, says: says})
	}
	for _, at := range []int{0, 100, len(good[tokenName]) / 2, len(good[tokenName]) - 1} {
		token := bytes.Clone(good[tokenName])
		token[at] = '!'
		all = append(all,
			damage{name: fmt.Sprintf("token, text %d is no base64", at), offer: good.with(tokenName, token), code: untrusted, says: sayMD5},
			damage{name: fmt.Sprintf("token, text %d is no base64, checksum fits", at), offer: good.withToken(token), code: untrusted, says: "was not encrypted as it has to be"})
	}
	return all
}

// truncations end the token early, or late.
func truncations(good objects) (all []damage) {
	token := good[tokenName]
	for _, n := range []int{0, 1, 2, 4, 12, 33, 34, 76, 100, 4096, len(token) / 2, len(token) - 44, len(token) - 4, len(token) - 1} {
		all = append(all,
			damage{name: fmt.Sprintf("token ends after %d bytes", n), offer: good.with(tokenName, token[:n]), code: untrusted, says: sayMD5},
			damage{name: fmt.Sprintf("token ends after %d bytes, checksum fits", n), offer: good.withToken(token[:n]), code: untrusted, says: "checksum.txt"})
	}
	for name, tail := range sorted(map[string]string{"the same again": string(token), "a letter": "A", "a block": "AAAA", "NUL": "\x00"}) {
		longer := append(bytes.Clone(token), tail...)
		all = append(all,
			damage{name: "token followed by " + name, offer: good.with(tokenName, longer), code: untrusted, says: sayMD5},
			damage{name: "token followed by " + name + ", checksum fits", offer: good.withToken(longer), code: untrusted, says: "checksum.txt"})
	}
	return all
}

// brokenSmallObjects are checksums and keys that are none.
func brokenSmallObjects(t *testing.T, good objects) (all []damage) {
	sum := string(good[checksumName])
	for name, text := range sorted(map[string]string{
		"empty": "", "31 digits": sum[:31], "33 digits": sum + "0", "no hexadecimal digits": strings.Repeat("g", 32),
		"SHA-256": strings.Repeat("0123456789abcdef", 4), "two lines": sum + "\n" + sum + "\n", "binary": "\x00\xff\x00\xff",
		"HTML": "<html>not found</html>",
	}) {
		all = append(all, damage{name: "checksum: " + name, offer: good.with(checksumName, []byte(text)), code: untrusted, says: "holds no MD5", early: true})
	}
	all = append(all,
		damage{name: "checksum: of another file", offer: good.with(checksumName, []byte(strings.Repeat("0", 32))), code: untrusted, says: sayMD5},
		damage{name: "checksum: 5000 bytes", offer: good.with(checksumName, bytes.Repeat([]byte("0"), 5000)), code: untrusted, says: "has 5000 bytes, more than the 4096", early: true})
	key := string(good[keyName])
	for name, text := range sorted(map[string]string{"empty": "", "short": key[:40], "long": key + key, "no base64": strings.Repeat("!", 44), "HTML": "<html>not found</html>"}) {
		all = append(all, damage{name: "key: " + name, offer: good.with(keyName, []byte(text)), code: untrusted, says: "key.key in s3://fleet", early: true})
	}
	other := newKey(t).Encode()
	return append(all, damage{name: "key: of another release", offer: good.with(keyName, []byte(other)), code: untrusted, says: sayKey})
}

// mixtures are all objects of two releases, one from here and one from there.
func mixtures(t *testing.T) (all []damage) {
	two := [2]objects{madeRelease(t, "one"), madeRelease(t, "two")}
	for n := range 8 {
		from := [3]int{n & 1, n >> 1 & 1, n >> 2 & 1}
		o := objects{tokenName: two[from[0]][tokenName], checksumName: two[from[1]][checksumName], keyName: two[from[2]][keyName]}
		c := damage{name: fmt.Sprintf("mixed: token of %d, checksum of %d, key of %d", from[0]+1, from[1]+1, from[2]+1), offer: o, code: untrusted}
		switch {
		case from[0] != from[1]:
			c.says = sayMD5
		case from[0] != from[2]:
			c.says = sayKey
		default:
			c.code = cli.ExitDone
		}
		all = append(all, c)
	}
	return all
}

// brokenArchives are authentic, and still no archive of one image.
func brokenArchives(t *testing.T) (all []damage) {
	key := newKey(t)
	image := imageOf("system", 40_000)
	archive := zipped(t, image)
	flipped := bytes.Clone(archive)
	flipped[len(flipped)/2] ^= 1
	const says = "is authentic, but what is in it cannot be unpacked"
	for name, plain := range sorted(map[string][]byte{
		"empty": nil, "no zip": []byte("just a text"), "cut in the middle": archive[:len(archive)/2], "without its directory": archive[:len(archive)-60],
		"a bit flipped before it was encrypted": flipped,
		"says a smaller size":                   zippedAs(t, image, 39_999),
		"says a larger size":                    zippedAs(t, image, 40_001),
		"a bomb that says it is small":          zippedAs(t, make([]byte, 64<<20), 40_000),
	}) {
		all = append(all, damage{name: "archive: " + name, offer: releaseOf(t, plain, key), code: untrusted, says: says})
	}
	return all
}

// wrongSizes do not fit the slot, or just so.
func wrongSizes(t *testing.T) (all []damage) {
	key := newKey(t)
	for _, r := range []struct {
		name    string
		archive []byte
		code    int
		early   bool
	}{
		{"as large as the slot", zipped(t, imageOf("full", damagedSlot)), cli.ExitDone, false},
		{"as large as the slot, from a pipe", piped(t, imageOf("full", damagedSlot)), cli.ExitDone, false},
		{"one byte larger than the slot", zipped(t, imageOf("full", damagedSlot+1)), refused, true},
		{"one byte larger than the slot, from a pipe", piped(t, imageOf("full", damagedSlot+1)), refused, true},
		{"twice the slot", zipped(t, imageOf("full", 2*damagedSlot)), refused, true},
		{"a bomb of 64 MiB", zipped(t, make([]byte, 64<<20)), refused, true},
		{"a bomb of 64 MiB, from a pipe", piped(t, make([]byte, 64<<20)), refused, true},
		{"a bomb that says 4 GiB", zippedAs(t, make([]byte, 64<<20), 4<<30-2), refused, true},
		{"no bytes at all", zipped(t, nil), refused, true},
	} {
		c := damage{name: "image: " + r.name, offer: releaseOf(t, r.archive, key), code: r.code, early: r.early}
		if r.code != 0 {
			c.says = "refused: "
		}
		all = append(all, c)
	}
	return all
}

// strangers answer in the bucket's place.
func strangers(good objects) (all []damage) {
	const page = "<html><body>Welcome! Accept our terms to go online.</body></html>"
	say := func(status int, header ...string) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", "text/html")
			for i := 0; i+1 < len(header); i += 2 {
				w.Header().Set(header[i], header[i+1])
			}
			w.WriteHeader(status)
			io.WriteString(w, page)
		}
	}
	for name, portal := range sorted(map[string]http.HandlerFunc{
		"200 with a page":           say(http.StatusOK),
		"302 to a page":             say(http.StatusFound, "Location", "http://127.0.0.1:1/login"),
		"307 to a page":             say(http.StatusTemporaryRedirect, "Location", "http://127.0.0.1:1/login"),
		"511 with a page":           say(http.StatusNetworkAuthenticationRequired),
		"an answer without content": say(http.StatusNoContent),
		"no HTTP at all":            func(w http.ResponseWriter, _ *http.Request) { hijack(w, "SSH-2.0-OpenSSH_9.2\r\n") },
		"the end of the connection": func(w http.ResponseWriter, _ *http.Request) { hijack(w, "") },
	}) {
		all = append(all, damage{name: "captive portal: " + name, offer: good, portal: portal, code: transport, says: "checksum.txt", early: true})
	}
	return append(all, damage{
		name: "captive portal: 200 with a page and a strong ETag", offer: good, portal: say(http.StatusOK, "ETag", `"page"`),
		code: untrusted, says: "holds no MD5", early: true,
	})
}

func hijack(w http.ResponseWriter, text string) {
	conn, _, err := w.(http.Hijacker).Hijack()
	if err != nil {
		return
	}
	defer conn.Close()
	_, _ = io.WriteString(conn, text)
}

func missing(good objects) (all []damage) {
	for _, name := range []string{tokenName, checksumName, keyName} {
		all = append(all, damage{name: "missing: " + name, offer: good.without(name), code: failed, says: name, early: true})
	}
	return append(all, damage{name: "missing: everything", offer: objects{}, code: failed, says: checksumName, early: true})
}

// changedInFlight are objects that become others while the token is read. What comes
// out in the end is whole: there it is the release that came.
func changedInFlight(t *testing.T, good objects) (all []damage) {
	large := releaseOf(t, zipped(t, imageOf("one", damagedSlot)), newKey(t))
	other := madeRelease(t, "the good one, changed")
	middle := len(large[tokenName]) / 2
	change := func(to objects) func(*damagedDevice, int) {
		return func(d *damagedDevice, sent int) {
			if sent >= middle {
				d.bucket.offer(to)
			}
		}
	}
	return []damage{
		{name: "changed in mid-download: the checksum, to that of another release", offer: large, during: change(large.with(checksumName, other[checksumName])), code: cli.ExitDone},
		{name: "changed in mid-download: all to another release", offer: large, during: change(other), code: cli.ExitDone},
		{name: "removed in mid-download: the token", offer: large, during: change(large.without(tokenName)), code: cli.ExitDone},
		{name: "changed in mid-download: a damaged token is mended", offer: large.with(tokenName, append(bytes.Clone(large[tokenName][:len(large[tokenName])-4]), "AAA="...)), during: change(other), code: cli.ExitDone},
		{name: "removed in mid-download: everything, and the token was damaged", offer: large.with(tokenName, append(bytes.Clone(large[tokenName][:len(large[tokenName])-4]), "AAA="...)), during: change(objects{}), code: failed, says: checksumName},
	}
}
