package library

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"github.com/ildc/ildc/internal/setting"
)

// InstallOptions say what to install. The zero value gets the pinned version into [Folder].
type InstallOptions struct {
	// From is "archive", the release's archive; "npm", the package that the npm client gets; or the path of a file:
	// either of the two, or a library. "" tries the archive and then npm.
	From string
	// Folder is where the library goes; "": Folder(), which Find looks in.
	Folder string
	// Progress is told how many bytes of a download are there; where this package downloads nothing, how many bytes are
	// written. It may be nil.
	Progress func(done, total int64)
}

// Install gets a library and puts it, and what it needs beside it, into a folder. Nothing is written where that is
// there already. A file comes into the folder whole, under its name, or not at all; cancelling ctx stops promptly and
// leaves what was there.
//
// Packages and what is taken from them must have the pinned checksums. A library that is given as a file need not:
// what passes [Check] is installed, and [Origin] tells that it is not a pinned one.
func Install(ctx context.Context, o InstallOptions) (Found, error) {
	in := installer{build: buildFor(host()), release: release, client: secureClient(), stall: time.Minute,
		folder: o.Folder, progress: o.Progress}
	path, err := in.install(ctx, o.From)
	if err != nil {
		return Found{}, fmt.Errorf("library: %w", err)
	}
	return Found{path, FromFolder}, nil
}

// installer installs one platform's library into one folder.
type installer struct {
	build    build
	release  string // URL of the folder with the archives
	client   *http.Client
	stall    time.Duration // for which a download may stand still
	folder   string
	progress func(done, total int64)
}

// install gives the path of the library.
func (in *installer) install(ctx context.Context, from string) (string, error) {
	if in.folder == "" {
		folder, err := Folder()
		if err != nil {
			return "", err
		}
		in.folder = folder
	}
	folder, err := filepath.Abs(in.folder)
	if err != nil {
		return "", err
	}
	in.folder = folder
	if err := os.MkdirAll(in.folder, 0o755); err != nil {
		return "", err
	}
	switch from {
	case "":
		err = in.installAny(ctx)
	case FromArchive, FromNPM:
		err = in.installPack(ctx, from)
	default:
		err = in.installFile(ctx, from)
	}
	if err != nil {
		return "", err
	}
	return in.path(), nil
}

// path is where the library goes.
func (in *installer) path() string { return filepath.Join(in.folder, installedName(in.build.goos)) }

// installAny takes the first package that can be had.
func (in *installer) installAny(ctx context.Context) error {
	for _, p := range in.build.packs {
		if in.has(p) {
			return nil
		}
	}
	var failures []error
	for _, from := range []string{FromArchive, FromNPM} {
		err := in.installPack(ctx, from)
		if err == nil || ctx.Err() != nil || len(in.build.packs) == 0 {
			return err
		}
		failures = append(failures, err)
	}
	p := in.build.packs[0]
	return fmt.Errorf("ONNX Runtime can be had from neither source:\n%w\n"+
		"get %s%s where there is a network, and install from that file", errors.Join(failures...), in.release, p.name)
}

// installPack fetches a package and installs from it.
func (in *installer) installPack(ctx context.Context, from string) error {
	p, err := in.build.pack(from)
	if err != nil || in.has(p) {
		return err
	}
	fetch := in.download
	if from == FromNPM {
		fetch = in.npmPack
	}
	return in.stage(func(stage string) error {
		file, err := fetch(ctx, p, stage)
		if err != nil {
			return fmt.Errorf("%s: %w", from, err)
		}
		sum, size, err := sumFile(file)
		if err != nil {
			return err
		}
		if sum != p.sha256 {
			return fmt.Errorf("%s: %s has %d bytes with the SHA-256 %s; that of the pinned one is %s: "+
				"it is damaged or not what it should be", from, p.name, size, sum, p.sha256)
		}
		return in.unpack(ctx, file, p, stage)
	})
}

