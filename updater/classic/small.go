package classic

import (
	"bytes"
	"context"
	"crypto/md5"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"syscall"

	"abota/updater/fernet"
	"abota/updater/source"
)

// checksum fetches and parses the checksum.
func (r *Release) checksum(ctx context.Context) (string, source.Info, error) {
	text, info, err := r.Source.Get(ctx, r.Checksum, smallObject)
	if err != nil {
		return "", info, err
	}
	sum, err := parseChecksum(text)
	if err != nil {
		return "", info, corrupt("%s holds no MD5: %w: upload again what `abota-publish checksum %s` prints", r.in(r.Checksum), err, r.Token)
	}
	return sum, info, nil
}

// parseChecksum reads the one line that calc-checksum or md5sum wrote, and
// returns the digest in lower case.
func parseChecksum(text []byte) (string, error) {
	line := trim(text)
	switch {
	case len(line) == 0:
		return "", errors.New("it is empty")
	case bytes.ContainsAny(line, "\r\n"):
		return "", errors.New("it has more than one line")
	}
	digits := bytes.Fields(line)[0]
	sum := make([]byte, hex.DecodedLen(len(digits)))
	if n, err := hex.Decode(sum, digits); err != nil || n != md5.Size {
		return "", fmt.Errorf("it does not start with %d hexadecimal digits", hex.EncodedLen(md5.Size))
	}
	return hex.EncodeToString(sum), nil
}

// trim takes off what editors put around a line of text.
func trim(text []byte) []byte {
	return bytes.TrimSpace(bytes.TrimPrefix(text, []byte("\ufeff")))
}

// key reads the key from the device or, only where there is no key file, from
// the source.
func (r *Release) key(ctx context.Context) (*fernet.Key, source.Info, error) {
	if r.KeyFile != "" {
		key, err := readKeyFile(r.KeyFile)
		return key, source.Info{}, err
	}
	if r.Alone {
		return nil, source.Info{}, fmt.Errorf("%w: the key cannot come from %s, which holds the release alone: put the key on the device and name it with key_file or --key-file", ErrKeyFile, r.Source)
	}
	text, info, err := r.Source.Get(ctx, r.KeyName, smallObject)
	if err != nil {
		return nil, info, err
	}
	key, err := fernet.ParseKey(trim(text))
	if err != nil {
		return nil, info, corrupt("%s: %w: upload the key that %s was encrypted with", r.in(r.KeyName), err, r.Token)
	}
	r.warnOnce(fmt.Sprintf("the key comes from %s, so it is as public as the bucket: whoever can read it there can read every release, and make one; "+
		"put the key on the device and set key_file", r.in(r.KeyName)))
	return key, info, nil
}

// warnOnce tells of a key that others can read too.
func (r *Release) warnOnce(text string) {
	r.warned.Do(func() {
		if r.Warn != nil {
			r.Warn(text)
		}
	})
}

// readKeyFile reads the key, unless everybody can.
func readKeyFile(path string) (*fernet.Key, error) {
	// Not blocking, so that a pipe that lies there cannot hold us up.
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		var pe *fs.PathError
		if errors.As(err, &pe) {
			err = pe.Err
		}
		return nil, fmt.Errorf("%w: cannot open %s because %w: put the key there or correct key_file", ErrKeyFile, path, err)
	}
	defer f.Close()
	st, err := f.Stat()
	switch {
	case err != nil:
		return nil, fmt.Errorf("%w: %w", ErrKeyFile, err)
	case st.Mode().IsRegular() && st.Mode().Perm()&0o004 != 0:
		return nil, fmt.Errorf("%w: cannot use %s because everybody on this device can read it: chmod 600 %s", ErrKeyFile, path, path)
	case !st.Mode().IsRegular():
		return nil, fmt.Errorf("%w: cannot use %s because it is not a regular file: correct key_file", ErrKeyFile, path)
	}
	text, err := io.ReadAll(io.LimitReader(f, smallObject))
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrKeyFile, err)
	}
	key, err := fernet.ParseKey(trim(text))
	if err != nil {
		return nil, fmt.Errorf("%w: %s: %w: put the key there that the release was encrypted with", ErrKeyFile, path, err)
	}
	return key, nil
}
