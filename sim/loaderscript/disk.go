package loaderscript

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
)

// Sector is the unit of disks, in bytes.
const Sector = 512

// Partition is one of a disk, its place and size in bytes.
type Partition struct {
	Name     string
	At, Size int
	// Options are sgdisk's for it; "N" in them is its number.
	Options []string
}

// Partitioned is an empty disk with a partition table, at path and as bytes.
func Partitioned(t *testing.T, path string, size int, all ...Partition) []byte {
	t.Helper()
	Write(t, path, make([]byte, size))
	args := []string{"--clear", "--set-alignment=1"}
	for i, p := range all {
		args = append(args,
			fmt.Sprintf("--new=%d:%d:%d", i+1, p.At/Sector, (p.At+p.Size)/Sector-1),
			fmt.Sprintf("--change-name=%d:%s", i+1, p.Name))
		for _, o := range p.Options {
			args = append(args, strings.Replace(o, "N", fmt.Sprint(i+1), 1))
		}
	}
	Tool(t, "sgdisk", append(args, path)...)
	return Read(t, path)
}

// CompareDisks demands that a boot left exactly these bytes.
func CompareDisks(t *testing.T, got, want []byte) {
	t.Helper()
	if bytes.Equal(got, want) {
		return
	}
	var places []string
	for _, at := range Changed(got, want) {
		if len(places) < 8 {
			places = append(places, fmt.Sprintf("%#x\n  have %q\n  want %q", at, trim(got[at:at+Sector]), trim(want[at:at+Sector])))
		}
	}
	t.Errorf("the disk differs from what the script may write, at %s", strings.Join(places, "\n"))
}

// Changed is where sectors of two disks differ, in bytes.
func Changed(a, b []byte) (places []int) {
	for at := 0; at < len(a); at += Sector {
		if !bytes.Equal(a[at:at+Sector], b[at:at+Sector]) {
			places = append(places, at)
		}
	}
	return places
}

func trim(b []byte) []byte { return bytes.TrimRight(b, "\x00\xff") }
