package main

import (
	"abota/cmd/internal/cli"
	"abota/updater"
)

// progress shows how far an install is: the release's bytes that are fetched,
// and the slot's that are written.
type progress struct{ *cli.Progress }

func (p progress) show(at updater.Progress) {
	p.Show(at.Release.Size, cli.Count{Name: "fetched", Bytes: at.Fetched}, cli.Count{Name: "written", Bytes: at.Written})
}
