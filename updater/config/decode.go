package config

import (
	"errors"
	"fmt"
	"reflect"
	"strings"

	"go.yaml.in/yaml/v3"
)

// place is where a key was set last.
type place struct {
	file string
	line int
}

// walker carries one input's name through the walk, and remembers where each
// key was set, so that checks across keys can name a line too.
type walker struct {
	file string
	// lineless: the input is one setting, in which a line says nothing.
	lineless bool
	at       map[string]place
}

// setter takes the value of one key for the field dst.
type setter func(w *walker, dst reflect.Value, n *yaml.Node, path string) error

// place is where a node stands.
func (w *walker) place(n *yaml.Node) place {
	if w.lineless {
		return place{w.file, 0}
	}
	return place{w.file, n.Line}
}

// fail is the error of a key at a node.
func (w *walker) fail(n *yaml.Node, path, format string, args ...any) error {
	at := w.place(n)
	return &Error{File: at.file, Line: at.line, Key: path, Reason: fmt.Sprintf(format, args...)}
}

func join(path, name string) string {
	if path == "" {
		return name
	}
	return path + "." + name
}

// in is what the key sets within dst.
func (k key) in(dst reflect.Value) reflect.Value {
	switch {
	case k.field == "":
		return dst
	case dst.Kind() == reflect.Array:
		return dst.Index(int(k.field[0] - '0'))
	}
	return dst.FieldByName(k.field)
}

// walk sets everything that a mapping says.
func walk(w *walker, dst reflect.Value, of key, n *yaml.Node, path string) error {
	n = resolve(n)
	if n.Kind != yaml.MappingNode {
		return w.fail(n, path, "needs keys and values, not %s%s", kindName(n), blankAdvice(n))
	}
	seen := map[string]int{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		name, value := n.Content[i], n.Content[i+1]
		k, ok := find(of.sub, name)
		if !ok {
			return w.fail(name, join(path, printable(name.Value)), "%s", adviceFor(of))
		}
		if first, twice := seen[k.name]; twice {
			return w.fail(name, join(path, k.name), "is set twice, first on line %d: keep one", first)
		}
		seen[k.name] = name.Line
		if err := assign(w, dst, k, value, join(path, k.name)); err != nil {
			return err
		}
	}
	return nil
}

// assign sets one key, whatever its kind, in what it belongs to.
func assign(w *walker, dst reflect.Value, k key, value *yaml.Node, path string) error {
	dst, value = k.in(dst), resolve(value)
	switch {
	case k.set != nil:
		w.at[path] = w.place(value)
		return k.set(w, dst, value, path)
	case k.short != "" && value.Kind == yaml.ScalarNode && value.ShortTag() != "!!null":
		inner, _ := findName(k.sub, k.short)
		return assign(w, dst, inner, value, join(path, k.short))
	}
	return walk(w, dst, k, value, path)
}

func find(keys []key, name *yaml.Node) (key, bool) {
	if name.Kind != yaml.ScalarNode {
		return key{}, false
	}
	return findName(keys, name.Value)
}

func findName(keys []key, name string) (key, bool) {
	for _, k := range keys {
		if k.name == name {
			return k, true
		}
	}
	return key{}, false
}

// adviceFor answers a name that the key's mapping does not hold.
func adviceFor(k key) string {
	if k.unknown != "" {
		return k.unknown
	}
	names := make([]string, len(k.sub))
	for i, inner := range k.sub {
		names[i] = inner.name
	}
	return "unknown key: known here are " + strings.Join(names, ", ")
}

// parsed is what parse makes of a scalar. It is a func(string) (T, error),
// where T is the type of what the key sets: a test holds every key against it.
func parsed(w *walker, parse any, n *yaml.Node, path string) (v reflect.Value, err error) {
	source, err := scalarText(n)
	if err != nil {
		return v, w.fail(n, path, "%v", err)
	}
	out := reflect.ValueOf(parse).Call([]reflect.Value{reflect.ValueOf(source)})
	if err, failed := out[1].Interface().(error); failed {
		return v, w.fail(n, path, "%v", err)
	}
	return out[0], nil
}

