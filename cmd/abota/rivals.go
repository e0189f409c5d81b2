package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"

	"abota/updater/doctor"
)

// others are services and programs of other updaters. confirms says that one
// marks a slot good without asking abota's health checks: systemd-bless-boot
// when boot-complete.target is reached, RAUC's and Mender's after their own.
//
// Sources: systemd-bless-boot.service(8); RAUC's rauc-mark-good.service;
// Mender's support/mender-client.service (3.x) and mender-updated.service
// (4 and later); SWUpdate's swupdate.service.
var others = []struct {
	name     string
	confirms bool
}{
	{"systemd-bless-boot", true},
	{"rauc-mark-good", true},
	{"mender", true},
	{"mender-client", true},
	{"mender-updated", true},
	{"rauc-hawkbit-updater", false},
	{"rauc", false}, // its own polling, or whoever tells it to install
	{"swupdate", false},
}

// rivals finds them below root: enabled units, start links of SysV, processes.
func rivals(root string) []doctor.Rival {
	var all []doctor.Rival
	starts, running := starters(root), processes(root)
	for _, o := range others {
		for _, where := range starts[o.name] {
			all = append(all, doctor.Rival{Name: o.name, Where: where, Confirms: o.confirms})
		}
		// The kernel cuts a process's name off.
		if pid, ok := running[o.name[:min(len(o.name), 15)]]; ok {
			all = append(all, doctor.Rival{Name: o.name, Where: "process " + pid, Confirms: o.confirms})
		}
	}
	return all
}

// links are what init starts a service by: systemd.unit(5), with the folders of
// its generators, and the runlevels of SysV.
var links = []struct{ pattern, verb, before, after string }{
	{"etc/systemd/system/*.[wr]*s/*.service", "enabled by ", "", ".service"},
	{"run/systemd/generator*/*.[wr]*s/*.service", "enabled by ", "", ".service"},
	{"usr/lib/systemd/system/*.[wr]*s/*.service", "enabled by ", "", ".service"},
	{"lib/systemd/system/*.[wr]*s/*.service", "enabled by ", "", ".service"},
	{"etc/rc[S2345].d/S[0-9][0-9]*", "started by ", "S00", ""},
}

// starters says for each service what starts it.
func starters(root string) map[string][]string {
	all := map[string][]string{}
	for _, l := range links {
		found, _ := filepath.Glob(filepath.Join(root, l.pattern))
		for _, link := range found {
			name := strings.TrimSuffix(filepath.Base(link)[len(l.before):], l.after)
			if !isMasked(root, name+l.after) && !isAlias(root, link) {
				all[name] = append(all[name], l.verb+asItself(root, link))
			}
		}
	}
	return all
}

// isMasked reports a unit that systemd starts for nobody.
func isMasked(root, unit string) bool {
	target, err := os.Readlink(filepath.Join(root, "etc/systemd/system", unit))
	return err == nil && target == os.DevNull
}

// isAlias reports a path below /lib where that is a link to /usr/lib.
func isAlias(root, path string) bool {
	lib := filepath.Join(root, "lib")
	st, err := os.Lstat(lib)
	return err == nil && st.Mode()&os.ModeSymlink != 0 && strings.HasPrefix(path, lib+"/")
}

// asItself is a path as the machine itself knows it.
func asItself(root, path string) string {
	return "/" + strings.TrimPrefix(strings.TrimPrefix(path, root), "/")
}

// processes are the names of what runs, with a process ID of each.
func processes(root string) map[string]string {
	all := map[string]string{}
	found, _ := filepath.Glob(filepath.Join(root, "proc/[0-9]*/comm"))
	for _, path := range found {
		if name, err := os.ReadFile(path); err == nil {
			all[string(bytes.TrimSpace(name))] = filepath.Base(filepath.Dir(path))
		}
	}
	return all
}
