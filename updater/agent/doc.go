// Package agent decides when a device looks for a release, takes it and
// restarts, and is the loop that does so. What a look or an install is, its
// [Device] knows.
//
// # Guarantee
//
// The schedule ([State.Next], [State.After]) is pure: no clock, no I/O, and
// randomness only as it is passed in. Devices that start together do not ask
// together: the first look is spread over [Policy.Interval], at most an hour;
// each later one is up to [Policy.Jitter] late. When a device takes a release
// is fixed by its identity and the release's, so that a restart of the agent
// neither moves nor forgets it. What fails is repeated with a pause that
// doubles, for each cause by itself, up to a limit; a server's Retry-After is
// obeyed, up to 24 hours. Nothing is installed, and nothing restarts, outside
// of the maintenance windows, but for the three cases below. An agent that is
// told to stop stops within seconds.
//
// # Not guaranteed
//
// Pauses after failed looks begin anew when the agent is restarted; those
// after failed installs do not. Two devices with one identity, as from a cloned
// machine-id, do everything at the same time. An install that has begun is
// finished when the window closes meanwhile, and only its restart waits. Under
// [RebootInWindow] releases are installed at any time, and only the restart
// waits. And without a clock there is no window for ever, see below.
//
// # When a release is taken
//
// With share(x) the first 8 bytes, big-endian, of SHA-256(identity, release, x)
// divided by 2^64, where the texts are joined as they are and release is the
// publisher's checksum (classic: 32 lower-case hexadecimal digits):
//
//	wave   = published + share("") × poll.wave
//	due    = max(wave, first seen) + share("jitter") × poll.jitter
//
// Published is what the source says (Last-Modified), if that is before the
// release was first seen, which else takes its place. A server can thus know
// the time for each of its devices. What became due while no window was open is
// done in the first half of the next window, at share("window") of that half.
// With poll.jitter 0 nothing is spread but by the wave.
//
// # Without a clock
//
// A device that does not know the time (its clock shows less than the time at
// which abota was built; what a server says of the time is not believed here)
// counts its own running time instead, also over restarts: the wave begins when the release is
// first seen, and for a window it waits 24 hours and then goes on without, since
// a device that waits for ever is one that somebody has to drive to. Once the
// time is known all is as above.
//
// # Format
//
// The record that outlasts the agent is JSON ([Found]); a crash-safe place for
// it is the caller's affair. Fields are only added.
package agent