// scalar is the setter of a field that parse makes from a scalar's text.
func scalar(parse any) setter {
	return func(w *walker, dst reflect.Value, n *yaml.Node, path string) error {
		v, err := parsed(w, parse, n, path)
		if err == nil {
			dst.Set(v)
		}
		return err
	}
}

// list is the setter of a list of mappings, each of which begins as blank. It
// replaces what was there.
func list(blank any, keys []key) setter {
	return func(w *walker, dst reflect.Value, n *yaml.Node, path string) error {
		if n.Kind != yaml.SequenceNode {
			return w.fail(n, path, "needs a list, not %s", kindName(n))
		}
		all := reflect.MakeSlice(dst.Type(), len(n.Content), len(n.Content))
		for i, item := range n.Content {
			e, at := all.Index(i), fmt.Sprintf("%s[%d]", path, i)
			e.Set(reflect.ValueOf(blank))
			w.at[at] = w.place(item)
			if err := walk(w, e, key{sub: keys}, item, at); err != nil {
				return err
			}
		}
		dst.Set(all)
		return nil
	}
}

// program is the setter of a command and its arguments.
func program(w *walker, dst reflect.Value, n *yaml.Node, path string) error {
	if err := words(w, dst, n, path); err != nil {
		return err
	}
	if dst.Index(0).String() == "" {
		return w.fail(n, path, "names no program: its first word is empty")
	}
	return nil
}

var words = several(argument, "a program and its arguments, as [/usr/bin/app, --selftest]")

// several is the setter of a list of scalars.
func several(parse any, of string) setter {
	return func(w *walker, dst reflect.Value, n *yaml.Node, path string) error {
		if n.Kind != yaml.SequenceNode || len(n.Content) == 0 {
			return w.fail(n, path, "needs a list of %s", of)
		}
		all := reflect.MakeSlice(dst.Type(), len(n.Content), len(n.Content))
		for i, item := range n.Content {
			v, err := parsed(w, parse, resolve(item), path)
			if err != nil {
				return err
			}
			all.Index(i).Set(v)
		}
		dst.Set(all)
		return nil
	}
}

// scalarText is what the author wrote, not what YAML makes of it: a region
// `no` and a key 0123 are text.
func scalarText(n *yaml.Node) (string, error) {
	if n.Kind != yaml.ScalarNode {
		return "", fmt.Errorf("needs one value, not %s", kindName(n))
	}
	switch n.ShortTag() {
	case "!!null":
		return "", errors.New("has no value: give one, or leave the line out")
	case "!!str", "!!int", "!!float", "!!bool", "!!timestamp":
		return n.Value, nil
	}
	return "", errors.New("has a YAML tag: put a value that starts with an exclamation mark in quotes")
}

// resolve follows an alias to its anchor.
func resolve(n *yaml.Node) *yaml.Node {
	if n.Kind == yaml.AliasNode {
		return n.Alias
	}
	return n
}

func kindName(n *yaml.Node) string {
	switch {
	case n.Kind == yaml.MappingNode:
		return "keys and values"
	case n.Kind == yaml.SequenceNode:
		return "a list"
	case n.Kind == yaml.ScalarNode && n.ShortTag() == "!!null":
		return "nothing"
	}
	return "one value"
}

// blankAdvice helps who wrote a block without the blank that YAML needs.
func blankAdvice(n *yaml.Node) string {
	if strings.HasPrefix(n.Value, "{") || strings.HasPrefix(n.Value, "[") {
		return ": put a blank after the colon"
	}
	return ""
}

// printable keeps an unknown name from breaking the one line of an error.
func printable(name string) string {
	const longest = 40
	if len(name) > longest || strings.ContainsFunc(name, func(r rune) bool { return isControl(r) || r == '\u2028' || r == '\u2029' || r == '\u0085' }) {
		return fmt.Sprintf("%.*q", longest, name)
	}
	return name
}
