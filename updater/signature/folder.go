package signature

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
	"syscall"
	"unicode"
)

// maxFile bounds a certificate's file, in bytes.
const maxFile = 64 << 10

// writableByAll is the permission that makes a file anybody's.
const writableByAll = 0o002

// endings are what the file of a certificate may end in.
var endings = []string{"", ".pem", ".crt"}

// Load reads the certificate that a document calls name from the folder dir.
func Load(dir, name string) (*Certificate, error) {
	file, err := fileName(name)
	if err != nil {
		return nil, err
	}
	folder, err := openFolder(dir)
	if err != nil {
		return nil, err
	}
	defer folder.Close()
	for _, candidate := range candidates(file) {
		text, err := read(folder, candidate)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, err
		}
		cert, err := parseCertificate(filepath.Join(dir, candidate), text)
		if err != nil {
			return nil, err
		}
		return &Certificate{candidate, cert}, nil
	}
	return nil, untrusted("there is no certificate %q in %s: put it there with the next release, or name one that is there", file, dir)
}

// fileName is the name of a file in the folder. A certfile may be a path, whose
// last element is then the name: it says where the certificate lies on somebody
// else's device. One that goes upwards is nobody's honest path.
func fileName(name string) (string, error) {
	elements := strings.Split(name, "/")
	last := elements[len(elements)-1]
	switch {
	case name == "":
		return "", untrusted("no certificate is named: name the one that the release was signed with (certname in the signing profile)")
	case len(last) > 255 || strings.HasPrefix(last, ".") || last == "":
		return "", untrusted("%s names no file: write it as the certificate's file is called", shown(name))
	}
	for _, e := range elements {
		if e == ".." || strings.Contains(e, `\`) || strings.ContainsFunc(e, func(r rune) bool { return !unicode.IsPrint(r) }) {
			return "", untrusted("%s is no plain name: write it as the certificate's file is called", shown(name))
		}
	}
	return last, nil
}

// shown is a foreign name for messages.
func shown(name string) string { return fmt.Sprintf("certificate %.60q", name) }

// candidates are the names that a file may have, the given one first.
func candidates(file string) []string {
	all := []string{file}
	bare := file
	if ending := path.Ext(file); ending == ".pem" || ending == ".crt" {
		bare = strings.TrimSuffix(file, ending)
	}
	for _, ending := range endings {
		if name := bare + ending; name != file && name != "" {
			all = append(all, name)
		}
	}
	return all
}

// openFolder opens the trusted folder, unless anybody could put something in.
func openFolder(dir string) (*os.Root, error) {
	folder, err := os.OpenRoot(dir)
	if err != nil {
		return nil, untrusted("cannot open the folder of certificates %s because %w: make it in the image, or correct aws_iot.certificates", dir, bare(err))
	}
	st, err := folder.Stat(".")
	switch {
	case err != nil:
	case st.Mode().Perm()&writableByAll != 0:
		err = untrusted("cannot trust %s because everybody on this device can write to it: chmod 755 %[1]s", dir)
	default:
		return folder, nil
	}
	folder.Close()
	return nil, err
}

// read reads one file of the folder. os.Root refuses what leads out of it.
func read(folder *os.Root, name string) ([]byte, error) {
	where := filepath.Join(folder.Name(), name)
	// Not blocking, so that a pipe that lies there cannot hold us up.
	f, err := folder.OpenFile(name, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	if err != nil {
		return nil, untrusted("cannot open %s because %w: put the certificate's own file there", where, bare(err))
	}
	defer f.Close()
	st, err := f.Stat()
	switch {
	case err != nil:
		return nil, untrusted("cannot read %s because %w", where, bare(err))
	case !st.Mode().IsRegular():
		return nil, untrusted("cannot use %s because it is not a regular file: put the certificate's own file there", where)
	case st.Mode().Perm()&writableByAll != 0:
		return nil, untrusted("cannot trust %s because everybody on this device can write to it: chmod 644 %[1]s", where)
	}
	text, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	switch {
	case err != nil:
		return nil, untrusted("cannot read %s because %w", where, bare(err))
	case len(text) > maxFile:
		return nil, untrusted("cannot use %s because it is larger than %d bytes: put one certificate there", where, maxFile)
	}
	return text, nil
}

// bare is an error without the path, which the message names already.
func bare(err error) error {
	var pe *fs.PathError
	if errors.As(err, &pe) {
		return pe.Err
	}
	return err
}
