// Package jobs takes jobs from AWS IoT: what their documents say, the protocol,
// and the loop that carries them out. What an install or a restart is, its
// [Device] knows.
package jobs