// installFile installs from a file that is there.
func (in *installer) installFile(ctx context.Context, file string) error {
	if err := isFile(file); err != nil {
		return err
	}
	sum, size, err := sumFile(file)
	if err != nil {
		return err
	}
	for _, p := range in.build.packs {
		if p.sha256 == sum {
			if in.has(p) {
				return nil
			}
			return in.stage(func(stage string) error { return in.unpack(ctx, file, p, stage) })
		}
	}
	for _, b := range builds {
		for _, p := range b.packs {
			if p.sha256 == sum {
				return fmt.Errorf("%s: it is the package for %s/%s, and this is %s/%s", file, b.goos, b.goarch, in.build.goos,
					in.build.goarch)
			}
		}
	}
	format, err := packFormat(file)
	if err != nil {
		return err
	}
	if format != "" {
		err := fmt.Errorf("%s: its SHA-256 is %s, which no pinned package of ONNX Runtime %s has: "+
			"it is damaged or another one; of another, unpack the library and name it, as by %s",
			file, sum, Version, Environment)
		return setting.Mends(err, "Library")
	}
	if err := check(file, in.build.goos, in.build.goarch); err != nil {
		return err
	}
	if there, _, err := sumFile(in.path()); err == nil && there == sum {
		return nil
	}
	return in.stage(func(stage string) error {
		r, err := os.Open(file)
		if err != nil {
			return err
		}
		defer r.Close()
		library := filepath.Join(stage, installedName(in.build.goos))
		if err := writeFile(library, in.meter(ctx, r, size), size, sum); err != nil {
			return fmt.Errorf("%s: %w", file, err)
		}
		return os.Rename(library, in.path())
	})
}

// has tells whether all of a package's members are installed.
func (in *installer) has(p pack) bool {
	for i, m := range p.members {
		if sum, _, err := sumFile(filepath.Join(in.folder, p.file(i, in.build.goos))); err != nil || sum != m.sha256 {
			return false
		}
	}
	return true
}

// stage runs f with a folder of its own inside the install folder, which is removed afterwards.
func (in *installer) stage(f func(stage string) error) (err error) {
	stage, err := os.MkdirTemp(in.folder, ".partial-*")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(stage)) }()
	return f(stage)
}

// unpack takes the members out of a package and puts them in place, the library last, so that where it is, they are.
func (in *installer) unpack(ctx context.Context, file string, p pack, stage string) error {
	var total, written int64
	for _, m := range p.members {
		total += m.size
	}
	want := map[string]int{}
	for i, m := range p.members {
		want[m.path] = i
	}
	err := eachFile(file, func(path string, r io.Reader) (bool, error) {
		i, ok := want[path]
		if !ok {
			return true, nil
		}
		delete(want, path)
		m := p.members[i]
		src := in.meter(ctx, r, total)
		src.done = written
		if p.from == FromArchive { // its download has been told of
			src.progress = nil
		}
		if err := writeFile(filepath.Join(stage, p.file(i, in.build.goos)), src, m.size, m.sha256); err != nil {
			return false, fmt.Errorf("%s: %w", path, err)
		}
		written += m.size
		return len(want) > 0, nil
	})
	if err != nil {
		return fmt.Errorf("%s: %w", file, err)
	}
	for i, m := range p.members {
		if _, missing := want[m.path]; missing {
			return fmt.Errorf("%s: it has no %s", file, p.members[i].path)
		}
	}
	if err := check(filepath.Join(stage, p.file(0, in.build.goos)), in.build.goos, in.build.goarch); err != nil {
		return err
	}
	for i := len(p.members) - 1; i >= 0; i-- {
		name := p.file(i, in.build.goos)
		if err := os.Rename(filepath.Join(stage, name), filepath.Join(in.folder, name)); err != nil {
			return err
		}
	}
	return nil
}

// writeFile writes a new file, flushed, of so many bytes with a checksum.
func writeFile(path string, r io.Reader, size int64, sum string) (err error) {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	hash := sha256.New()
	n, err := io.Copy(io.MultiWriter(f, hash), io.LimitReader(r, size+1))
	if err != nil {
		return err
	}
	if got := hex.EncodeToString(hash.Sum(nil)); n != size || got != sum {
		return fmt.Errorf("it has %d bytes with the SHA-256 %s; that of the pinned one is %s", n, got, sum)
	}
	return f.Sync()
}

// sumFile gives the SHA-256 of a file, and its size in bytes.
func sumFile(path string) (string, int64, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", 0, err
	}
	defer f.Close()
	hash := sha256.New()
	n, err := io.Copy(hash, f)
	if err != nil {
		return "", 0, fmt.Errorf("%s: %w", path, err)
	}
	return hex.EncodeToString(hash.Sum(nil)), n, nil
}

// meter is a reader that ends when a context does, and tells how far it is.
type meter struct {
	ctx         context.Context
	r           io.Reader
	progress    func(done, total int64)
	done, total int64
}

func (in *installer) meter(ctx context.Context, r io.Reader, total int64) *meter {
	return &meter{ctx: ctx, r: r, progress: in.progress, total: total}
}

func (m *meter) Read(p []byte) (int, error) {
	if err := context.Cause(m.ctx); err != nil {
		return 0, err
	}
	n, err := m.r.Read(p)
	m.done += int64(n)
	if m.progress != nil && n > 0 {
		m.progress(min(m.done, m.total), m.total)
	}
	return n, err
}
