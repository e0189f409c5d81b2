package fleet

import "math/big"

// criteria are those of a rollout and of its abort, as create-ota is told them.
type criteria struct {
	base    int  // things a minute, in the first
	tenths  int  // the increment factor, in tenths
	every   int  // things after which the rate grows
	success bool // they have to have succeeded; else to be notified
	most    int  // things a minute
	percent int  // of the executions that ended FAILED, in whole per cent
	least   int  // executions that have to have ended
}

// plan calculates how a rollout goes, by AWS IoT's developer guide ("Job
// rollout rate", "Job abort configuration") and not by the emulator: in step k
// the rate is base × factor^k things a minute, and at most the maximum; step k
// gives way to k+1 when as many things as k+1 times the criterion were notified
// (or have succeeded). The job is aborted after the execution with which enough
// of them have ended, at least the given percentage of them FAILED. That a rate
// which is no whole number is rounded down, and that it is looked at when a
// minute begins, is not established.
type plan struct {
	criteria
	devices int

	notified, succeeded, failed int
	aborted                     bool
}

// rate is how many things this minute's rate allows.
func (p *plan) rate() int {
	reached := p.notified
	if p.success {
		reached = p.succeeded
	}
	rate := big.NewRat(int64(p.base), 1)
	for k := 1; reached >= p.every*k; k++ {
		rate.Mul(rate, big.NewRat(int64(p.tenths), 10))
		if rate.Cmp(big.NewRat(int64(p.most), 1)) >= 0 {
			return p.most
		}
	}
	return int(new(big.Int).Quo(rate.Num(), rate.Denom()).Int64())
}

// minute is how many things are told in the minute that begins.
func (p *plan) minute() int {
	if p.aborted {
		return 0
	}
	n := min(p.rate(), p.devices-p.notified)
	p.notified += n
	return n
}

// ends counts an execution that ended, and reports whether it is the one with
// which the job is aborted.
func (p *plan) ends(failed bool) bool {
	if failed {
		p.failed++
	} else {
		p.succeeded++
	}
	if p.aborted || !p.met(p.failed, p.succeeded) {
		return false
	}
	p.aborted = true
	return true
}

func (p *plan) met(failed, succeeded int) bool {
	executed := failed + succeeded
	return executed >= p.least && 100*failed >= p.percent*executed
}

// orderMatters reports whether there is an order of so many more outcomes in
// which the job is aborted: it is most likely with all failures first.
func (p *plan) orderMatters(failures, successes int) bool {
	if p.aborted {
		return false
	}
	failed := p.failed + failures
	more := min(max(0, p.least-failed-p.succeeded), successes)
	return p.met(failed, p.succeeded+more)
}
