package config

import (
	"fmt"
	"reflect"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

const envPrefix = "ABOTA_"

// reserved are the command's own variables, and what a hook is told in the
// same way (see package hook): a hook may well call abota. The device's name
// and group, which it is told too, are keys and mean the same.
var reserved = []string{
	envPrefix + "CONFIG", envPrefix + "BOOTED",
	envPrefix + "HOOK", envPrefix + "SLOT", envPrefix + "REASON",
	envPrefix + "RELEASE_VERSION", envPrefix + "RELEASE_SHA256", envPrefix + "RELEASE_CHECKSUM",
}

// applyEnviron sets what the ABOTA_* variables say. In order of their names, a
// more specific one comes after, and so overrides, a less specific one.
func applyEnviron(w *walker, c *Config, environ []string) error {
	values := map[string]string{}
	var names []string
	for _, pair := range environ {
		name, value, _ := strings.Cut(pair, "=")
		if !strings.HasPrefix(name, envPrefix) || slices.Contains(reserved, name) {
			continue
		}
		if _, twice := values[name]; !twice {
			names = append(names, name)
		}
		values[name] = value
	}
	slices.Sort(names)
	w.lineless = true
	for _, name := range names {
		dst, k, path, ok := findVariable(root, reflect.ValueOf(c).Elem(), strings.TrimPrefix(name, envPrefix), "")
		if !ok {
			return &Error{File: name, Reason: "unknown variable: no such key in the configuration"}
		}
		w.file = name
		if err := assignText(w, dst, k, path, values[name]); err != nil {
			return err
		}
	}
	return nil
}

// findVariable finds the key whose path, in upper case and with underscores
// for dots, is rest, and what it belongs to: below the key of, which sets dst.
func findVariable(of key, dst reflect.Value, rest, path string) (reflect.Value, key, string, bool) {
	for _, k := range of.sub {
		tail, ok := strings.CutPrefix(rest, strings.ToUpper(k.name))
		if !ok {
			continue
		}
		if tail == "" {
			return dst, k, join(path, k.name), true
		}
		if inner, ok := strings.CutPrefix(tail, "_"); ok && len(k.sub) > 0 {
			if in, found, at, ok := findVariable(k, k.in(dst), inner, join(path, k.name)); ok {
				return in, found, at, true
			}
		}
	}
	return dst, key{}, "", false
}

// applySets sets what the command line says, in its order.
func applySets(w *walker, c *Config, sets []string) error {
	w.file, w.lineless = "command line", true
	for _, set := range sets {
		path, value, ok := strings.Cut(set, "=")
		if !ok {
			// What follows another sign than = may be a secret.
			name, _, _ := strings.Cut(path, ":")
			return &Error{File: w.file, Key: printable(name), Reason: "has no value: write it as key=value"}
		}
		dst, k, err := findPath(w, reflect.ValueOf(c).Elem(), path)
		if err != nil {
			return err
		}
		if err := assignText(w, dst, k, path, value); err != nil {
			return err
		}
	}
	return nil
}

// findPath finds a key by its path, and what it belongs to.
func findPath(w *walker, dst reflect.Value, path string) (reflect.Value, key, error) {
	k, at := root, ""
	for name := range strings.SplitSeq(path, ".") {
		inner, ok := findName(k.sub, name)
		if !ok {
			reason := adviceFor(k)
			if at != "" && len(k.sub) == 0 {
				reason = fmt.Sprintf("unknown key: %s has no keys of its own", at)
			}
			return dst, k, &Error{File: w.file, Key: printable(path), Reason: reason}
		}
		dst, k, at = k.in(dst), inner, join(at, name)
	}
	return dst, k, nil
}

// assignText sets a key from text: a scalar takes it verbatim, a list or a
// mapping reads it as YAML.
func assignText(w *walker, dst reflect.Value, k key, path, value string) error {
	n := &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: value}
	structured := k.list || (k.set == nil && (k.short == "" || strings.HasPrefix(value, "{")))
	if structured {
		said, err := parseYAML(w.file, value)
		if err != nil {
			err.Line = 0
			return err
		}
		if said == nil {
			said = &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!null"}
		}
		n = said
	}
	return assign(w, dst, k, n, path)
}
