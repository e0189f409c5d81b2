package doctor

import (
	"fmt"
	"slices"
	"strings"
)

// eraseGroup is how far apart two copies must lie on real media, in bytes, so
// that a power cut cannot take both.
const eraseGroup = 4 << 20

// redundancy: there are two copies, both are valid, can be written, and lie
// apart.
func redundancy(f *Facts, say say) {
	if f.Env == nil {
		return
	}
	all := f.Env.Copies
	switch len(all) {
	case 1:
		level := Warning
		if f.Table.Err != nil {
			level = Error
		}
		say(level, "list two in bootloader.env, and build U-Boot with CONFIG_SYS_REDUNDAND_ENVIRONMENT", "there is a single copy of the environment (%s): a power cut while it is written loses the boot table", all[0].Name)
	case 2:
		apart(all[0], all[1], say)
	}
	for i, c := range all {
		if c.Writable != nil {
			say(Error, "mount it read-write, or lift its write protection", "copy %d of the environment (%s) cannot be written: %v", i, c.Name, c.Writable)
		}
	}
}

func apart(a, b Copy, say say) {
	distance := max(a.Offset-b.Offset, b.Offset-a.Offset)
	if a.Storage != "" && a.Storage == b.Storage && !a.Flash && distance < eraseGroup {
		say(Warning, "move the second one to 4 MiB behind the first, in the boot script too", "the copies of the environment lie only %#x bytes apart: a medium that loses power may damage both", distance)
	}
}

// astray reports whether there are copies, but none where they are looked for.
func (e *Environment) astray() (found bool) {
	if e == nil {
		return false
	}
	for i := range e.Copies {
		if e.Copies[i].Valid {
			return false
		}
		found = found || len(e.Copies[i].Elsewhere) > 0
	}
	return found
}

// environment: the copies are where they are looked for.
func environment(f *Facts, say say) {
	if f.Env == nil {
		return
	}
	valid := slices.ContainsFunc(f.Env.Copies, func(c Copy) bool { return c.Valid })
	for i, c := range f.Env.Copies {
		switch {
		case c.Err != nil:
			say(levelOf(!valid), "", "copy %d of the environment: %v", i, c.Err)
		case c.OtherForm && len(f.Env.Copies) == 1:
			// The boot table says that it is one of two to U-Boot.
		case c.OtherForm && !valid:
			say(Error, "build U-Boot with CONFIG_SYS_REDUNDAND_ENVIRONMENT, or list a single copy", "copy %d of the environment (%s) is a single one to U-Boot", i, c.Name)
		case !c.Valid && len(c.Elsewhere) > 0:
			say(Error, "correct the offset in bootloader.env or fw_env.config to the one that the boot script has", "copy %d of the environment is not valid where it is looked for (%s), but there is one at %s", i, c.Name, offsets(c.Elsewhere))
		case !c.Valid && valid:
			say(Warning, "the next change of the boot table writes it anew; if it stays so, its offset is wrong"+holes(c), "copy %d of the environment (%s) is not valid", i, c.Name)
		case !c.Valid:
			say(Error, "`abota boot` makes it anew, `abota provision` makes the first one; if there is one, its offset is wrong"+holes(c), "copy %d of the environment (%s) is not valid", i, c.Name)
		}
	}
	if f.Env.Tools != "" {
		say(Warning, "make bootloader.env and fw_env.config name the same places", "fw_printenv and fw_setenv look elsewhere (%s)", f.Env.Tools)
	}
}

// holes is what to do about a copy that its file has no blocks for.
func holes(c Copy) string {
	if !c.Hole {
		return ""
	}
	return "; the file has a hole there, and a boot loader need not see blocks that it was given just before a power cut: write it in full where it is made (dd, not truncate)"
}

func levelOf(risk bool) Level {
	if risk {
		return Error
	}
	return Warning
}

func offsets(all []int64) string {
	texts := make([]string, len(all))
	for i, at := range all {
		texts[i] = fmt.Sprintf("%#x", at)
	}
	return strings.Join(texts, ", ")
}

