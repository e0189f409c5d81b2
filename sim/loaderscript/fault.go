package loaderscript

import (
	"fmt"
	"path/filepath"
	"testing"
)

// Fault is what a disk does to the script's accesses.
type Fault struct {
	ReadOnly bool
	// Inject fails each access of this kind, "read" or "write", to Size bytes
	// at At.
	Inject   string
	At, Size int
	// Device is used in place of the machine's virtio disk.
	Device []string
}

// Drive is QEMU's arguments for the disk at path.
func (f Fault) Drive(t *testing.T, m Machine, path string) []string {
	t.Helper()
	file, options := path, ""
	if f.ReadOnly {
		options = ",readonly=on"
	}
	if f.Inject != "" {
		rules := filepath.Join(Scratch(t), "blkdebug.conf")
		text := ""
		for s := range f.Size / Sector {
			text += fmt.Sprintf("[inject-error]\nevent = \"%s_aio\"\niotype = \"%s\"\nerrno = \"5\"\nsector = \"%d\"\nonce = \"off\"\n\n",
				f.Inject, f.Inject, f.At/Sector+s)
		}
		Write(t, rules, []byte(text))
		file, options = "blkdebug:"+rules+":"+path, ",werror=report,rerror=report"
	}
	device := f.Device
	if device == nil {
		device = []string{"-device", m.Disk + ",drive=d"}
	}
	return append([]string{"-drive", "if=none,id=d,format=raw,file=" + file + options}, device...)
}
