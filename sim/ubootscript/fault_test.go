package ubootscript

import (
	"fmt"
	"path/filepath"
	"testing"
)

// fault is what the disk does to the script's accesses.
type fault struct {
	readOnly bool
	// inject fails each access of this kind to a copy of the environment:
	// "read" or "write".
	inject string
	copy   int
	// device is used in place of the board's virtio disk.
	device []string
}

// drive is QEMU's arguments for the disk.
func (f fault) drive(t *testing.T, b board, path string) []string {
	t.Helper()
	file, options := path, ""
	if f.readOnly {
		options = ",readonly=on"
	}
	if f.inject != "" {
		rules := filepath.Join(scratch(t), "blkdebug.conf")
		text := ""
		for s := range envSize / sector {
			text += fmt.Sprintf("[inject-error]\nevent = \"%s_aio\"\niotype = \"%s\"\nerrno = \"5\"\nsector = \"%d\"\nonce = \"off\"\n\n",
				f.inject, f.inject, copyAt(f.copy)/sector+s)
		}
		write(t, rules, []byte(text))
		file, options = "blkdebug:"+rules+":"+path, ",werror=report,rerror=report"
	}
	device := f.device
	if device == nil {
		device = []string{"-device", b.disk + ",drive=d"}
	}
	return append([]string{"-drive", "if=none,id=d,format=raw,file=" + file + options}, device...)
}
