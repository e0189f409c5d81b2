// Package tree unpacks a release into a folder: a directory slot.
//
// # Guarantee
//
// What is written goes through an [os.Root] into NAME.new beside the slot NAME,
// a name that nothing else uses. While content arrives there are only folders
// and plain files in it, all of them closed to others (0700, 0600): links,
// modes and times are made when the release was proven to its end. Then all of
// it is flushed, read back past the page cache and compared with what came in,
// and only then renamed to NAME; the folder that holds both is flushed last. So
// after a power cut NAME is the whole new tree, or is not there. After an error
// neither NAME nor NAME.new is.
//
// Nothing comes out of the tree: names are relative slash paths without empty,
// "." and ".." elements; symbolic links are relative and stay inside, both by
// their text and as the kernel follows them through other links. Devices,
// FIFOs and sockets are refused, and so are two entries that this file system
// cannot keep apart (upper and lower case). How much is written and how many
// entries there are is bounded by [Options] and by the free space, of which a
// small part is left ([reserve]).
//
// # Not guaranteed
//
// Owners: all belongs to whoever runs abota. Hard links and extended attributes
// are not in a zip. Setuid, setgid and sticky bits are dropped, and the caller
// is told ([Options.Warn]). A process that still runs from the old tree keeps
// the files that it has open, and finds no others.
//
// # Modes and times
//
// Permissions are the release's, but that the owner may always read files, and
// enter and change folders: else the slot could not be proven or replaced. A
// zip that was made on Windows, or by a program that writes none, has no modes.
// Then folders get 0755, and files 0644, or 0755 when they begin as programs do
// (the ELF magic, or #!). Folders that the release only implies get 0755. Times
// are the release's; where it has none, they are those of the unpacking.
//
// # Digest
//
// The digest of a tree is the SHA-256 of the text "abota tree 1\n" and one
// record for everything in it, depth first, the names of each folder in the
// order of their bytes, fields in decimal unless said otherwise:
//
//	folder  "d " PERMISSIONS(octal) " " PATH NUL
//	file    "f " PERMISSIONS(octal) " " SIZE " " SHA-256(hex) " " PATH NUL
//	link    "l " PATH NUL TARGET NUL
//
// The top folder itself and all times are left out: file systems keep times
// with different precision.
//
// The top folder has the extended attribute user.abota.slot, where the file
// system keeps any: it tells a tree that was written here from somebody's data.
package tree
