package doctor

// foreign: another updater's boot script runs where the configuration says so and
// only there, and goes by the variables that abota writes.
func foreign(f *Facts, say say) {
	b := f.Foreign
	switch {
	case b.Spoken == "": // abota's own script runs: what else is there is left over
	case b.Found != "" && b.Found != b.Spoken:
		say(Error, "set bootloader.variables: "+b.Found, "the boot environment holds the variables of %s, but those of %s are configured or taken for granted", b.Found, b.Spoken)
	case b.Configured && f.Kernel.Contract:
		say(Error, "remove bootloader.variables and names", "the boot script announces abota.contract=1, but the variables of %s are configured", b.Spoken)
	case b.Configured && f.Table.Err == nil:
		say(Warning, "look that it reads the places in the configuration; the first update shows it", "nothing proves that the boot script made for %s reads the variables that abota writes", b.Spoken)
	}
	if !b.Configured {
		return
	}
	for _, doubt := range b.Doubts {
		say(Warning, "", "%s", doubt)
	}
}
