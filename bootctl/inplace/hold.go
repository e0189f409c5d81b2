package inplace

import (
	"errors"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// Hold keeps another program out by the file that it locks with flock, for as long
// as it is reasonable to wait: a rollback must not hang on a tool that hangs, and
// where there is no folder for the file there is no such tool.
func Hold(path string) (release func()) {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE, 0o666)
	if err != nil {
		return func() {}
	}
	for range 50 {
		if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); !errors.Is(err, unix.EWOULDBLOCK) {
			break
		}
		time.Sleep(100 * time.Millisecond)
	}
	return func() { f.Close() }
}
