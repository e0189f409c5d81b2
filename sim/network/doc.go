// Package network plays every fault of networks, proxies and object stores to
// the real abota, and tells in a table how it got over them.
//
// # What a row proves
//
// A fresh device (the host's abota, two plain files as slots, a boot table in a
// record) installs a release from a real MinIO through a [front.Front] that
// does one thing wrong. Where the row expects a release in the end, slot B holds
// the image byte for byte and is armed. Where it expects an error, the exit code
// and the message are the expected ones, slot B cannot be booted, slot A and
// the pointer are what they were; then the fault goes, and the same command
// installs the release. Where the device's own setting was wrong, the command
// gets the right one.
//
// "Fetched twice" is what the front sent of the token beyond its size, over both
// runs. "Recovered" is the time from the fault to the first good byte of a
// request made after it or, where abota gave up, to its end.
//
// # What it does not prove
//
// Loopback has no loss, no reordering and no small MTU of its own; the kernel's
// TCP is believed. Waits are shortened by the device's own timeout and retry
// keys, so seconds are for comparing rows, not for real networks.
package network
