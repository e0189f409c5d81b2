package updater

import (
	"fmt"

	"abota/updater/release"
)

// Withdraw takes back the first boot of an armed release, because whoever
// offered it does not want it any more. Nothing is held against it: it may be
// installed again. ErrNothingToDo when it is not what the next boot brings; a
// trial that has begun is not touched.
//
// The pointer moves before the journal says so: a power cut between the two
// leaves a slot that never reached the boot order, which is all that it is.
func (e *Engine) Withdraw(id release.ID) error {
	st, err := e.observe()
	if err != nil {
		return err
	}
	r := st.record
	if st.decision.Action != RebootRequired || r == nil || r.Phase != Armed || !r.Release.Same(id) {
		return fmt.Errorf("release %s does not wait for a restart: %w", id.Name(), ErrNothingToDo)
	}
	next, err := e.situation(st).Disarm()
	if err != nil {
		return err
	}
	// Or the record would be out of step, and no longer explain the slot.
	if err := e.save(r, st.table); err != nil {
		return err
	}
	if err := e.dropTarget(st, next, nil); err != nil {
		return err
	}
	e.tell(EventWithdrawn, r.Target, r.Release, 0, "")
	return nil
}
