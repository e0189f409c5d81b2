package config

import (
	"fmt"
	"slices"
	"strings"
)

// Whose variables Bootloader.Variables may name.
const (
	VariablesAbota    = "abota"
	VariablesRAUC     = "rauc"
	VariablesMender   = "mender"
	VariablesSWUpdate = "swupdate"
)

var dialects = []string{VariablesAbota, VariablesRAUC, VariablesMender, VariablesSWUpdate}

// SWUpdate are the names of variables, which its users choose themselves.
type SWUpdate struct {
	// Slot says which slot boots, by Bootloader.Names, and Trial whether it is on
	// trial.
	Slot, Trial string
	// Count, optional, is set to 0 with each trial, and State, optional, is what
	// SWUpdate reports by.
	Count, State string
}

// Foreign reports whether the boot script is another updater's by the
// configuration.
func (b Bootloader) Foreign() bool {
	return b.Variables != "" && b.Variables != VariablesAbota
}

var swupdateKeys = []key{
	{name: "slot", field: "Slot", set: scalar(variableName)},
	{name: "trial", field: "Trial", set: scalar(variableName)},
	{name: "count", field: "Count", set: scalar(variableName)},
	{name: "state", field: "State", set: scalar(variableName)},
}

func dialectName(s string) (string, error) {
	if slices.Contains(dialects, s) {
		return s, nil
	}
	return "", fmt.Errorf("unknown variables %q: use %s, or leave it out to have abota's, or RAUC's where U-Boot's script announces no contract", s, strings.Join(dialects, ", "))
}

func variableName(s string) (string, error) {
	if s == "" || strings.ContainsAny(s, "= \t#") {
		return "", fmt.Errorf("%q is no name of a variable", s)
	}
	return text(s)
}

// checkVariables ties the boot script's variables to what they need.
func checkVariables(w *walker, b Bootloader) error {
	needs := func(path, why string) error {
		at := w.at["bootloader.variables"]
		return &Error{File: at.file, Line: at.line, Key: path, Reason: "not set: " + why}
	}
	named := b.Names[0] != ""
	_, own := w.at["bootloader.grub.blocks"]
	_, counts := w.at["bootloader.grub.counts"]
	switch {
	case b.SWUpdate != SWUpdate{} && b.Variables != VariablesSWUpdate:
		return w.failAt("bootloader.swupdate", "is for variables: %s", VariablesSWUpdate)
	case named && !b.Foreign():
		return w.failAt("bootloader.names", "is for another updater's variables, since abota's boot script calls the slots A and B: set bootloader.variables, or remove it")
	case b.Variables == VariablesSWUpdate && (b.SWUpdate.Slot == "" || b.SWUpdate.Trial == ""):
		return needs("bootloader.swupdate", "SWUpdate leaves names to its user: give those of your boot script, as {slot: rootpart, trial: upgrade_available, count: bootcount}")
	case b.Variables == VariablesSWUpdate && !named:
		return needs("bootloader.names", "give the values that "+b.SWUpdate.Slot+" has for slot A and slot B, as [2, 3]")
	case b.Kind == KindGRUB && b.Foreign() && (own || counts):
		return w.failAt("bootloader.grub", "blocks and counts are abota's own: a boot script of %s reads what env names", b.Variables)
	case b.Kind == KindGRUB && b.Foreign() && b.GRUB.Env == "":
		return needs("bootloader.grub.env", "name the grubenv file that the boot script reads, or, of Mender's, the folder with mender_grubenv1 in it")
	case b.GRUB.Env != "" && !b.Foreign():
		return w.failAt("bootloader.grub.env", "is for another updater's variables: set bootloader.variables, or blocks and counts")
	}
	return nil
}
