package parts

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// order is what to fetch for an architecture.
type order struct {
	arch string
	// names are packages, metas such that depend on the one which is meant.
	names, metas []string
	// only are the files that are kept; all when empty.
	only []string
	// whole says whether the folder holds all of it.
	whole func(dir string) bool
}

// fetchInto downloads the packages and unpacks them as dir.
func (o order) fetchInto(ctx context.Context, dir string) error {
	if err := os.MkdirAll(filepath.Dir(dir), 0o755); err != nil {
		return fmt.Errorf("make the cache folder: %w", err)
	}
	tmp, err := os.MkdirTemp(filepath.Dir(dir), "."+o.arch+"-")
	if err != nil {
		return fmt.Errorf("make the cache folder: %w", err)
	}
	defer os.RemoveAll(tmp)
	root := filepath.Join(tmp, "root")
	if err := o.fetch(ctx, foreignApt{arch: o.arch, dir: filepath.Join(tmp, "apt")}, root); err != nil {
		return err
	}
	if root, err = o.pick(root, filepath.Join(tmp, "picked")); err != nil {
		return err
	}
	if o.whole(dir) {
		return nil // another process was faster
	}
	if err := os.RemoveAll(dir); err != nil {
		return fmt.Errorf("replace the cached parts: %w", err)
	}
	if err := os.Rename(root, dir); err != nil {
		return fmt.Errorf("keep the fetched parts: %w", err)
	}
	return nil
}

// fetch unpacks the packages below root. A mirror of which apt gets one list and
// not the other (a sync in progress) will do, if what is asked for is on the
// lists that it got.
func (o order) fetch(ctx context.Context, a foreignApt, root string) error {
	updated := a.update(ctx)
	names := o.names
	for _, meta := range o.metas {
		name, err := a.dependency(ctx, meta)
		if err != nil {
			return errors.Join(updated, err)
		}
		names = append(names, name)
	}
	for _, name := range names {
		if err := a.unpack(ctx, name, root); err != nil {
			return errors.Join(updated, err)
		}
	}
	return nil
}

// pick moves what is kept to another folder, and returns the folder that has it.
func (o order) pick(root, to string) (string, error) {
	if len(o.only) == 0 {
		return root, nil
	}
	for _, name := range append([]string{origins}, o.only...) {
		path := filepath.Join(to, name)
		err := os.MkdirAll(filepath.Dir(path), 0o755)
		if err == nil {
			err = os.Rename(filepath.Join(root, name), path)
		}
		if err != nil {
			return "", fmt.Errorf("cannot use Debian's package %s for %s: %w", strings.Join(o.names, ", "), o.arch, err)
		}
	}
	return to, nil
}

// foreignApt is apt with lists and caches of its own, so that it can serve an
// architecture that the host's dpkg does not know, without being root. list is
// a file to read in place of the host's sources, when not empty.
type foreignApt struct{ arch, dir, list string }

func (a foreignApt) update(ctx context.Context) error {
	for _, d := range []string{"state/lists/partial", "cache/archives/partial", "debs"} {
		if err := os.MkdirAll(filepath.Join(a.dir, d), 0o755); err != nil {
			return fmt.Errorf("prepare apt's folders: %w", err)
		}
	}
	if err := os.WriteFile(filepath.Join(a.dir, "status"), nil, 0o644); err != nil {
		return fmt.Errorf("prepare apt's folders: %w", err)
	}
	_, err := a.run(ctx, "apt-get", "-q", "update")
	return err
}

// keyring is where Debian has the keys of its archive.
const keyring = "/usr/share/keyrings/debian-archive-keyring.gpg"

