package guest

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"strings"

	"abota/sim/disk"
	"abota/sim/parts"
)

// The files of a firmware whose root is verified, beside the root's image: its
// hash tree, and the boot partition.
const (
	HashesSuffix = ".verity"
	BootSuffix   = ".boot"
)

// bootSize is that of a boot partition's image, in bytes.
const bootSize = disk.KernelSize - 4<<20

// sealed is a file that nothing reads by itself.
const sealed = "usr/share/sealed"

// verify makes the hash tree of a root, and the boot partition that names its root
// hash to the initramfs, beside the root's image.
func (m *Maker) verify(ctx context.Context, root string) error {
	hash, err := hashTree(ctx, root, root+HashesSuffix)
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp(m.dir, "boot-")
	if err != nil {
		return fmt.Errorf("make the boot partition: %w", err)
	}
	defer os.RemoveAll(dir)
	t := tree{root: dir}
	m.kernel(&t, " abota.roothash="+hash)
	if t.err != nil {
		return fmt.Errorf("make the boot partition: %w", t.err)
	}
	return disk.Ext4(ctx, root+BootSuffix, dir, "boot", bootSize)
}

var rootHash = regexp.MustCompile(`(?m)^Root hash:\s+([0-9a-f]{64})$`)

// hashTree makes dm-verity's hash tree of an image in a file, and returns the root
// hash.
func hashTree(ctx context.Context, image, hashes string) (string, error) {
	tool, err := parts.Tool("veritysetup")
	if err != nil {
		return "", err
	}
	if err := os.Remove(hashes); err != nil && !os.IsNotExist(err) {
		return "", fmt.Errorf("make the hash tree: %w", err)
	}
	out, err := exec.CommandContext(ctx, tool, "format", image, hashes).CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("veritysetup format: %w: %s", err, strings.TrimSpace(string(out)))
	}
	found := rootHash.FindStringSubmatch(string(out))
	if found == nil {
		return "", fmt.Errorf("veritysetup named no root hash: %s", out)
	}
	return found[1], nil
}
