// Package service is a model of AWS IoT as far as updates over the air need
// it: things, groups, certificates, jobs with their executions, packages,
// streams' records and shadows, on a clock of its own. It does no I/O.
//
// # Guarantee
//
// A request either is refused with an [Error] and changes nothing, or is done
// whole. What is due by the clock happens in order of time before anything
// else, and each as if it were seen at its moment, so that a clock which jumps
// over a month and one which walks through it tell the same story. Every
// announcement follows the change it tells of, in order, and a thing that
// describes itself after it sees at least that change. An execution that has
// ended never changes again, versions only grow, and every count can be had
// from the executions themselves.
//
// # Not guaranteed
//
// Policies are stored and never enforced: who may do what is the caller's
// affair. Dynamic groups, job templates of one's own, fleet indexing, billing
// groups and thing types (but as a word on a thing) are absent. Nothing is
// throttled. A real timeout may be up to a minute late, a rollout uneven within
// a minute, and a deletion takes a while; here all three are exact, so that
// tests are. Most of AWS's error texts are not established: types, status and
// codes are the reference's, and where a text was seen it says so.
//
// # Format
//
// The structures carry the JSON of AWS's wire: rest-json bodies as the SDKs'
// models have them for the control plane, and the Jobs MQTT API as its
// developer guide shows it for the device's side. Comments mark what is
// [inferred] or [not established]: that is this model's choice, not AWS's word.
package service
