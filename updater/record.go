package updater

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"abota/bootctl"
	"abota/updater/release"
	"abota/updater/slot"
)

// Phase is how far an update has come, as the journal knows it.
type Phase string

// The phases, in the order in which a successful update walks them. Idle is
// the zero value: nothing was ever installed, or a failed update was cleaned
// up after.
const (
	Idle      Phase = "idle"
	Writing   Phase = "writing"
	Armed     Phase = "armed"
	Trying    Phase = "trying"
	Failed    Phase = "failed"
	Committed Phase = "committed"
)

// known reports whether this version of abota can decide by the phase.
func (p Phase) known() bool {
	switch p {
	case Idle, Writing, Armed, Trying, Failed, Committed:
		return true
	}
	return false
}

// settled reports whether nothing is under way.
func (p Phase) settled() bool { return p == Idle || p == Committed }

// maxCondemned bounds the journal; the oldest verdicts go first.
const maxCondemned = 12

// maxReason bounds a reason in bytes, so that a record always fits.
const maxReason = 240

// Content is what the journal knows of what lies in one slot.
type Content struct {
	Release release.ID `json:"release"`
	// SHA256 and Size are of the bytes that were written and read back; of
	// several parts see [slot.Together].
	SHA256 string `json:"sha256,omitempty"`
	Size   int64  `json:"size,omitempty"`
	// Proven says that the digest held after the slot's last write.
	Proven bool `json:"proven"`
	// Confirmed says that the content has proven healthy; a lost boot table
	// is rebuilt from it.
	Confirmed bool `json:"confirmed"`
}

// Verdict is why a release is not installed again by itself.
type Verdict struct {
	Release release.ID `json:"release"`
	Reason  string     `json:"reason"`
	At      time.Time  `json:"at"`
}

// Problem is the last thing that went wrong, for status and reports.
type Problem struct {
	// Code is the exit code that it ended in.
	Code   int       `json:"code"`
	Reason string    `json:"reason"`
	At     time.Time `json:"at"`
}

// Record is what the journal holds: one update's state, and what is known of
// the slots. It is stored as JSON. Fields are only ever added, at the top
// level; unknown ones are kept, so that an older binary that comes back after
// a rollback loses nothing of what a newer one wrote.
type Record struct {
	Phase Phase `json:"phase"`
	// Generation is the table's generation when this record was written.
	// Each record precedes at most one Store, so the table is in step with
	// it at this generation or at the next.
	Generation uint32 `json:"generation"`
	// Target is the slot that is being installed to, tried, or was committed.
	// The origin is the other one.
	Target bootctl.Slot `json:"target"`
	// Release is the one that is being installed, tried, or was committed.
	Release release.ID `json:"release"`
	// BootID is the boot in which the slot was armed, last tried, or in which
	// the operator had his say.
	BootID string `json:"boot_id,omitempty"`
	// Attempts counts the boots that a trial has had, as far as user space
	// saw them; with a one-shot loader, how often the slot was armed.
	Attempts int        `json:"attempts,omitempty"`
	Slots    [2]Content `json:"slots"`
	// Condemned are releases whose trial was unhealthy, or which the operator
	// rejected.
	Condemned []Verdict `json:"condemned,omitempty"`
	// Held is a release that is not at fault as far as anybody knows, but
	// would not do better when tried again: the loader ignored it, or the
	// device fell back from it after it was committed.
	Held         *Verdict  `json:"held,omitempty"`
	LastError    *Problem  `json:"last_error,omitempty"`
	LastVerified time.Time `json:"last_verified,omitzero"`
	// Owed is an after-hook that has not ended yet.
	Owed *Owed `json:"owed,omitempty"`
	// Unstarted is the boot in which the link of directory slots was moved, or
	// was going to be, and what it shows was not started yet.
	Unstarted string `json:"unstarted,omitempty"`
	// Floor is the highest floor of all images that were ever confirmed, for
	// release formats that are protected against downgrades.
	Floor string `json:"floor,omitempty"`
	// Parts are what the parts of each slot hold, where there are several. See
	// [Record.PartsOf].
	Parts [2][]slot.Held `json:"parts,omitzero"`

	unknown map[string]json.RawMessage
}

// recordFields has Record's fields without its methods.
type recordFields Record

