package faults

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"abota/sim/faulttable"
)

// Size is the image's size in bytes in a long run.
const Size = 1 << 20

// Run plays every row, or those that a quick run has, and writes the table. With
// names, it is the rows with one of those in their name. It fails when a row does
// not end as it must, after having played the rest.
func Run(ctx context.Context, out io.Writer, quick bool, names ...string) (err error) {
	if err := namespaces(ctx); err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "abota-faults-")
	if err != nil {
		return fmt.Errorf("make a work folder: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	w, err := newWorld(ctx, dir, Size)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, w.close()) }()
	head(out, w)
	var chosen []faulttable.Row
	for i, r := range rows() {
		if quick && !r.quick || !named(r.name, names) {
			continue
		}
		chosen = append(chosen, faulttable.Row{Name: r.name, Play: func(ctx context.Context, out io.Writer) error {
			o, err := w.play(ctx, r, i)
			if err == nil && ctx.Err() == nil {
				line(out, o)
			}
			return err
		}})
	}
	return faulttable.Play(ctx, out, 50, chosen)
}

func named(name string, names []string) bool {
	for _, n := range names {
		if strings.Contains(name, n) {
			return true
		}
	}
	return len(names) == 0
}

func head(out io.Writer, w *world) {
	fmt.Fprintf(out, "An image of %d KiB, jobs by create-ota, MQTT over TLS, slots in files. After each row the next job succeeded,\nand every row ended with the slot that ran first unchanged, no secret in any output, and the agent's exit code.\n\n", w.size>>10)
	fmt.Fprintf(out, "%-50s  %-9s  %-14s  %4s  %10s  %9s  %5s\n", "fault", "job", "device", "exit", "twice, KiB", "recovered", "s")
}

func line(out io.Writer, o outcome) {
	recovered := "-"
	if o.recovered > 0 {
		recovered = fmt.Sprintf("%.1f s", o.recovered.Seconds())
	}
	fmt.Fprintf(out, "%-50s  %-9s  %-14s  %4d  %10.1f  %9s  %5.1f\n", o.row.name, o.status, o.end, o.exit, float64(o.twice)/1024, recovered, o.took.Seconds())
	if o.status != "SUCCEEDED" && o.reason != "" {
		fmt.Fprintf(out, "    %s\n", o.reason)
	}
	for _, note := range o.notes {
		fmt.Fprintf(out, "    %s\n", note)
	}
}
