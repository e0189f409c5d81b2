package uboot

import (
	"bufio"
	"fmt"
	"os"
	"strconv"
	"strings"
)

// FromFwEnvConfig reads where the copies lie from a configuration of U-Boot's
// own tools, usually /etc/fw_env.config: a line for each copy with device,
// offset (0x for hexadecimal; negative: from the end) and size (hexadecimal); one
// line is a single copy. Further columns are the erase blocks of flash, which the
// kernel is asked for instead; further lines are ignored, by those tools too.
func FromFwEnvConfig(path string) ([]Copy, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("read U-Boot environment configuration: %w", err)
	}
	defer f.Close()
	var copies []Copy
	lines := bufio.NewScanner(f)
	for n := 1; lines.Scan() && len(copies) < 2; n++ {
		fields := strings.Fields(lines.Text())
		if len(fields) == 0 || strings.HasPrefix(fields[0], "#") {
			continue
		}
		c, err := parseCopy(fields)
		if err != nil {
			return nil, fmt.Errorf("%s line %d: %w", path, n, err)
		}
		copies = append(copies, c)
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("read %s: %w", path, err)
	}
	if len(copies) == 0 {
		return nil, fmt.Errorf("%s names no device: add a line with device, offset and size for each of the two copies", path)
	}
	return copies, nil
}

func parseCopy(fields []string) (Copy, error) {
	if len(fields) < 3 {
		return Copy{}, fmt.Errorf("cannot use %q because it is not: device, offset, size", strings.Join(fields, " "))
	}
	offset, err := strconv.ParseInt(fields[1], 0, 64)
	if err != nil {
		return Copy{}, fmt.Errorf("cannot use offset %q because it is not a number: write it as 0x4000", fields[1])
	}
	digits := strings.TrimPrefix(strings.ToLower(fields[2]), "0x")
	size, err := strconv.ParseInt(digits, 16, 64)
	if err != nil {
		return Copy{}, fmt.Errorf("cannot use size %q because it is not a hexadecimal number: write it as 0x4000", fields[2])
	}
	return Copy{Path: fields[0], Offset: offset, Size: size}, nil
}
