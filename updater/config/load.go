package config

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"reflect"
	"regexp"
	"strconv"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"
)

// maxFile bounds a configuration file, in bytes.
const maxFile = 1 << 20

// Load reads the files in order, a later one overriding what an earlier one
// says, then the device's own file ([DeviceFile]), then the ABOTA_* variables of
// environ, then sets, each "key=value" with the key's path in dots. With no
// paths DefaultPath is read if it is there; a path that is named must be. Every
// error is an *Error.
func Load(paths, environ, sets []string) (*Config, error) {
	return load(DefaultPath, paths, environ, sets)
}

// LoadFile reads one file and nothing else, for who publishes releases with a
// device's configuration.
func LoadFile(path string) (*Config, error) {
	return read([]string{path}, "", nil, nil)
}

func load(fallback string, paths, environ, sets []string) (*Config, error) {
	if len(paths) == 0 {
		if _, err := os.Stat(fallback); !errors.Is(err, fs.ErrNotExist) {
			paths = []string{fallback}
		}
	}
	c, err := read(paths, "", environ, sets)
	if err != nil {
		return nil, err
	}
	return loadDevice(c, func(device string) (*Config, error) { return read(paths, device, environ, sets) }), nil
}

// read reads everything in its order. No device means that its file is left
// out.
func read(paths []string, device string, environ, sets []string) (*Config, error) {
	c, w := defaults(), &walker{at: map[string]place{}}
	c.files = paths
	for _, path := range paths {
		if err := loadFile(w, &c, path); err != nil {
			return nil, err
		}
	}
	if device != "" {
		if err := addDevice(w, &c, device); err != nil {
			return nil, err
		}
		c.remember()
	}
	if err := applyEnviron(w, &c, environ); err != nil {
		return nil, err
	}
	c.remember()
	if err := applySets(w, &c, sets); err != nil {
		return nil, err
	}
	if err := check(w, &c); err != nil {
		return nil, err
	}
	return &c, nil
}

func loadFile(w *walker, c *Config, path string) error {
	data, mode, err := readFile(path)
	if err != nil {
		return &Error{File: path, Err: err, Reason: fmt.Sprintf("cannot be read: %v: name another file with --config", cause(err))}
	}
	if err := parse(w, c, schema, path, data); err != nil {
		return err
	}
	noteReaders(w, c, path, mode)
	c.remember()
	return nil
}

// cause leaves out the path, which the error names already.
func cause(err error) error {
	var pe *fs.PathError
	if errors.As(err, &pe) {
		return pe.Err
	}
	return err
}

func readFile(path string) (data []byte, mode fs.FileMode, err error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, 0, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, 0, err
	}
	data, err = io.ReadAll(io.LimitReader(f, maxFile+1))
	if err == nil && len(data) > maxFile {
		err = fmt.Errorf("it is larger than %d KiB", maxFile>>10)
	}
	return data, info.Mode(), err
}

// parse sets what one file says.
func parse(w *walker, c *Config, keys []key, file string, data []byte) error {
	w.file, w.lineless = file, false
	source := strings.TrimPrefix(string(data), "\ufeff")
	if line, ok := badText(source); !ok {
		return &Error{File: file, Line: line, Reason: "is not UTF-8 text: save it as UTF-8"}
	}
	root, err := parseYAML(file, quoteLines(source))
	if err != nil {
		return err
	}
	if root == nil {
		return nil
	}
	return walk(w, reflect.ValueOf(c).Elem(), key{sub: keys}, root, "")
}

func badText(source string) (line int, ok bool) {
	if utf8.ValidString(source) {
		return 0, true
	}
	for line, rest := 1, source; ; line++ {
		head, tail, _ := strings.Cut(rest, "\n")
		if !utf8.ValidString(head) {
			return line, false
		}
		rest = tail
	}
}

// parseYAML gives the one document's root, or nil when there is none.
func parseYAML(file, source string) (*yaml.Node, *Error) {
	dec := yaml.NewDecoder(strings.NewReader(source))
	var doc, more yaml.Node
	if err := dec.Decode(&doc); errors.Is(err, io.EOF) {
		return nil, nil
	} else if err != nil {
		return nil, syntaxError(file, err)
	}
	if err := dec.Decode(&more); err == nil {
		return nil, &Error{File: file, Line: more.Line, Reason: "holds a second document: keep one, without a --- line between"}
	} else if !errors.Is(err, io.EOF) {
		return nil, syntaxError(file, err)
	}
	if len(doc.Content) == 0 || doc.Content[0].ShortTag() == "!!null" {
		return nil, nil
	}
	return doc.Content[0], nil
}

var yamlLine = regexp.MustCompile(`^(?:yaml: )?(?:line (\d+): )?`)

// syntaxError takes the line out of the YAML library's text. A value that
// starts with an asterisk may be a secret, so its text is not repeated.
func syntaxError(file string, err error) *Error {
	text := err.Error()
	m := yamlLine.FindStringSubmatch(text)
	line, _ := strconv.Atoi(m[1])
	reason := strings.ReplaceAll(strings.TrimPrefix(text, m[0]), "\n", " ")
	if strings.HasPrefix(reason, "unknown anchor") {
		reason = "a value starts with an asterisk, which means an anchor: put it in quotes"
	}
	return &Error{File: file, Line: line, Reason: "is not valid YAML: " + reason}
}
