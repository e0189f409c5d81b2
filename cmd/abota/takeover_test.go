package main

import (
	"encoding/binary"
	"hash/crc32"
	"os"
	"strings"

	"github.com/rogpeppe/go-internal/testscript"
)

// makeEnvironment FILE NAME=VALUE…: both copies of a U-Boot environment of 4 KiB
// with these variables, as another updater leaves them.
func makeEnvironment(ts *testscript.TestScript, _ bool, args []string) {
	const size = 0x1000
	var both []byte
	for serial := range 2 {
		image := make([]byte, size)
		copy(image[5:], strings.Join(args[1:], "\x00"))
		image[4] = byte(serial)
		binary.LittleEndian.PutUint32(image, crc32.ChecksumIEEE(image[5:]))
		both = append(both, image...)
	}
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), both, 0o600))
}

// makeBlock FILE NAME=VALUE…: a GRUB environment block with these variables.
func makeBlock(ts *testscript.TestScript, _ bool, args []string) {
	text := "# GRUB Environment Block\n" + strings.Join(args[1:], "\n") + "\n"
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), []byte(text+strings.Repeat("#", 1024-len(text))), 0o600))
}
