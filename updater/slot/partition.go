package slot

import "fmt"

// Partition is a partition of a GPT as firmware wants it named.
type Partition struct {
	// Number in the table, from 1.
	Number int
	// Start and Size in sectors of the disk.
	Start, Size uint64
	// UUID is the partition's GUID, as text.
	UUID string
}

// Partition finds PARTUUID=… or PARTLABEL=… on this host's disks.
func (h Host) Partition(spec string) (Partition, error) {
	path, err := h.Find(spec)
	if err != nil {
		return Partition{}, err
	}
	all, err := h.devices()
	if err != nil {
		return Partition{}, fmt.Errorf("find partition %s: %w", spec, err)
	}
	h.fillNames(all)
	for _, d := range all {
		if d.index == 0 || d.uuid == "" || h.dev(d.name) != path {
			continue
		}
		sector := uint64(512)
		for _, disk := range all {
			if size := readInt(disk.dir, "queue/logical_block_size"); disk.number == d.disk && size > 0 {
				sector = uint64(size)
			}
		}
		return Partition{d.index, uint64(d.start) / sector, uint64(d.size) / sector, d.uuid}, nil
	}
	return Partition{}, fmt.Errorf("cannot use %s (%s) because it is no partition of a GPT: name one as PARTUUID=… or PARTLABEL=…", spec, path)
}
