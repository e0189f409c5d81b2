// Package report collects what support needs to know of a device into one
// archive.
//
// # Guarantee
//
// Collecting changes nothing on the device and never fails: what is not there
// or cannot be read is named, with the reason, in missing.txt. Every text that
// was given as a secret is replaced by *** wherever it appears, also in the form
// that it has in an address or in JSON. The archive is bounded: [MaxSize] before
// compression.
//
// # Not guaranteed
//
// That a program's output, which is part of a reason, or the kernel's command
// line hold no secret that nobody told of.
//
// # Format
//
// A gzipped tar of one folder, abota-report, with GNU's entries for long names:
// https://www.gnu.org/software/tar/manual/html_node/Standard.html.
package report

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/url"
	"os"
	"slices"
	"sort"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// MaxSize bounds all files of an archive together, in bytes.
const MaxSize = 8 << 20

// folder is what everything lies in.
const folder = "abota-report/"

// shortest is how long a secret must be to be searched for, in bytes: a shorter
// one would take everything out.
const shortest = 4

// Report is what was collected so far.
type Report struct {
	at      time.Time
	files   []file
	size    int64
	missing bytes.Buffer
	secrets [][]byte
}

type file struct {
	name    string
	content []byte
}

// New begins a report that will show none of the secrets.
func New(at time.Time, secrets []string) *Report {
	r := &Report{at: at.Truncate(time.Second)}
	for _, s := range secrets {
		if len(s) >= shortest {
			r.secrets = append(r.secrets, forms(s)...)
		}
	}
	// A secret that holds another one goes first, or half of it would stay.
	sort.Slice(r.secrets, func(i, j int) bool { return len(r.secrets[i]) > len(r.secrets[j]) })
	return r
}

// forms are what a secret looks like in a text, in an address and in JSON.
func forms(secret string) [][]byte {
	all := [][]byte{[]byte(secret), []byte(url.QueryEscape(secret)), []byte(url.PathEscape(secret))}
	if text, err := json.Marshal(secret); err == nil {
		all = append(all, bytes.Trim(text, `"`))
	}
	return all
}

func (r *Report) withoutSecrets(content []byte) []byte {
	for _, secret := range r.secrets {
		content = bytes.ReplaceAll(content, secret, []byte("***"))
	}
	return content
}

// Add adds a file.
func (r *Report) Add(name string, content []byte) {
	content = r.withoutSecrets(content)
	if r.size += int64(len(content)); r.size > MaxSize {
		r.size -= int64(len(content))
		r.Missing(name, fmt.Errorf("the report would be larger than %d MiB", MaxSize>>20))
		return
	}
	r.files = append(r.files, file{name, content})
}

// AddJSON adds a value as JSON that people can read.
func (r *Report) AddJSON(name string, v any) {
	text, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		r.Missing(name, err)
		return
	}
	r.Add(name, append(text, '\n'))
}

// AddFile adds the last bytes of a file, at most limit.
func (r *Report) AddFile(name, path string, limit int64) {
	content, err := readEnd(path, limit)
	if err != nil {
		r.Missing(name, err)
		return
	}
	r.Add(name, content)
}

// AddRange adds size bytes of a file or a device, from an offset that counts
// from the end when it is negative.
func (r *Report) AddRange(name, path string, offset, size int64) {
	content, err := readRange(path, offset, size)
	if err != nil {
		r.Missing(name, err)
		return
	}
	r.Add(name, content)
}

// Missing says what could not be collected, and why.
func (r *Report) Missing(name string, err error) {
	fmt.Fprintf(&r.missing, "%s: %s\n", name, strings.Join(strings.Fields(err.Error()), " "))
}

// MissingCount is how many things could not be collected.
func (r *Report) MissingCount() int { return bytes.Count(r.missing.Bytes(), []byte("\n")) }

// WriteTo writes the archive.
func (r *Report) WriteTo(w io.Writer) (int64, error) {
	counted := &counter{w: w}
	compressed := gzip.NewWriter(counted)
	archive := &tarWriter{w: compressed, at: r.at}
	all := r.files
	if r.missing.Len() > 0 {
		all = append(slices.Clone(all), file{"missing.txt", r.withoutSecrets(r.missing.Bytes())})
	}
	for _, f := range all {
		if err := archive.add(folder+f.name, f.content); err != nil {
			return counted.n, err
		}
	}
	return counted.n, errors.Join(archive.close(), compressed.Close())
}

type counter struct {
	w io.Writer
	n int64
}

func (c *counter) Write(p []byte) (int, error) {
	n, err := c.w.Write(p)
	c.n += int64(n)
	return n, err
}

// open opens what can be read without waiting for somebody.
func open(path string) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_RDONLY|unix.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	if st, err := f.Stat(); err != nil || !st.Mode().IsRegular() && st.Mode()&fs.ModeDevice == 0 {
		f.Close()
		return nil, errors.Join(err, fmt.Errorf("%s is neither a file nor a device", path))
	}
	return f, nil
}

func readEnd(path string, limit int64) ([]byte, error) {
	f, err := open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	// What the kernel makes up on the way has no size.
	if end, err := f.Seek(0, io.SeekEnd); err == nil && end > limit {
		_, err = f.Seek(-limit, io.SeekEnd)
		if err != nil {
			return nil, err
		}
	} else if _, err := f.Seek(0, io.SeekStart); err != nil {
		return nil, err
	}
	return io.ReadAll(io.LimitReader(f, limit))
}

func readRange(path string, offset, size int64) ([]byte, error) {
	f, err := open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	if offset < 0 {
		end, err := f.Seek(0, io.SeekEnd)
		if err != nil {
			return nil, err
		}
		offset += end
	}
	content := make([]byte, min(size, MaxSize))
	n, err := f.ReadAt(content, offset)
	if n == 0 && err != nil {
		return nil, err
	}
	return content[:n], nil
}
