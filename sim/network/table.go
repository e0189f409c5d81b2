package network

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
const Size = 16 << 20

// Run plays every row, or those that a quick run has, and writes the table. It
// fails when a row does not end as it must, after having played the rest.
func Run(ctx context.Context, out io.Writer, quick bool) (err error) {
	dir, err := os.MkdirTemp("", "abota-network-")
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
		if quick && r.slow {
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
	return faulttable.Play(ctx, out, 34, chosen)
}

func head(out io.Writer, w *world) {
	fmt.Fprintf(out, "A %d MiB image, its token of %.1f MiB, from a real MinIO. Where abota gave up, the fault went and the same\ncommand then installed the release (corrected: with another setting, as the message asks for);\n\"recovered\" is then how long it took to give up.\n\n",
		w.size>>20, float64(w.tokenSize)/(1<<20))
	fmt.Fprintf(out, "%-34s  %4s  %-25s  %12s  %9s  %8s\n", "fault", "exit", "outcome", "twice, KiB", "recovered", "requests")
}

func line(out io.Writer, o outcome) {
	end := "installed"
	if o.again != nil {
		end = "untouched, then installed"
		if o.row.help != nil {
			end = "untouched, then corrected"
		}
	}
	recovered := "-"
	if o.recovered > 0 {
		recovered = fmt.Sprintf("%.1f s", o.recovered.Seconds())
	}
	fmt.Fprintf(out, "%-34s  %4d  %-25s  %12.1f  %9s  %8d\n", o.row.name, o.run.exit, end, float64(o.twice)/1024, recovered, o.requests)
	if o.again != nil {
		fmt.Fprintf(out, "    %s\n", why(o.run.said))
	}
}

// why leaves out which object it was and where, which is the same in all rows.
func why(said string) string {
	for _, kind := range []string{"transport failure: ", "access denied: ", "not found: "} {
		if at := strings.Index(said, kind); at >= 0 {
			return said[at:]
		}
	}
	return said
}
