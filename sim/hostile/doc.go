// Package hostile lets every single read, write and flush of an update fail or
// lie, and holds the device against its contract after each.
//
// # Guarantee
//
// [Run] plays each act of an update (install, commit, rollback, an operator's
// word, a lost table) with the real engine, slot writer, journal and boot
// backend on disks of package cutdisk. It counts the operations of an
// undisturbed act on each medium, then plays the act again for every one of
// them and every kind of fault. A device that passes, at each fault:
//
//   - still had its running slot in the boot order, and nothing in the order
//     that is not a whole image, also if the power had gone at that moment;
//   - ended in one clear error that names what failed, with the exit code that
//     belongs to it, or in success that was true;
//   - was not kept from a rollback by its journal;
//   - took the good release without help once the fault was gone.
//
// # Not guaranteed
//
// Without $ABOTA_DAMAGE=full only a sample of the operations is struck. One
// fault at a time, though a lasting one fails again and again. A disk that
// lies about a flush cannot be found out as long as the power stays, so what a
// cut would leave is not looked at there.
package hostile
