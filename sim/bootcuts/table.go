package bootcuts

import (
	"fmt"
	"io"
	"text/tabwriter"
	"time"
)

// row is a line of the table.
type row struct {
	name                                 string
	transitions, writing, made, distinct int
	booted, good, trial, other, bad      int
	seconds                              float64
	failures                             []string
}

func (r *run) count(j *job) {
	one, done := r.results.of(j.key)
	if !done {
		return
	}
	r.booted++
	r.seconds += one.Seconds
	switch {
	case one.Why != "":
		r.bad++
		r.failures = append(r.failures, fmt.Sprintf("%s: %s: %s\n%s", r.row.name, one.Key, one.Why, one.Console))
	case one.Sort == "trial":
		r.trial++
	case one.Sort == "good slot":
		r.good++
	default:
		r.other++
	}
}

// table prints what it came to.
func table(out io.Writer, rows []*row, took time.Duration) error {
	t := tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(t, "loader\ttransitions\tloader's writes\tstates\tdistinct\tbooted\tgood slot\ttrial\tanother good slot\tfailed\tseconds a boot\t")
	var failed error
	for _, r := range rows {
		fmt.Fprintf(t, "%s\t%d\t%d\t%d\t%d\t%d\t%d\t%d\t%d\t%d\t%.1f\t\n", r.name, r.transitions, r.writing, r.made, r.distinct,
			r.booted, r.good, r.trial, r.other, r.bad, r.seconds/float64(max(1, r.booted)))
		for _, f := range r.failures {
			failed = ErrFailed
			fmt.Fprintln(out, f)
		}
	}
	t.Flush()
	fmt.Fprintf(out, "this run took %.0f s\n", took.Seconds())
	return failed
}
