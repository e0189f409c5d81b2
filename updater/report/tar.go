package report

import (
	"fmt"
	"io"
	"time"
)

// The tar format's fixed numbers, in bytes. The standard library's writer knows
// every kind of tar there is, which costs 56 KiB of a device's binary.
const (
	tarBlock = 512
	tarName  = 100
)

// writeFile writes one ordinary file in the ustar format of POSIX.
func writeFile(w io.Writer, name string, content []byte, at time.Time) error {
	head := make([]byte, tarBlock)
	copy(head[:tarName], name)
	copy(head[100:], "0000600\x000000000\x000000000\x00") // mode, owner, group
	copy(head[124:], fmt.Sprintf("%011o\x00%011o\x00", len(content), max(at.Unix(), 0)))
	copy(head[148:], "        0") // the checksum counts as blanks; an ordinary file
	copy(head[257:], "ustar\x0000")
	sum := 0
	for _, b := range head {
		sum += int(b)
	}
	copy(head[148:], fmt.Sprintf("%06o\x00", sum))
	padding := make([]byte, -len(content)&(tarBlock-1))
	for _, part := range [][]byte{head, content, padding} {
		if _, err := w.Write(part); err != nil {
			return err
		}
	}
	return nil
}

// endArchive is two empty blocks.
func endArchive(w io.Writer) error {
	_, err := w.Write(make([]byte, 2*tarBlock))
	return err
}
