package main

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"text/tabwriter"

	"abota/cmd/internal/cli"
)

// replacement is one object that a publisher replaces, at a moment.
type replacement struct {
	name string
	at   int
}

// moments of an undisturbed install, at which an object may be replaced:
// before each request, while the token is sent, and after all.
const (
	requestsOfInstall = 4
	inToken           = requestsOfInstall + 1
	afterAll          = requestsOfInstall + 2
)

// pieceOfToken is the byte of the token at which it is replaced, when it is
// replaced while it is sent. Devices read ahead, hence so early.
const pieceOfToken = 4 << 10

// outcomes count how installs beside a publication end.
type outcomes struct {
	nothing, before, after, corrupt, again int
}

// TestPublicationRace replaces the objects of a release one after the other,
// in every order and at every moment of an install. Whatever is installed is
// one of the two releases, and once the publisher is done the device takes the
// new one without help. A device that runs the release of before never sees a
// damaged one while `abota-publish push` is at work, which uploads the checksum
// last.
func TestPublicationRace(t *testing.T) {
	d := newDamagedDevice(t)
	restore := d.keep()
	for device, one := range map[string]objects{"the release of before": d.running, "neither release": madeRelease(t, "release one")} {
		races(t, device, d, restore, one, permutations([]string{tokenName, checksumName, keyName}), momentsOf(3))
	}
}

// TestPublicationRaceOnMinIO is some of it with a real store: in the order of
// abota-publish, and in the worst one.
func TestPublicationRaceOnMinIO(t *testing.T) {
	d := newDamagedDeviceOn(t, onMinIO(t))
	orders := [][]string{{tokenName, keyName, checksumName}, {checksumName, keyName, tokenName}}
	some := [][]int{{1, 1, 1}, {1, 2, 3}, {2, 3, 4}, {2, 4, afterAll}, {3, 3, 4}, {4, inToken, inToken}, {inToken, inToken, inToken}, {inToken, afterAll, afterAll}}
	restore := d.keep()
	races(t, "the release of before (MinIO)", d, restore, d.running, orders, some)
	races(t, "neither release (MinIO)", d, restore, madeRelease(t, "release one"), orders, some)
}

func races(t *testing.T, device string, d *damagedDevice, restore func(), one objects, orders [][]string, moments [][]int) {
	t.Helper()
	two := madeRelease(t, "release two")
	var result strings.Builder
	table := tabwriter.NewWriter(&result, 0, 8, 2, ' ', 0)
	fmt.Fprintln(table, "order of the publisher\traces\tnothing to do (3)\tinstalled 1 (0)\tinstalled 2 (0)\tcorrupt (5)\ttry again (6)")
	for _, order := range orders {
		var o outcomes
		for _, moments := range moments {
			restore()
			var r []replacement
			for i, name := range order {
				r = append(r, replacement{name, moments[i]})
			}
			d.race(one, two, r, &o)
			if t.Failed() {
				t.Fatalf("order %v at %v", order, moments)
			}
		}
		fmt.Fprintf(table, "%s\t%d\t%d\t%d\t%d\t%d\t%d\n", strings.Join(order, ", "), len(moments), o.nothing, o.before, o.after, o.corrupt, o.again)
		if order[len(order)-1] == checksumName && o.nothing > 0 && o.corrupt > 0 {
			t.Errorf("%v: %d devices that ran the release of before saw a damaged one", order, o.corrupt)
		}
	}
	must(t, table.Flush())
	t.Logf("an install on a device that runs %s, while one is replaced by the next:\n%s", device, result.String())
}

// race lets one install meet one publication.
func (d *damagedDevice) race(one, two objects, r []replacement, o *outcomes) {
	d.t.Helper()
	running := d.slot("a")
	d.bucket.calm()
	d.bucket.offer(one)
	publish := func(until int) {
		for _, next := range r {
			if next.at <= until {
				d.bucket.replace(next.name, two[next.name])
			}
		}
	}
	d.bucket.before = func(n int) { publish(min(n, requestsOfInstall)) }
	d.bucket.during = func(sent int) {
		if sent >= pieceOfToken {
			publish(inToken)
		}
	}
	code, complaint := d.install()
	d.bucket.calm()
	text, _, _ := strings.Cut(d.slot("b"), "\x00")
	s := d.status()
	armed := s.Slots[1].BootStatus == "trial"
	switch {
	case d.slot("a") != running || s.Slots[0].BootStatus != "good":
		d.t.Errorf("the slot that runs was touched: %+v", s)
	case code == 0 && armed && text == "release one":
		o.before++
	case code == 0 && armed && text == "release two":
		o.after++
	case code == 0 || armed:
		d.t.Errorf("exit %d, and slot B holds %q and is %s", code, text, s.Slots[1].BootStatus)
	case code == cli.ExitNothingToDo:
		o.nothing++
	case code == cli.ExitUntrusted:
		o.corrupt++
	case code == cli.ExitTransport:
		o.again++
	default:
		d.t.Errorf("exit %d: %s", code, complaint)
	}
	d.bucket.offer(two)
	if code, complaint := d.install(); code != 0 && (code != cli.ExitNothingToDo || text != "release two") {
		d.t.Errorf("release two afterwards: exit %d: %s", code, complaint)
	}
	if text, _, _ := strings.Cut(d.slot("b"), "\x00"); text != "release two" || d.status().Primary != "B" {
		d.t.Errorf("afterwards slot B holds %q: %+v", text, d.status())
	}
}

func permutations(names []string) (all [][]string) {
	if len(names) < 2 {
		return [][]string{slices.Clone(names)}
	}
	for i := range names {
		rest := slices.Delete(slices.Clone(names), i, i+1)
		for _, p := range permutations(rest) {
			all = append(all, append([]string{names[i]}, p...))
		}
	}
	return all
}

// momentsOf are all ascending choices of n moments.
func momentsOf(n int) (all [][]int) {
	var choose func(begun []int, from int)
	choose = func(begun []int, from int) {
		if len(begun) == n {
			all = append(all, slices.Clone(begun))
			return
		}
		for at := from; at <= afterAll; at++ {
			choose(append(begun, at), at)
		}
	}
	choose(nil, 1)
	return all
}
