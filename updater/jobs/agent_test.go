package jobs

import (
	"testing"
	"testing/synctest"
	"time"
)

// in runs a scenario on virtual time.
func inWorld(t *testing.T, name string, run func(t *testing.T, w *world)) {
	t.Helper()
	t.Run(name, func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t)
			run(t, w)
			w.close()
		})
	})
}

func TestJobFromNoticeToSuccess(t *testing.T) {
	inWorld(t, "", func(t *testing.T, w *world) {
		w.run()
		time.Sleep(time.Minute)
		job := w.service.create("AFR_OTA-1", document("new"))
		time.Sleep(10 * time.Minute)
		w.want(job, well)
		w.wantInstalls("new")
		w.wantReboots("new")
		for _, d := range [][2]string{{"self_test", "ready"}, {"self_test", "active"}, {"phase", "installing"}, {"phase", "done"}} {
			if job.said(d[0], d[1]) == 0 {
				t.Errorf("nobody was told %s %s: %v", d[0], d[1], job.told)
			}
		}
	})
}
