package signature

import (
	"errors"
	"io"
	"io/fs"
	"path/filepath"
	"strings"
)

// maxCertificates bounds how many files of the folder are looked at.
const maxCertificates = 1000

// LoadAll reads every certificate of the folder dir. Names that begin with a
// dot, and folders, are left out. A folder that is not there has none.
func LoadAll(dir string) ([]*Certificate, error) {
	folder, err := openFolder(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer folder.Close()
	all, err := folder.Open(".")
	if err != nil {
		return nil, untrusted("cannot list %s because %w", dir, bare(err))
	}
	defer all.Close()
	entries, err := all.ReadDir(maxCertificates)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, untrusted("cannot list %s because %w", dir, bare(err))
	}
	var found []*Certificate
	for _, e := range entries {
		if e.IsDir() || strings.HasPrefix(e.Name(), ".") {
			continue
		}
		text, err := read(folder, e.Name())
		if err != nil {
			return nil, err
		}
		cert, err := parseCertificate(filepath.Join(dir, e.Name()), text)
		if err != nil {
			return nil, err
		}
		found = append(found, &Certificate{e.Name(), cert})
	}
	return found, nil
}