// sources turns to the source packages of the Debian mirrors that the host
// has its packages from. Hosts rarely name them in their own lists.
func (a *foreignApt) sources(ctx context.Context) error {
	out, err := a.run(ctx, "apt-get", "indextargets", "--format",
		"deb-src [signed-by="+keyring+"] $(REPO_URI) $(RELEASE) $(COMPONENT)", "Created-By: Packages", "Origin: Debian")
	if err != nil {
		return err
	}
	if out == "" {
		return errors.New("cannot find Debian's source packages because this host's apt names no mirror of Debian")
	}
	a.list = filepath.Join(a.dir, "sources.list")
	if err := os.WriteFile(a.list, []byte(out), 0o644); err != nil {
		return fmt.Errorf("note Debian's source packages: %w", err)
	}
	return nil
}

// dependency names the package that a meta package depends on first.
func (a foreignApt) dependency(ctx context.Context, meta string) (string, error) {
	out, err := a.run(ctx, "apt-cache", "depends", meta)
	if err != nil {
		return "", err
	}
	for _, line := range strings.Split(out, "\n") {
		if _, name, ok := strings.Cut(line, "Depends:"); ok {
			return strings.TrimSpace(name), nil
		}
	}
	return "", fmt.Errorf("cannot find a kernel because Debian's package %s for %s depends on nothing", meta, a.arch)
}

// unpack downloads one package and unpacks it below root.
func (a foreignApt) unpack(ctx context.Context, name, root string) error {
	if _, err := a.run(ctx, "apt-get", "-q", "download", name); err != nil {
		return err
	}
	deb, err := only(filepath.Join(a.dir, "debs", name+"_*.deb"))
	if err != nil {
		return fmt.Errorf("find the downloaded package: %w", err)
	}
	if out, err := exec.CommandContext(ctx, "dpkg-deb", "-x", deb, root).CombinedOutput(); err != nil {
		return fmt.Errorf("unpack %s: %w: %s", deb, err, lastLine(out))
	}
	return noteOrigin(ctx, deb, filepath.Join(root, origins))
}

// origins is the file that notes which packages a folder is made of.
const origins = "packages.txt"

// noteOrigin adds to the file at path which package this is, of which source:
// whoever passes it on owes that source.
func noteOrigin(ctx context.Context, deb, path string) error {
	const format = "${Package} ${Version} for ${Architecture}, source ${source:Package} ${source:Version}, built using ${Built-Using}\n"
	line, err := exec.CommandContext(ctx, "dpkg-deb", "--show", "--showformat", format, deb).Output()
	if err != nil {
		return fmt.Errorf("read the version of %s: %w", deb, err)
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o644)
	if err != nil {
		return fmt.Errorf("note the version of %s: %w", deb, err)
	}
	text := strings.TrimSuffix(strings.TrimSpace(string(line)), ", built using")
	_, err = fmt.Fprintln(f, text)
	if err = errors.Join(err, f.Close()); err != nil {
		return fmt.Errorf("note the version of %s: %w", deb, err)
	}
	return nil
}

func (a foreignApt) run(ctx context.Context, tool string, args ...string) (string, error) {
	all := []string{
		"-o", "APT::Architecture=" + a.arch,
		"-o", "APT::Architectures=" + a.arch,
		"-o", "Dir::State=" + filepath.Join(a.dir, "state"),
		"-o", "Dir::State::status=" + filepath.Join(a.dir, "status"),
		"-o", "Dir::Cache=" + filepath.Join(a.dir, "cache"),
		// The sandbox user could not write into the user's own cache.
		"-o", "APT::Sandbox::User=",
	}
	if a.list != "" {
		all = append(all, "-o", "Dir::Etc::sourcelist="+a.list, "-o", "Dir::Etc::sourceparts=-")
	}
	cmd := exec.CommandContext(ctx, tool, append(all, args...)...)
	cmd.Dir = filepath.Join(a.dir, "debs")
	var errs strings.Builder
	cmd.Stderr = &errs
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("cannot get packages for %s because `%s %s` failed: %w: %s",
			a.arch, tool, strings.Join(args, " "), err, lastLine([]byte(errs.String())))
	}
	return string(out), nil
}

// lastLine is where tools say why they failed.
func lastLine(out []byte) string {
	text := strings.TrimSpace(string(out))
	return text[strings.LastIndexByte(text, '\n')+1:]
}
