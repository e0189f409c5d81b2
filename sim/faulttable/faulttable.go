// Package faulttable plays rows of faults one after the other and says of each
// how it ended. What a row is, its caller knows.
package faulttable

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"
)

// ErrMissing says that a row cannot be played on this machine.
var ErrMissing = errors.New("cannot be played here")

// Row is one fault.
type Row struct {
	Name string
	// Play plays it, and writes its line once it has ended as it must.
	Play func(ctx context.Context, out io.Writer) error
}

// Play plays all rows, whose names take so many columns, and writes their total.
// It fails when a row does not end as it must, after having played the rest.
func Play(ctx context.Context, out io.Writer, columns int, rows []Row) error {
	began, failed, played := time.Now(), 0, 0
	for _, r := range rows {
		err := r.Play(ctx, out)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if errors.Is(err, ErrMissing) {
			fmt.Fprintf(out, "%-*s  %v\n", columns, r.Name, err)
			continue
		}
		played++
		if err != nil {
			failed++
			fmt.Fprintf(out, "%-*s  FAILED: %v\n", columns, r.Name, err)
		}
	}
	fmt.Fprintf(out, "%d rows, %d failed, %d s\n", played, failed, int(time.Since(began).Seconds()))
	if failed > 0 {
		return fmt.Errorf("%d of %d rows did not end as they must", failed, played)
	}
	return nil
}
