package tryboot

import (
	"strings"
	"testing"

	"abota/bootctl"
	"abota/bootctl/bootctltest"
	"abota/sim/cutdisk"
)

// testNumbers are the partitions of A and B.
var testNumbers = [2]int{2, 3}

// file is a sector with this text, padded as Pad does; what lies behind the
// end of the file is not ours.
func file(text string) []byte {
	content := []byte(text + strings.Repeat("\n", paddedSize-len(text)))
	return append(content, strings.Repeat("\x5a", maxSize-paddedSize)...)
}

const foreign = `# written by hand: é
unknown=1
[none]
boot_partition=9
[all]
tryboot_a_b=1
boot_partition=2
[tryboot]
boot_partition=3
other=x
[all]
last=1
`

func TestConformance(t *testing.T) {
	for name, text := range map[string]string{"empty": "", "foreign settings": foreign, "damaged": "\x00\x01"} {
		t.Run(name, func(t *testing.T) {
			bootctltest.Run(t, bootctltest.Factory{
				Layout: bootctltest.Single,
				Blank:  file(text),
				Open:   func(d *cutdisk.Disk) bootctl.Backend { return On(d, paddedSize, testNumbers) },
				Copies: [2]bootctltest.Region{{Size: maxSize}},
			})
		})
	}
}
