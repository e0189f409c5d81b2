package loaderscript

import (
	"encoding/binary"
	"encoding/hex"
	"strings"
)

// PC is a payload as a bzImage (Documentation/arch/x86/boot.rst): one
// sector with the setup header, one empty sector of setup, and the 32-bit
// program that is entered with the boot parameters at esi. An initrd shows in
// them, and so does the command line; there is no device tree.
func PC(name string) []byte {
	const setup = 2 * Sector
	image := make([]byte, setup)
	for line := range strings.Lines(strings.TrimSpace(pcCode)) {
		code, _, _ := strings.Cut(line, " ")
		bytes, err := hex.DecodeString(strings.TrimSpace(code))
		if err != nil {
			panic(err)
		}
		image = append(image, bytes...)
	}
	image = append(image, "guest "+name+"\n\x00"+Sought[1]+"\n\x00"...)
	image = append(image, make([]byte, 4096-len(image)%4096)...)
	image[0x1f1] = 1 // sectors of setup behind the first
	binary.LittleEndian.PutUint32(image[0x1f4:], uint32(len(image)-setup)/16)
	binary.LittleEndian.PutUint16(image[0x1fe:], 0xaa55)
	copy(image[0x202:], "HdrS")
	binary.LittleEndian.PutUint16(image[0x206:], 0x020f) // version
	image[0x211] = 1                                     // to be loaded high
	binary.LittleEndian.PutUint32(image[0x214:], 0x100000)
	// It may be loaded anywhere, at 16 MiB by choice, in pages.
	image[0x234], image[0x235] = 1, 12
	binary.LittleEndian.PutUint32(image[0x230:], 0x1000)
	binary.LittleEndian.PutUint64(image[0x258:], 0x1000000)
	binary.LittleEndian.PutUint32(image[0x260:], 0x10000) // the memory that it needs
	binary.LittleEndian.PutUint32(image[0x238:], 0x7ff)   // the longest command line
	return image
}

// pcCode is the program: its bytes, and what they say in AT&T's notation. The
// text follows the last instruction.
const pcCode = `
e800000000             call  here
5b              here:  pop   %ebx
89f5                   mov   %esi,%ebp
8db356000000           lea   0x56(%ebx),%esi
e82b000000             call  print
8bbd28020000           mov   0x228(%ebp),%edi
87f7                   xchg  %esi,%edi
e81e000000             call  print
87f7                   xchg  %esi,%edi
b00a                   mov   $0xa,%al
e821000000             call  put
83bd1c02000000         cmpl  $0x0,0x21c(%ebp)
7405                   je    off
e807000000             call  print
b0fe            off:   mov   $0xfe,%al
e664                   out   %al,$0x64
f4                     hlt
ebf9                   jmp   off
ac              print: lods  %ds:(%esi),%al
84c0                   test  %al,%al
7417                   je    back
e802000000             call  put
ebf4                   jmp   print
88c1            put:   mov   %al,%cl
66bafd03               mov   $0x3fd,%dx
ec              wait:  in    (%dx),%al
a820                   test  $0x20,%al
74fb                   je    wait
b2f8                   mov   $0xf8,%dl
88c8                   mov   %cl,%al
ee                     out   %al,(%dx)
c3              back:  ret
`
