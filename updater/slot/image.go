package slot

import (
	"context"
	"fmt"
	"io"
	"os"
	"strings"
)

// imageSector is the sector size of disk images, in bytes.
const imageSector = 512

// Part is where a partition lies in a disk image, in bytes.
type Part struct{ Offset, Size int64 }

// FindIn resolves PARTUUID=… or PARTLABEL=… by the GPT of a disk image: the
// factory's way to a device that does not run yet.
func FindIn(image, spec string) (Part, error) {
	part, err := findIn(image, spec)
	if err != nil {
		return Part{}, fmt.Errorf("find %s in %s: %w", spec, image, err)
	}
	return part, nil
}

func findIn(image, spec string) (found Part, err error) {
	f, err := os.Open(image)
	if err != nil {
		return found, err
	}
	defer f.Close()
	size, err := f.Seek(0, io.SeekEnd)
	if err != nil {
		return found, err
	}
	table, err := parseTable(f, size, imageSector)
	if err != nil {
		return found, err
	}
	key, value, _ := strings.Cut(spec, "=")
	matches := 0
	for _, p := range table {
		if value == "" || !(key == "PARTLABEL" && p.label == value || key == "PARTUUID" && strings.EqualFold(p.uuid, value)) {
			continue
		}
		matches++
		found = Part{Offset: int64(p.first) * imageSector, Size: int64(p.last-p.first+1) * imageSector}
	}
	switch {
	case matches == 0:
		return found, fmt.Errorf("there is no such partition: name it PARTUUID=… or PARTLABEL=…")
	case matches > 1:
		return found, fmt.Errorf("several partitions have this name: rename all but one")
	case found.Offset <= 0 || found.Size <= 0 || found.Size > size-found.Offset:
		return found, fmt.Errorf("the partition is not inside the image, which has %d bytes", size)
	}
	return found, nil
}

// DigestIn hashes a partition of a disk image.
func DigestIn(ctx context.Context, image string, part Part) (Proof, error) {
	f, err := os.Open(image)
	if err != nil {
		return Proof{}, fmt.Errorf("digest partition: %w", err)
	}
	defer f.Close()
	proof, err := hashAll(ctx, io.NewSectionReader(f, part.Offset, part.Size), part.Size)
	if err != nil {
		return Proof{}, fmt.Errorf("digest partition of %s: %w", image, err)
	}
	return proof, nil
}
