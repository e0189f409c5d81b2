// Package unpack reads a zip archive from a stream, front to back, in one
// pass: no seeking, no temporary file, no second look.
//
// # Guarantee
//
// [Zip] follows the local headers and remembers what they said. When the
// entries are over it reads the central directory and the end records and
// compares everything that is said twice. [Zip.Read] ends in io.EOF only after
// the entry's CRC-32 and both sizes held. [Zip.Next] ends in io.EOF only after
// every local header and its central record agreed and the input itself
// returned io.EOF right behind the archive. So a clean end means: whoever reads
// the same bytes by the central directory, as most programs do, sees the same
// entries with the same content. Anything else is [ErrCorrupt], [ErrRefused] or
// the input's own error, and stays so (errors are sticky).
//
// The compressed data of an entry ends where its sizes say, and the decoder
// takes no byte beyond it.
//
// # Before authentication
//
// The bytes may come from a stream that is authenticated only at its end. So
// every check here runs on bytes that nobody has vouched for yet, and an
// attacker chooses them. What that can cost is bounded: memory is constant but
// for what the entries' names need ([MaxEntries], [MaxNameBytes]); lengths are
// checked before they are used. Content handed out by Read is unproven until
// the end of the archive and of the stream below it: the caller may write it
// where nothing trusts it yet, and must not act on it.
//
// # Not guaranteed
//
// How much an entry unpacks to is not bounded here: the caller knows what fits.
// Two sets of bytes may say the same: fields that no second place repeats and
// that change nothing here are read past. They are: internal attributes, the
// lower half of the external ones, the versions in the zip64 end record, the
// version that a record was made by, a local header's version
// where the central record says 4.5, the text of comments, access and creation
// times, extra fields other than those below, whether a zip64 field repeats an
// offset that the record has, and the bits that deflate leaves unused up to a
// byte's end.
// Unpacking trees is not done here; names are only checked. An entry's mode is
// said once, in the central directory, so it is known only at the end
// ([Zip.Entries]), and there is nothing to compare it with.
//
// # Format
//
// PKWARE APPNOTE 6.3.x. In stream order: for each entry a local file header
// (4.3.7), its data, and, when flag bit 3 is set, a data descriptor (4.3.9);
// then the central directory (4.3.12), the zip64 end record and its locator
// when needed (4.3.14, 4.3.15), and the end record (4.3.16) with its comment.
//
//   - Methods: 0 (stored) and 8 (deflate).
//   - Data descriptors: with or without signature, with 32 or 64 bit sizes.
//     APPNOTE ties the width to the zip64 extra field, writers do not. So all
//     four forms are compared with what was really read, and one must match and
//     be followed by a header. Only deflate says by itself where it ends;
//     a stored entry with a descriptor is refused.
//   - Modes are the upper half of the external attributes of records that were
//     made on Unix or macOS; a mode of 0 says nothing.
//   - Extra fields: 0x0001 (zip64 sizes and offset) and 0x5455 (modification
//     time in UTC seconds). 0x7075 (a second name) is refused.
//   - Names are UTF-8, announced by flag bit 11 unless they are plain ASCII: a
//     name with other bytes and without the flag is code page 437 to one reader
//     and UTF-8 to the next, so it is refused. They are relative slash paths
//     without empty, "." or ".." elements, backslashes and NUL; a directory's
//     ends in one slash. No name comes twice, with or without that slash.
//   - Entries follow each other without gap or overlap from the first byte on,
//     and the central directory lists them in the same order.
//
// Refused: encryption of any kind, masked headers, patch data, split archives,
// the archive extra data record, digital signatures, extensible zip64 data, and
// general purpose flags without a meaning here.
package unpack
