package loaderscript

import (
	"encoding/binary"
	"strings"
)

// Sought is what a payload looks for in its device tree. It prints each string
// that begins so.
var Sought = []string{
	"console=",           // the kernel command line
	"linux,initrd-start", // the name of a property that is there with an initrd only
	"abota,test-tree",    // what a test's own device tree holds
}

// ARM64 is a payload in the format that booti accepts. It prints "guest " and
// name, then what it finds of [Sought], and switches the board off.
func ARM64(name string) []byte { return withHeader(imageHeader, program(arm64Code, name)) }

// ARM32 is a payload in the format that bootz accepts.
func ARM32(name string) []byte { return withHeader(zImageHeader, program(armCode, name)) }

func program(code []uint32, name string) []byte {
	image := make([]byte, 0, 4*len(code)+64)
	for _, word := range code {
		image = binary.LittleEndian.AppendUint32(image, word)
	}
	text := "guest " + name + "\n\x00" + strings.Join(Sought, "\x00") + "\x00\x00"
	image = append(image, text...)
	return append(image, make([]byte, 4096-len(image)%4096)...)
}

func withHeader(header func([]byte), image []byte) []byte {
	header(image)
	return image
}

// imageHeader is that of an arm64 kernel (Documentation/arch/arm64/booting):
// its size at 16, flags at 24 (any place in memory, 4 KiB pages), the magic
// at 56. The first word is a branch over it.
func imageHeader(image []byte) {
	binary.LittleEndian.PutUint64(image[16:], uint64(len(image)))
	binary.LittleEndian.PutUint64(image[24:], 0xa)
	copy(image[56:], "ARM\x64")
}

// zImageHeader is that of a 32-bit kernel: magic at 0x24, start and end.
func zImageHeader(image []byte) {
	binary.LittleEndian.PutUint32(image[0x24:], 0x016f2818)
	binary.LittleEndian.PutUint32(image[0x2c:], uint32(len(image)))
}

// The programs. Both do the same; x0 or r2 is the device tree, whose size
// stands big-endian at 4. The text follows the last instruction.
var arm64Code = []uint32{
	0x14000010, // b start
	0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
	// start:
	0x52a12001, // mov  w1, #0x09000000   the serial port
	0xb9400409, // ldr  w9, [x0, #4]
	0x5ac00929, // rev  w9, w9
	0x8b090009, // add  x9, x0, x9        where the device tree ends
	0x10000402, // adr  x2, text
	// print: up to the first NUL
	0x38401443, // ldrb w3, [x2], #1
	0x34000063, // cbz  w3, next
	0xb9000023, // str  w3, [x1]
	0x17fffffd, // b    print
	// next: a string to look for, none left when empty
	0x39400043, // ldrb w3, [x2]
	0x340002c3, // cbz  w3, off
	0xaa0003e4, // mov  x4, x0
	// outer: compare at each byte
	0xeb09009f, // cmp  x4, x9
	0x54000202, // b.hs skip
	0xaa0403e5, // mov  x5, x4
	0xaa0203e6, // mov  x6, x2
	// inner:
	0x384014c7, // ldrb w7, [x6], #1
	0x340000c7, // cbz  w7, found
	0x384014a8, // ldrb w8, [x5], #1
	0x6b0800ff, // cmp  w7, w8
	0x54ffff80, // b.eq inner
	0x91000484, // add  x4, x4, #1
	0x17fffff6, // b    outer
	// found:
	0x38401483, // ldrb w3, [x4], #1
	0x34000063, // cbz  w3, line
	0xb9000023, // str  w3, [x1]
	0x17fffffd, // b    found
	// line:
	0x52800143, // mov  w3, #10
	0xb9000023, // str  w3, [x1]
	// skip: to the next string
	0x38401443, // ldrb w3, [x2], #1
	0x35ffffe3, // cbnz w3, skip
	0x17ffffea, // b    next
	// off: PSCI SYSTEM_OFF
	0x52800100, // mov  w0, #8
	0x72b08000, // movk w0, #0x8400, lsl #16
	0xd4000002, // hvc  #0
	0x14000000, // b    .
}

var armCode = []uint32{
	0xea00000a, // b start
	0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
	// start:
	0xe5929004, // ldr  r9, [r2, #4]
	0xe6bf9f39, // rev  r9, r9
	0xe0829009, // add  r9, r2, r9
	0xe1a00002, // mov  r0, r2
	0xe3a01409, // mov  r1, #0x09000000
	0xe28f208c, // adr  r2, text
	// print:
	0xe4d23001, // ldrb r3, [r2], #1
	0xe3530000, // cmp  r3, #0
	0x0a000001, // beq  next
	0xe5813000, // str  r3, [r1]
	0xeafffffa, // b    print
	// next:
	0xe5d23000, // ldrb r3, [r2]
	0xe3530000, // cmp  r3, #0
	0x0a000017, // beq  off
	0xe1a04000, // mov  r4, r0
	// outer:
	0xe1540009, // cmp  r4, r9
	0x2a000010, // bhs  skip
	0xe1a05004, // mov  r5, r4
	0xe1a06002, // mov  r6, r2
	// inner:
	0xe4d67001, // ldrb r7, [r6], #1
	0xe3570000, // cmp  r7, #0
	0x0a000004, // beq  found
	0xe4d58001, // ldrb r8, [r5], #1
	0xe1570008, // cmp  r7, r8
	0x0afffff9, // beq  inner
	0xe2844001, // add  r4, r4, #1
	0xeafffff3, // b    outer
	// found:
	0xe4d43001, // ldrb r3, [r4], #1
	0xe3530000, // cmp  r3, #0
	0x0a000001, // beq  line
	0xe5813000, // str  r3, [r1]
	0xeafffffa, // b    found
	// line:
	0xe3a0300a, // mov  r3, #10
	0xe5813000, // str  r3, [r1]
	// skip:
	0xe4d23001, // ldrb r3, [r2], #1
	0xe3530000, // cmp  r3, #0
	0x1afffffc, // bne  skip
	0xeaffffe4, // b    next
	// off:
	0xe3a00008, // mov  r0, #8
	0xe3800321, // orr  r0, r0, #0x84000000
	0xe1400070, // hvc  #0
	0xeafffffe, // b    .
}
