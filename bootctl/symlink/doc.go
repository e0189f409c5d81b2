// Package symlink is the boot loader of directory slots: it chooses by the boot
// table, counts the attempt, and derives the symbolic link from the choice, as
// a boot script chooses a partition.
//
// # Guarantee
//
// The link shows one slot or the other at any moment, also after a power cut:
// it is replaced by a rename, and the folder that holds it is flushed before
// [Link.Point] reports success. It is only ever pointed at a slot that is
// there.
//
// [Loader.Select] counts once in each boot, before it moves the link, and keeps
// the contract of the boot script: slots are tried in their order; one without
// attempts left is passed by; one that is not there is passed by at once and
// uncounted; tries of confirmed slots are refilled when no slot has any left.
// Where the attempt cannot be recorded, a confirmed slot is chosen. Without a
// table nothing is counted, and the link stays as it is, or is repaired: to
// slot A if that is there, else B. Further calls in the same boot are quick,
// write nothing that a service's restart could wear out, and only repair: a
// link that shows nothing, or a slot that left the order, is moved to a slot
// that the table calls good.
//
// # Not guaranteed
//
// That what runs was started through the link: whoever starts it has to call
// Select first. Two processes must not count at the same time: the caller holds
// a lock; a Select that only repairs needs none.
//
// # Format
//
// The table is whatever the wrapped backend stores (package record). The link's
// text is the slot's bare name where link and slots lie in the same folder, so
// that the folder can be moved, and else the slot's absolute path. The marker is
// a file with the ID of the boot that was counted, and a line end; losing it
// costs one attempt.
package symlink
