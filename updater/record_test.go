package updater

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"abota/updater/release"
)

func TestRecordKeepsWhatItDoesNotKnow(t *testing.T) {
	const newer = `{"phase":"committed","generation":4,"origin":"A","target":"B","release":{"checksum":"c"},"slots":[{},{}],"floors":{"bootloader":3},"chunks_done":[1,2]}`
	r, err := decodeRecord([]byte(newer))
	if err != nil {
		t.Fatal(err)
	}
	r.Phase = Idle
	text, err := json.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{`"floors":{"bootloader":3}`, `"chunks_done":[1,2]`, `"phase":"idle"`, `"target":"B"`} {
		if !strings.Contains(string(text), want) {
			t.Errorf("%s is not in %s", want, text)
		}
	}
}

func TestRecordRoundTripHasNoUnknownFields(t *testing.T) {
	at := time.Unix(1_700_000_000, 0).UTC()
	r := Record{Phase: Trying, BootID: "b", Attempts: 2, LastVerified: at, LastError: &Problem{Code: 5, At: at}, Held: &Verdict{At: at}, Owed: &Owed{Hook: "after_commit"}, Floor: "1.2"}
	r.condemn(release.ID{SHA256: "s"}, "bad", at)
	text, err := json.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	again, err := decodeRecord(text)
	if err != nil {
		t.Fatal(err)
	}
	if again.unknown != nil {
		t.Errorf("these fields are not known again: %v", again.unknown)
	}
}

func TestRecordThatIsNotOneIsRefused(t *testing.T) {
	for _, text := range []string{"", "null", "[]", `{"generation":3}`, `{"phase":7}`, "\x00\x00"} {
		if r, err := decodeRecord([]byte(text)); err == nil {
			t.Errorf("%q became %+v", text, r)
		}
	}
}

func TestVerdictsAreBounded(t *testing.T) {
	var r Record
	for i := range 3 * maxCondemned {
		r.condemn(release.ID{Checksum: strings.Repeat("c", i+1)}, strings.Repeat("long ", 1000), time.Now())
	}
	if len(r.Condemned) != maxCondemned {
		t.Errorf("%d verdicts are kept, want %d", len(r.Condemned), maxCondemned)
	}
	text, err := json.Marshal(r)
	if err != nil || len(text) > 16<<10 {
		t.Errorf("a full record has %d bytes, %v", len(text), err)
	}
	r.condemn(r.Condemned[3].Release, "again", time.Now())
	if len(r.Condemned) != maxCondemned || r.Condemned[maxCondemned-1].Reason != "again" {
		t.Error("a second verdict on the same release is not the one that counts")
	}
}
