// Package faults plays every fault of networks, of AWS IoT, of job documents
// and of the power to the real abota that takes its releases as jobs, and tells
// in a table how it got over them.
//
// # What a row proves
//
// A fresh thing (the host's `abota run`, two plain files as slots, a boot table
// in a record, MQTT over TLS with a certificate of its own) is given a job by the
// real `abota-publish create-ota`, or by the control plane where nobody's tool
// would make such a job. A restart is one: the process is killed, the kernel's
// boot_id is another, `abota boot` runs in the slot that the boot table names,
// and then `abota run` again. At the end of every row
//
//   - AWS IoT has the status and the reason that the row expects,
//   - the device runs what it should, in a slot that holds the image byte for
//     byte, or is what it was, with nothing that could be booted in slot B,
//   - the slot that ran first has not changed, nothing is condemned but what
//     failed its trial, and no output shows a key or a signed address,
//   - the agent ends with exit code 0 when it is told to stop,
//   - with the fault gone, the next job succeeds.
//
// "Twice" is how much of the file the emulator sent beyond its size. "Recovered"
// is the time from the fault to the first answer to what was asked after it.
//
// # What it does not prove
//
// The clock is this machine's. A device in 1970 meets certificates that are not
// valid yet, and so does a row here, by a certificate of tomorrow; that abota
// has a clock of its own making then is for the emulated boards. Loopback loses
// nothing by itself. Where AWS IoT's own behaviour is not established, the
// emulator's is what is met (see package awsiot).
package faults
