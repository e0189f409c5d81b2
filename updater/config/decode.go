package config

import (
	"errors"
	"fmt"
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

// setter takes the value of one key.
type setter[T any] func(w *walker, dst *T, n *yaml.Node, path string) error

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

// walk sets everything that a mapping says.
func walk[T any](w *walker, dst *T, keys []key[T], unknown string, n *yaml.Node, path string) error {
	n = resolve(n)
	if n.Kind != yaml.MappingNode {
		return w.fail(n, path, "needs keys and values, not %s%s", kindName(n), blankAdvice(n))
	}
	seen := map[string]int{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		name, value := n.Content[i], n.Content[i+1]
		k, ok := find(keys, name)
		if !ok {
			return w.fail(name, join(path, printable(name.Value)), "%s", adviceFor(keys, unknown))
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

// assign sets one key, whatever its kind.
func assign[T any](w *walker, dst *T, k key[T], value *yaml.Node, path string) error {
	value = resolve(value)
	switch {
	case k.set != nil:
		w.at[path] = w.place(value)
		return k.set(w, dst, value, path)
	case k.short != "" && value.Kind == yaml.ScalarNode && value.ShortTag() != "!!null":
		inner, _ := findName(k.sub, k.short)
		return assign(w, dst, inner, value, join(path, k.short))
	}
	return walk(w, dst, k.sub, k.unknown, value, path)
}

func find[T any](keys []key[T], name *yaml.Node) (key[T], bool) {
	if name.Kind != yaml.ScalarNode {
		return key[T]{}, false
	}
	return findName(keys, name.Value)
}

func findName[T any](keys []key[T], name string) (key[T], bool) {
	for _, k := range keys {
		if k.name == name {
			return k, true
		}
	}
	return key[T]{}, false
}

func adviceFor[T any](keys []key[T], unknown string) string {
	if unknown != "" {
		return unknown
	}
	names := make([]string, len(keys))
	for i, k := range keys {
		names[i] = k.name
	}
	return "unknown key: known here are " + strings.Join(names, ", ")
}

// scalar is the setter of a field that parse makes from a scalar's text.
func scalar[T, V any](field func(*T) *V, parse func(string) (V, error)) setter[T] {
	return func(w *walker, dst *T, n *yaml.Node, path string) error {
		source, err := scalarText(n)
		if err != nil {
			return w.fail(n, path, "%v", err)
		}
		v, err := parse(source)
		if err != nil {
			return w.fail(n, path, "%v", err)
		}
		*field(dst) = v
		return nil
	}
}

// list is the setter of a list of mappings. It replaces what was there.
func list[T, E any](field func(*T) *[]E, blank E, keys []key[E]) setter[T] {
	return func(w *walker, dst *T, n *yaml.Node, path string) error {
		if n.Kind != yaml.SequenceNode {
			return w.fail(n, path, "needs a list, not %s", kindName(n))
		}
		all := make([]E, 0, len(n.Content))
		for i, item := range n.Content {
			e, at := blank, fmt.Sprintf("%s[%d]", path, i)
			w.at[at] = w.place(item)
			if err := walk(w, &e, keys, "", item, at); err != nil {
				return err
			}
			all = append(all, e)
		}
		*field(dst) = all
		return nil
	}
}

// program is the setter of a command and its arguments.
func program[T any](field func(*T) *[]string) setter[T] {
	words := several(field, argument, "a program and its arguments, as [/usr/bin/app, --selftest]")
	return func(w *walker, dst *T, n *yaml.Node, path string) error {
		if err := words(w, dst, n, path); err != nil {
			return err
		}
		if (*field(dst))[0] == "" {
			return w.fail(n, path, "names no program: its first word is empty")
		}
		return nil
	}
}

// several is the setter of a list of scalars.
func several[T, V any](field func(*T) *[]V, parse func(string) (V, error), of string) setter[T] {
	return func(w *walker, dst *T, n *yaml.Node, path string) error {
		if n.Kind != yaml.SequenceNode || len(n.Content) == 0 {
			return w.fail(n, path, "needs a list of %s", of)
		}
		all := make([]V, 0, len(n.Content))
		for _, item := range n.Content {
			item = resolve(item)
			s, err := scalarText(item)
			if err != nil {
				return w.fail(item, path, "%v", err)
			}
			v, err := parse(s)
			if err != nil {
				return w.fail(item, path, "%v", err)
			}
			all = append(all, v)
		}
		*field(dst) = all
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
