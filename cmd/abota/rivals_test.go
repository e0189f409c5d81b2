package main

import (
	"os"
	"path/filepath"
	"slices"
	"testing"
)

// system makes up a root file system: what ends in "@" is a link to the text.
func system(t *testing.T, files map[string]string) string {
	t.Helper()
	root := t.TempDir()
	for name, text := range files {
		path := filepath.Join(root, name)
		err := os.MkdirAll(filepath.Dir(path), 0o755)
		if link := path[:len(path)-1]; err == nil && path[len(path)-1] == '@' {
			err = os.Symlink(text, link)
		} else if err == nil {
			err = os.WriteFile(path, []byte(text), 0o644)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return root
}

func TestRivals(t *testing.T) {
	for name, row := range map[string]struct {
		files map[string]string
		want  []string
	}{
		"none":      {map[string]string{"etc/hostname": "board"}, nil},
		"installed": {map[string]string{"usr/lib/systemd/system/systemd-bless-boot.service": "[Unit]", "usr/lib/systemd/system/mender-client.service": "[Unit]"}, nil},
		"enabled": {
			map[string]string{"etc/systemd/system/multi-user.target.wants/rauc-mark-good.service@": "/lib/systemd/system/rauc-mark-good.service"},
			[]string{"rauc-mark-good enabled by /etc/systemd/system/multi-user.target.wants/rauc-mark-good.service"},
		},
		"by the image": {
			map[string]string{"usr/lib/systemd/system/boot-complete.target.requires/mender-updated.service@": "../mender-updated.service"},
			[]string{"mender-updated enabled by /usr/lib/systemd/system/boot-complete.target.requires/mender-updated.service"},
		},
		"by the image, seen twice": {
			map[string]string{"usr/lib/systemd/system/a.target.wants/swupdate.service@": "../swupdate.service", "lib@": "usr/lib"},
			[]string{"swupdate enabled by /usr/lib/systemd/system/a.target.wants/swupdate.service"},
		},
		"masked": {map[string]string{
			"etc/systemd/system/a.target.wants/mender-client.service@": "../mender-client.service", "etc/systemd/system/mender-client.service@": "/dev/null",
		}, nil},
		"sysv":         {map[string]string{"etc/rc5.d/S80mender@": "../init.d/mender"}, []string{"mender started by /etc/rc5.d/S80mender"}},
		"sysv stopped": {map[string]string{"etc/rc5.d/K80mender@": "../init.d/mender", "etc/rc0.d/S80mender@": "../init.d/mender"}, nil},
		"another name": {map[string]string{"etc/rc5.d/S80mender-connect@": "../init.d/mender-connect", "proc/7/comm": "swupdate-ipc\n"}, nil},
		"running":      {map[string]string{"proc/7/comm": "rauc-hawkbit-up\n"}, []string{"rauc-hawkbit-updater process 7"}},
	} {
		t.Run(name, func(t *testing.T) {
			var got []string
			for _, r := range rivals(system(t, row.files)) {
				got = append(got, r.Name+" "+r.Where)
			}
			if !slices.Equal(got, row.want) {
				t.Errorf("got %q, want %q", got, row.want)
			}
		})
	}
}
