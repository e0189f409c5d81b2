// Package takeover takes over devices that run another updater: a board boots by
// a script that does what RAUC's, Mender's or SWUpdate's users' scripts do by
// their documentation, in a real U-Boot or GRUB under QEMU, and between its boots
// abota's engine does on its disk what `abota provision`, `abota boot` and
// `abota install` do on a device. It holds tests alone.
//
// # Guarantee
//
// A passed test shows for one boot script and loader: taking the device over
// changes no byte of its disk. Quiet reboots leave the variables as they were, to
// the byte where the script itself writes nothing. An update is started by their
// script and kept, one that is not healthy is left again, and so is one whose
// kernel does not start; no variable is added, and those of others are kept.
//
// # Not guaranteed
//
// The scripts in testdata were written for these tests from the documentation of
// RAUC, Mender and SWUpdate; the real ones were not run. U-Boot's counter of boots
// (CONFIG_BOOTCOUNT_ENV), which Debian's U-Boot was built without, is done by the
// script, as is its driver of a redundant environment, whose own copies lie on
// flash there. Mender's script in GRUB uses load_env and save_env as its original
// does.
package takeover