// UnmarshalJSON reads a record and keeps what it does not know. A name counts
// only as it is written, while encoding/json would take other cases too.
func (r *Record) UnmarshalJSON(text []byte) error {
	all := map[string]json.RawMessage{}
	if err := json.Unmarshal(text, &all); err != nil {
		return err
	}
	known, err := topLevel(recordFields{Attempts: 1, BootID: "-", Condemned: []Verdict{{}}, Held: &Verdict{}, LastError: &Problem{}, LastVerified: time.Unix(1, 0), Owed: &Owed{}, Unstarted: "-", Floor: "0", Parts: [2][]slot.Held{{{}}}})
	if err != nil {
		return err
	}
	for name := range known {
		known[name] = all[name]
		if _, there := all[name]; !there {
			delete(known, name)
		}
		delete(all, name)
	}
	exact, err := json.Marshal(known)
	if err != nil {
		return err
	}
	var fields recordFields
	if err := json.Unmarshal(exact, &fields); err != nil {
		return err
	}
	*r = Record(fields)
	if len(all) > 0 {
		r.unknown = all
	}
	return nil
}

// MarshalJSON writes the record with the fields that it did not know.
func (r Record) MarshalJSON() ([]byte, error) {
	fields, err := topLevel(recordFields(r))
	if err != nil {
		return nil, err
	}
	for name, value := range r.unknown {
		fields[name] = value
	}
	return json.Marshal(fields)
}

func topLevel(fields recordFields) (map[string]json.RawMessage, error) {
	text, err := json.Marshal(fields)
	if err != nil {
		return nil, err
	}
	all := map[string]json.RawMessage{}
	return all, json.Unmarshal(text, &all)
}

// decodeRecord reads the journal's payload.
func decodeRecord(payload []byte) (*Record, error) {
	r := &Record{}
	if err := json.Unmarshal(payload, r); err != nil {
		return nil, fmt.Errorf("decode journal record: %w", err)
	}
	if r.Phase == "" {
		return nil, errors.New("decode journal record: it has no phase")
	}
	return r, nil
}

// Known is what a journal's payload knows of both slots and their parts, and
// whether nothing is under way; the zero value where it cannot be read.
func Known(payload []byte) (slots [2]Content, parts [2][]slot.Held, settled bool) {
	r, err := decodeRecord(payload)
	if err != nil {
		return slots, parts, true
	}
	return r.Slots, [2][]slot.Held{r.PartsOf(bootctl.A), r.PartsOf(bootctl.B)}, r.Phase.settled()
}

// hold notes what a slot holds; parts are none where that is not known.
func (r *Record) hold(s bootctl.Slot, c Content, parts []slot.Held) {
	r.Parts[s] = nil
	if len(parts) > 0 {
		proof := slot.Together(parts)
		c.SHA256, c.Size = proof.SHA256, proof.Size
	}
	if len(parts) > 1 {
		r.Parts[s] = parts
	}
	r.Slots[s] = c
}

// PartsOf are what the parts of a slot hold, or none: an abota that knew only
// one part may have written the slot since and kept what it did not know.
func (r *Record) PartsOf(s bootctl.Slot) []slot.Held {
	if len(r.Parts[s]) == 0 || slot.Together(r.Parts[s]).SHA256 != r.Slots[s].SHA256 {
		return nil
	}
	return r.Parts[s]
}

// verdict finds why a release is not to be installed by itself.
func (r *Record) verdict(id release.ID) (Verdict, bool) {
	for _, v := range r.Condemned {
		if v.Release.Same(id) {
			return v, true
		}
	}
	if r.Held != nil && r.Held.Release.Same(id) {
		return *r.Held, true
	}
	return Verdict{}, false
}

// condemn remembers that a release failed. Later verdicts replace earlier
// ones on the same release.
func (r *Record) condemn(id release.ID, reason string, at time.Time) {
	if id.Checksum == "" && id.SHA256 == "" {
		return
	}
	r.acquit(id)
	r.Condemned = append(r.Condemned, Verdict{Release: id, Reason: clip(reason), At: at})
	if extra := len(r.Condemned) - maxCondemned; extra > 0 {
		r.Condemned = r.Condemned[extra:]
	}
}

// acquit forgets every verdict on a release, because it proved itself or the
// operator said so.
func (r *Record) acquit(id release.ID) {
	if r.Held != nil && r.Held.Release.Same(id) {
		r.Held = nil
	}
	kept := r.Condemned[:0:0]
	for _, c := range r.Condemned {
		if !c.Release.Same(id) {
			kept = append(kept, c)
		}
	}
	r.Condemned = kept
}

// clip cuts a reason to what the journal has room for.
func clip(reason string) string {
	if len(reason) > maxReason {
		return strings.ToValidUTF8(reason[:maxReason-3], "") + "..."
	}
	return reason
}
