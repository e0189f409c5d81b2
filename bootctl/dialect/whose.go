package dialect

// Whose names the updater that these variables are of, as the configuration calls
// it, by what only its boot script has; empty when nothing shows it.
func Whose(v Variables) string {
	switch {
	case v("mender_boot_part") != "":
		return "mender"
	case v(varOrder) != "", v(grubOrder) != "" && v("A_OK")+v("A_TRY")+v("B_OK")+v("B_TRY") != "":
		return "rauc"
	}
	return ""
}
