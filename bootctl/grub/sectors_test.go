package grub

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"abota/bootctl"
	"abota/bootctl/bootctltest"
	"abota/sim/cutdisk"
)

// splitBlock has these lines, of which those with their bit in far lie in the
// second sector.
func splitBlock(far int, lines ...string) []byte {
	var near, behind []string
	for i, line := range lines {
		if far>>i&1 == 1 {
			behind = append(behind, line)
		} else {
			near = append(near, line)
		}
	}
	filler := "y=" + strings.Repeat("x", sectorSize-len(signature)-len(strings.Join(append(near, "y=", ""), "\n")))
	return blockOf(append(append(near, filler), behind...)...)
}

// untilCut is a storage whose power goes after some writes.
type untilCut struct {
	*pc
	left int
}

func (u *untilCut) WriteAt(b []byte, off int64) (int, error) {
	if u.left == 0 {
		return 0, cutdisk.ErrPowerLost
	}
	u.left--
	return u.pc.WriteAt(b, off)
}

// raucStarts is what RAUC's script starts at its first look: no slot is -1, its
// rescue entry.
func raucStarts(image []byte) int {
	for _, name := range strings.Fields(loadEnv(image, "ORDER")) {
		if loadEnv(image, name+"_OK") == "1" && loadEnv(image, name+"_TRY") == "0" {
			return int(name[0] - 'A')
		}
	}
	return -1
}

// TestTheWayBackInBothSectors has RAUC's variables in all ways in two sectors, and
// the power cut after each write.
func TestTheWayBackInBothSectors(t *testing.T) {
	back := func(s bootctl.Situation) (bootctl.Table, error) { return s.MarkBad(bootctl.B, "") }
	for _, c := range []struct {
		name  string
		lines []string
		// booted is the slot that looks at the table, want what starts then.
		booted, want bootctl.Slot
		verb         func(bootctl.Situation) (bootctl.Table, error)
	}{
		{"unhealthy", []string{"ORDER=B A", "A_OK=1", "B_OK=1", "A_TRY=0", "B_TRY=1"}, bootctl.B, bootctl.A, back},
		{"fell back", []string{"ORDER=B A", "A_OK=1", "B_OK=1", "A_TRY=1", "B_TRY=1"}, bootctl.A, bootctl.A, back},
		{"never answered", []string{"ORDER=B A", "A_OK=1", "B_OK=1", "A_TRY=1", "B_TRY=0"}, bootctl.A, bootctl.A, back},
		{"rollback of a good one", []string{"ORDER=B A", "A_OK=1", "B_OK=1", "A_TRY=0", "B_TRY=0"}, bootctl.B, bootctl.A, func(s bootctl.Situation) (bootctl.Table, error) {
			return s.Rollback("")
		}},
		{"armed again", []string{"ORDER=B A", "A_OK=1", "B_OK=1", "A_TRY=1", "B_TRY=1"}, bootctl.A, bootctl.B, bootctl.Situation.Arm},
		{"cleared for the next", []string{"ORDER=A B", "A_OK=1", "B_OK=1", "A_TRY=1", "B_TRY=0"}, bootctl.A, bootctl.A, bootctl.Situation.Clear},
	} {
		for far := range 1 << len(c.lines) {
			image := splitBlock(far, c.lines...)
			before := raucStarts(image)
			for writes := range 3 {
				disk := &untilCut{&pc{image: bytes.Clone(image), steps: new(bootctltest.Steps)}, writes}
				b := OnFile(disk, Place{Path: "grubenv"}, fileDialects(t)["rauc"])
				table, err := b.Load()
				if err != nil {
					t.Fatal(err)
				}
				next, err := c.verb(bootctl.Situation{Table: table, Booted: c.booted, Proven: [2]bool{true, true}})
				if err != nil {
					t.Fatal(err)
				}
				err = b.Store(next)
				started := raucStarts(disk.image)
				switch {
				case err == nil && started != int(c.want), err != nil && started != int(c.want) && started != before:
					t.Errorf("%s, layout %05b: after %d writes slot %d starts: %v", c.name, far, writes, started, err)
				case err != nil && writes == 2:
					t.Errorf("%s, layout %05b: %v", c.name, far, err)
				}
				if got, lerr := b.Load(); err == nil && (lerr != nil || got != b.Caps().Keep(next)) {
					t.Errorf("%s, layout %05b: stored %+v, %v", c.name, far, got, lerr)
				}
			}
		}
	}
}

// TestNoTrialInBothSectors: what could not be ended in one write is not begun, and
// doctor says so before.
func TestNoTrialInBothSectors(t *testing.T) {
	for far := range 1 << 5 {
		image := splitBlock(far, "ORDER=A B", "A_OK=1", "B_OK=0", "A_TRY=0", "B_TRY=0")
		disk := &pc{image: bytes.Clone(image), steps: new(bootctltest.Steps)}
		b := OnFile(disk, Place{Path: "grubenv"}, fileDialects(t)["rauc"])
		table, err := b.Load()
		if err != nil {
			t.Fatal(err)
		}
		next, err := bootctl.Situation{Table: table, Booted: bootctl.A, Proven: [2]bool{true, true}}.Arm()
		if err != nil {
			t.Fatal(err)
		}
		doubts, _ := b.Doubts()
		err = b.Store(next)
		whole := far == 0 || far == 1<<5-1
		if (err == nil) != whole || err != nil && !strings.Contains(err.Error(), "lie in both sectors") {
			t.Errorf("layout %05b: %v", far, err)
		}
		if said := strings.Contains(fmt.Sprint(doubts), "cannot arm a slot because"); said == whole {
			t.Errorf("layout %05b: doubts %q", far, doubts)
		}
		if changed := !bytes.Equal(disk.image, image); changed != whole {
			t.Errorf("layout %05b: changed %v", far, changed)
		}
	}
	// A variable on the border lies in both, and so do those of which one is yet
	// to be added behind those of others.
	for name, image := range map[string][]byte{
		"border": blockOf("y="+strings.Repeat("x", sectorSize-len(signature)-len("y=\nORDE")), "ORDER=A B", "A_OK=1", "B_OK=0", "A_TRY=0", "B_TRY=0"),
		"absent": blockOf("ORDER=A B", "A_OK=1", "B_OK=0", "A_TRY=0", "y="+strings.Repeat("x", sectorSize)),
	} {
		b := OnFile(&pc{image: image, steps: new(bootctltest.Steps)}, Place{Path: "grubenv"}, fileDialects(t)["rauc"])
		trial := bootctl.Table{Slots: [2]bootctl.State{{Tries: 3}, {Tries: 3}}}.WithOrder(bootctl.B, bootctl.A)
		if err := b.Store(trial); err == nil || !strings.Contains(err.Error(), "cannot arm") {
			t.Errorf("%s: %v", name, err)
		}
	}
}
