package disk

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"strings"
)

// EraseFile removes a file from a partition's ext4 while the board is off, as
// a flash block that lost its content would. It is an error when the file is
// not there.
func EraseFile(ctx context.Context, path, name, file string) error {
	p, err := partition(name)
	if err != nil {
		return err
	}
	image := fmt.Sprintf("%s?offset=%d", path, p.Offset)
	if _, err := debugfs(ctx, image, "stat "+file); err != nil {
		return err
	}
	if _, err := debugfs(ctx, image, "rm "+file); err != nil {
		return err
	}
	if _, err := debugfs(ctx, image, "stat "+file); err == nil {
		return fmt.Errorf("cannot erase %s on partition %s: debugfs left it there", file, name)
	}
	return nil
}

// debugfs runs one request. It exits with 0 whatever happens, so that its
// output has to tell.
func debugfs(ctx context.Context, image, request string) (string, error) {
	out, err := output(ctx, "debugfs", "-w", "-R", request, image)
	if err != nil {
		return "", err
	}
	for _, line := range strings.Split(out, "\n") {
		if strings.Contains(line, "File not found") || strings.HasPrefix(line, "debugfs: ") && !strings.Contains(line, "debugfs 1.") {
			return "", fmt.Errorf("debugfs %q on %s: %s", request, image, line)
		}
	}
	return out, nil
}

// EnvCopies reads both copies of U-Boot's environment.
func EnvCopies(path string) (copies [2][]byte, err error) {
	p, err := partition(Env)
	if err != nil {
		return copies, err
	}
	f, err := os.Open(path)
	if err != nil {
		return copies, fmt.Errorf("read the environment: %w", err)
	}
	defer f.Close()
	for i := range copies {
		copies[i] = make([]byte, EnvCopySize)
		if _, err := f.ReadAt(copies[i], p.Offset+int64(i)*EnvCopyOffset); err != nil {
			return copies, fmt.Errorf("read environment copy %d: %w", i, err)
		}
	}
	return copies, nil
}

// ScrambleEnv overwrites one copy of U-Boot's environment with noise.
func ScrambleEnv(path string, which int) error {
	p, err := partition(Env)
	if err != nil {
		return err
	}
	noise := make([]byte, EnvCopySize)
	if _, err := rand.Read(noise); err != nil {
		return fmt.Errorf("make noise: %w", err)
	}
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		return fmt.Errorf("damage environment copy %d: %w", which, err)
	}
	_, err = f.WriteAt(noise, p.Offset+int64(which)*EnvCopyOffset)
	if err = errors.Join(err, f.Close()); err != nil {
		return fmt.Errorf("damage environment copy %d: %w", which, err)
	}
	return nil
}
