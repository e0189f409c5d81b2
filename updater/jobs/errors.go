package jobs

import "errors"

// Errors that callers tell apart.
var (
	// ErrOver: the execution has ended: succeeded, failed, cancelled, timed out,
	// removed or deleted.
	ErrOver = errors.New("the job execution is over")
	// ErrCannotDisarm: the device has no way to take back what a job installed.
	ErrCannotDisarm = errors.New("this device cannot take an installed release back")
)