// variables: nobody wrote one under a name that is read by nobody.
func variables(f *Facts, say say) {
	if f.Env == nil {
		return
	}
	for _, name := range f.Env.Names {
		meant := meant(name, f.Env.Known)
		switch {
		case meant == "":
		case slices.Contains(f.Env.Names, meant):
			say(Warning, "remove it with fw_setenv, and correct who writes it", "the environment has %s, which looks like %s misspelt, beside it", name, meant)
		default:
			say(Error, "correct who writes it; abota and the boot script read only the right name", "the environment has %s, which looks like %s misspelt, and no %s", name, meant, meant)
		}
	}
	for _, name := range strings.Fields(f.Env.Order) {
		if upper := strings.ToUpper(name); name != upper && (upper == "A" || upper == "B") {
			say(Error, "write slots in capitals, here and in the boot script", "BOOT_ORDER (%q) names slot %q, which is read as another one than %s", f.Env.Order, name, upper)
		}
	}
}

// meant is the known variable that a name was probably meant to be, or empty.
// A slot of somebody else's, like BOOT_R_LEFT of a rescue system, is none.
func meant(name string, known []string) string {
	if slices.Contains(known, name) {
		return ""
	}
	upper := strings.ToUpper(name)
	if upper == name && ofOtherSlot(name, known) {
		return ""
	}
	for most := range misspelt + 1 {
		for _, k := range known {
			if distance(upper, k) == most {
				return k
			}
		}
	}
	return ""
}

// misspelt is by how many letters a name may differ from the one it was meant
// to be: more of them make other words.
const misspelt = 2

// ofOtherSlot reports whether a name differs from a known one in the slot alone.
func ofOtherSlot(name string, known []string) bool {
	parts := strings.Split(name, "_")
	return len(parts) == 3 && slices.ContainsFunc(known, func(k string) bool {
		other := strings.Split(k, "_")
		return len(other) == 3 && other[0] == parts[0] && len(other[1]) == 1 && other[2] == parts[2]
	})
}

// distance is how many letters must be added, removed, changed or swapped with
// their neighbour to make one word of the other.
func distance(a, b string) int {
	rows := make([][]int, len(a)+1)
	for i := range rows {
		rows[i] = make([]int, len(b)+1)
		for j := range rows[i] {
			switch {
			case i == 0 || j == 0:
				rows[i][j] = i + j
			default:
				changed := rows[i-1][j-1]
				if a[i-1] != b[j-1] {
					changed++
				}
				rows[i][j] = min(changed, rows[i-1][j]+1, rows[i][j-1]+1)
				if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
					rows[i][j] = min(rows[i][j], rows[i-2][j-2]+1)
				}
			}
		}
	}
	return rows[len(a)][len(b)]
}

// canary: what the boot script said of this boot fits what abota reads.
func canary(f *Facts, say say) {
	k := f.Kernel
	const share = "look that the configuration and the boot script name the same places"
	switch {
	case k.Err != nil:
		say(Error, "", "%v", k.Err)
	case !f.Loaded:
	case f.Foreign.Configured: // the check of foreign variables says it
	case f.Loader != nil:
		canaryOf(f, say)
	case !k.Contract && !k.RAUC:
		say(Error, "install abota's boot script, or one that passes rauc.slot", "the kernel command line has neither abota.contract=1 nor rauc.slot, so nothing shows that the boot loader reads the boot table that abota writes")
	case !k.Contract:
		say(Warning, "install abota's boot script, which passes it", "the kernel command line has no abota.contract=1: the boot table is taken for RAUC's, every boot of a slot counts, and nothing proves that the loader reads it")
	}
	switch {
	case !f.Loaded || !k.Contract:
	case k.Env == "lost" && f.Table.Err == nil:
		say(Error, "reboot once; if it says so again, "+share, "the boot script found no valid boot table in this boot (abota.env=lost), but abota reads one")
	case k.Env == "exhausted":
		say(Warning, "`abota mark good` once the device works", "the boot script found no slot that was confirmed or had a try left (abota.env=exhausted)")
	}
	listed := map[string]bool{f.Slots[0].Name: f.Slots[0].Listed, f.Slots[1].Name: f.Slots[1].Listed}
	if k.Contract && f.Loaded && f.Table.Err == nil && f.Table.Settled && k.Env == "" {
		if there, ours := listed[k.Slot]; ours && !there {
			say(Error, share, "the boot script started slot %s, which is not in the boot order that abota reads: they do not share one boot table", k.Slot)
		}
	}
}
