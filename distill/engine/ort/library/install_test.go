package library

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ildc/ildc/internal/setting"
)

// The members of the packages that the tests make.
const (
	libraryPath   = "made-1.30.0/lib/library"
	companionPath = "made-1.30.0/lib/companion"
)

func sum(data []byte) string {
	s := sha256.Sum256(data)
	return hex.EncodeToString(s[:])
}

// entries are the files of a package, by name and content, in order.
type entries [][2]string

func makeTarball(t *testing.T, files entries) []byte {
	t.Helper()
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	w := tar.NewWriter(z)
	for _, f := range files {
		if err := w.WriteHeader(&tar.Header{Name: f[0], Size: int64(len(f[1])), Mode: 0o644,
			Typeflag: tar.TypeReg}); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write([]byte(f[1])); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(w.Close(), z.Close()); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func makeZip(t *testing.T, files entries) []byte {
	t.Helper()
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	for _, f := range files {
		e, err := w.Create(f[0])
		if err == nil {
			_, err = e.Write([]byte(f[1]))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// scene is an installer of made-up packages: an archive that a server has, and a tarball that an npm client in PATH
// brings.
type scene struct {
	installer
	library      []byte // of the archive; that of npm has a byte more
	archive, npm []byte
	dir          string       // for other files
	handler      http.Handler // of the server
	requests     int
}

// newScene makes one. files says what the packages hold, beside what they should.
func newScene(t *testing.T, files entries) *scene {
	t.Helper()
	s := &scene{library: hostLibrary(t), dir: t.TempDir()}
	goos, goarch := host()
	other := append(bytes.Clone(s.library), 0)
	whole := func(library []byte) entries {
		return append(slices.Clone(files), [2]string{"./" + companionPath, "companion"},
			[2]string{"made-1.30.0/README", "text"}, [2]string{libraryPath, string(library)})
	}
	members := func(library []byte) []member {
		return []member{{libraryPath, int64(len(library)), sum(library)}, {companionPath, 9, sum([]byte("companion"))}}
	}
	s.archive, s.npm = makeZip(t, whole(s.library)), makeTarball(t, whole(other))
	s.build = build{goos, goarch, []pack{
		{FromArchive, "made-1.30.0.zip", int64(len(s.archive)), sum(s.archive), members(s.library)},
		{FromNPM, "onnxruntime-node-1.30.0.tgz", int64(len(s.npm)), sum(s.npm), members(other)},
	}}
	s.handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/release/made-1.30.0.zip" {
			http.NotFound(w, r)
			return
		}
		w.Write(s.archive)
	})
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.requests++
		s.handler.ServeHTTP(w, r)
	}))
	t.Cleanup(server.Close)
	s.release, s.client, s.stall = server.URL+"/release/", server.Client(), time.Minute
	s.client.CheckRedirect = onlySecure
	s.folder = filepath.Join(t.TempDir(), "deep", "folder")
	t.Setenv("PATH", s.dir) // no npm
	return s
}

// setNPM puts an npm client into PATH, which is a shell script.
func (s *scene) setNPM(t *testing.T, script string) {
	t.Helper()
	if runtime.GOOS == "windows" {
		t.Skip("the test's npm client is a shell script")
	}
	if err := os.WriteFile(filepath.Join(s.dir, "npm"), []byte("#!/bin/sh\nPATH=/usr/bin:/bin\n"+script+"\n"),
		0o755); err != nil {
		t.Fatal(err)
	}
}

// bringNPM lets the npm client bring a package. The script fails if it is asked for anything else.
func (s *scene) bringNPM(t *testing.T, data []byte) {
	t.Helper()
	brought := filepath.Join(s.dir, "brought")
	if err := os.WriteFile(brought, data, 0o644); err != nil {
		t.Fatal(err)
	}
	s.setNPM(t, `[ "$1 $2 $3" = "pack onnxruntime-node@1.30.0 --pack-destination" ] &&
		cp '`+brought+`' "$4/onnxruntime-node-1.30.0.tgz"`)
}

// want checks what an installation gives, and that nothing but whole files is in the folder. library is what is
// installed; nil: nothing.
func (s *scene) want(t *testing.T, ctx context.Context, from string, library []byte, says ...string) {
	t.Helper()
	path, err := s.install(ctx, from)
	for _, text := range says {
		if err == nil || !strings.Contains(err.Error(), text) {
			t.Errorf("error %v, want %q", err, text)
		}
	}
	if len(says) == 0 && (err != nil || path != filepath.Join(s.folder, installedName(s.build.goos))) {
		t.Errorf("installed %q, %v", path, err)
	}
	got, err := os.ReadFile(s.path())
	if library == nil && !errors.Is(err, os.ErrNotExist) || library != nil && !bytes.Equal(got, library) {
		t.Errorf("a library of %d bytes is there, want %d: %v", len(got), len(library), err)
	}
	entries, err := os.ReadDir(s.folder)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if e.Name() != installedName(s.build.goos) && e.Name() != "companion" {
			t.Errorf("the folder holds %s", e.Name())
		}
	}
}

// file puts a file beside the install folder.
func (s *scene) file(t *testing.T, name string, data []byte) string {
	t.Helper()
	return put(t, filepath.Join(s.dir, name), data)
}

func (s *scene) npmLibrary() []byte { return append(bytes.Clone(s.library), 0) }

func TestInstall(t *testing.T) {
	ctx := context.Background()
	t.Run("archive", func(t *testing.T) {
		s := newScene(t, nil)
		var done, total int64
		s.progress = func(d, of int64) {
			if d <= done || of != int64(len(s.archive)) {
				t.Errorf("progress %d of %d after %d", d, of, done)
			}
			done, total = d, of
		}
		s.want(t, ctx, "", s.library)
		if done != total || total == 0 {
			t.Errorf("progress ended at %d of %d", done, total)
		}
		if companion, err := os.ReadFile(filepath.Join(s.folder, "companion")); string(companion) != "companion" {
			t.Errorf("companion %q, %v", companion, err)
		}
		s.want(t, ctx, "", s.library) // is there already
		s.want(t, ctx, FromArchive, s.library)
		if s.requests != 1 {
			t.Errorf("%d requests, want 1", s.requests)
		}
		if err := os.Remove(filepath.Join(s.folder, "companion")); err != nil {
			t.Fatal(err)
		}
		done = 0
		s.want(t, ctx, "", s.library)
		if s.requests != 2 {
			t.Errorf("%d requests, want 2: a companion was missing", s.requests)
		}
	})
	t.Run("repairs", func(t *testing.T) {
		s := newScene(t, nil)
		put(t, s.path(), s.library[:50])
		s.want(t, ctx, "", s.library)
	})
	t.Run("npm", func(t *testing.T) {
		s := newScene(t, nil)
		s.bringNPM(t, s.npm)
		var done, total int64
		s.progress = func(d, of int64) { done, total = d, of }
		s.want(t, ctx, FromNPM, s.npmLibrary())
		if done != total || total != int64(len(s.npmLibrary())+9) {
			t.Errorf("progress ended at %d of %d", done, total)
		}
		s.setNPM(t, "exit 1")
		s.want(t, ctx, FromNPM, s.npmLibrary()) // is there already
		s.want(t, ctx, "", s.npmLibrary())
		if s.requests != 0 {
			t.Errorf("%d requests", s.requests)
		}
	})
	t.Run("npm where there is no archive", func(t *testing.T) {
		s := newScene(t, nil)
		s.bringNPM(t, s.npm)
		s.handler = http.NotFoundHandler()
		s.want(t, ctx, "", s.npmLibrary())
	})
	t.Run("files", func(t *testing.T) {
		s := newScene(t, nil)
		s.release = "https://127.0.0.1:1/" // no network
		s.want(t, ctx, s.file(t, "renamed", s.archive), s.library)
		s.want(t, ctx, s.file(t, "x.tgz", s.npm), s.npmLibrary())
		s.want(t, ctx, s.file(t, "bare", s.library), s.library)
		s.want(t, ctx, s.path(), s.library) // itself
		own := append(s.npmLibrary(), "of my own"...)
		s.want(t, ctx, s.file(t, "own", own), own)
		if origin, err := Origin(s.path()); origin != "" || err != nil {
			t.Errorf("origin %q, %v", origin, err)
		}
	})
	t.Run("a folder that is relative", func(t *testing.T) {
		s := newScene(t, nil)
		t.Chdir(t.TempDir())
		s.folder = "here"
		if path, err := s.install(ctx, ""); err != nil || !filepath.IsAbs(path) {
			t.Errorf("installed %q, %v", path, err)
		}
	})
}

func TestInstallRefuses(t *testing.T) {
	ctx := context.Background()
	serve := func(data []byte) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.Write(data) })
	}
	damaged := func(data []byte) []byte {
		d := bytes.Clone(data)
		d[len(d)/2] ^= 1
		return d
	}
	for _, c := range []struct {
		name string
		do   func(t *testing.T, s *scene) (from string)
		says []string
	}{
		{"no network and no npm", func(t *testing.T, s *scene) string { s.release = "https://127.0.0.1:1/"; return "" },
			[]string{"127.0.0.1:1", "npm", "neither", "made-1.30.0.zip where there is a network"}},
		{"an archive that is not there", func(t *testing.T,
			s *scene) string {
			s.handler = http.NotFoundHandler()
			return FromArchive
		},
			[]string{"404", "/release/made-1.30.0.zip"}},
		{"a damaged archive", func(t *testing.T, s *scene) string {
			s.handler = serve(damaged(s.archive))
			return FromArchive
		}, []string{"SHA-256", s256}},
		{"a truncated archive", func(t *testing.T, s *scene) string { s.handler = serve(s.archive[:99]); return FromArchive },
			[]string{"99 of "}},
		{"an archive that breaks off", func(t *testing.T, s *scene) string {
			s.handler = http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Content-Length", fmt.Sprint(len(s.archive)))
				w.Write(s.archive[:99])
			})
			return FromArchive
		}, []string{"EOF"}},
		{"an archive without end", func(t *testing.T,
			s *scene) string {
			s.handler = serve(bytes.Repeat(s.archive, 3))
			return FromArchive
		}, []string{"more than"}},
		{"a redirect to what is not secure", func(t *testing.T, s *scene) string {
			s.handler = http.RedirectHandler("http://127.0.0.1:1/x", http.StatusFound)
			return FromArchive
		}, []string{"not HTTPS"}},
		{"redirects without end", func(t *testing.T, s *scene) string {
			s.handler = http.RedirectHandler(s.release, http.StatusFound)
			return FromArchive
		}, []string{"too often"}},
		{"a download that stands still", func(t *testing.T, s *scene) string {
			s.stall = 20 * time.Millisecond
			s.handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				w.Write(s.archive[:99])
				w.(http.Flusher).Flush()
				<-r.Context().Done()
			})
			return FromArchive
		}, []string{"nothing has come for 20ms"}},
		{"no npm", func(t *testing.T, s *scene) string { return FromNPM }, []string{"npm client"}},
		{"an npm that fails", func(t *testing.T, s *scene) string {
			s.setNPM(t,
				"echo no such package >&2; exit 3")
			return FromNPM
		}, []string{"no such package", "exit status 3"}},
		{"an npm that brings nothing", func(t *testing.T, s *scene) string { s.setNPM(t, "true"); return FromNPM },
			[]string{"brought no package"}},
		{"an npm that brings another package", func(t *testing.T,
			s *scene) string {
			s.bringNPM(t, damaged(s.npm))
			return FromNPM
		}, []string{"SHA-256"}},
		{"a package without the library", func(t *testing.T, s *scene) string {
			s.build.packs[0].members[0].path = "made-1.30.0/lib/gone"
			return FromArchive
		}, []string{"it has no made-1.30.0/lib/gone"}},
		{"another library in a package", func(t *testing.T, s *scene) string {
			s.build.packs[0].members[0].sha256 = sum(nil)
			return FromArchive
		}, []string{libraryPath, sum(nil)}},
		{"a package for another platform", func(t *testing.T, s *scene) string {
			s.build.goarch = "riscv64" // what is in it is of this one
			return FromArchive
		}, []string{"another processor"}},
		{"no package for a platform", func(t *testing.T, s *scene) string { s.build = buildFor("plan9", "mips"); return "" },
			[]string{"plan9/mips", "linux/amd64", Environment}},
		{"a file that is not there", func(t *testing.T, s *scene) string { return filepath.Join(s.dir, "nowhere.tgz") },
			[]string{"nowhere.tgz"}},
		{"a folder", func(t *testing.T, s *scene) string { return s.dir }, []string{"no regular file"}},
		{"a damaged package", func(t *testing.T, s *scene) string { return s.file(t, "x.tgz", damaged(s.npm)) },
			[]string{"no pinned package", "x.tgz"}},
		{"a truncated package", func(t *testing.T, s *scene) string { return s.file(t, "x.zip", s.archive[:99]) },
			[]string{"no pinned package"}},
		{"a truncated library", func(t *testing.T, s *scene) string {
			return s.file(t, "x.so", s.library[:len(s.library)-20])
		}, []string{"truncated"}},
		{"no library", func(t *testing.T, s *scene) string { return s.file(t, "x.so", []byte("hello")) },
			[]string{"no shared library"}},
		{"an unreadable file", func(t *testing.T, s *scene) string {
			if runtime.GOOS == "windows" || os.Geteuid() == 0 {
				t.Skip("nothing is unreadable here")
			}
			path := s.file(t, "x.so", s.library)
			if err := os.Chmod(path, 0); err != nil {
				t.Fatal(err)
			}
			return path
		}, []string{"permission"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newScene(t, nil)
			from := c.do(t, s)
			s.want(t, ctx, from, nil, c.says...)
			// What was there stays.
			put(t, s.path(), []byte("what was there"))
			s.want(t, ctx, from, []byte("what was there"), c.says...)
		})
	}
}

// What a setting would mend names it.
func TestInstallNamesSettings(t *testing.T) {
	for _, c := range []struct {
		name, field string
		do          func(t *testing.T, s *scene) (from string)
	}{
		{"no package", "Library", func(t *testing.T, s *scene) string { s.build = buildFor("plan9", "mips"); return "" }},
		{"another package", "Library", func(t *testing.T, s *scene) string { return s.file(t, "x.zip", s.archive[:99]) }},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newScene(t, nil)
			_, err := s.install(t.Context(), c.do(t, s))
			if got := setting.Fields(err); !slices.Equal(got, []string{c.field}) {
				t.Errorf("%v: the settings that would mend it are %q, want %s", err, got, c.field)
			}
		})
	}
}

// s256 is how a checksum that is wrong is told.
const s256 = "that of the pinned one is "

// Names in a package choose nothing: a name that leads out of the folder is not written to.
func TestTraversal(t *testing.T) {
	evil := entries{{"../../outside", "x"}, {"/tmp/../outside", "x"}, {"made-1.30.0/lib/../../../outside", "x"},
		{`..\outside`, "x"}}
	for _, from := range []string{FromArchive, FromNPM} {
		t.Run(from, func(t *testing.T) {
			s := newScene(t, evil)
			want := s.library
			if from == FromNPM {
				s.bringNPM(t, s.npm)
				want = s.npmLibrary()
			}
			s.want(t, context.Background(), from, want)
			top := filepath.Dir(filepath.Dir(s.folder))
			err := filepath.WalkDir(top, func(path string, d os.DirEntry, err error) error {
				if strings.Contains(d.Name(), "outside") {
					t.Errorf("%s was written", path)
				}
				return err
			})
			if err != nil {
				t.Fatal(err)
			}
		})
	}
}

func TestInstallCancelled(t *testing.T) {
	check := func(t *testing.T, s *scene, ctx context.Context, from string) {
		t.Helper()
		s.want(t, ctx, from, nil, context.Canceled.Error())
		if _, err := s.install(ctx, from); !errors.Is(err, context.Canceled) {
			t.Errorf("error %v, want it to wrap context.Canceled", err)
		}
	}
	t.Run("while downloading", func(t *testing.T) {
		s := newScene(t, nil)
		s.setNPM(t, "exit 1") // must not be asked after that
		ctx, cancel := context.WithCancel(context.Background())
		defer cancel()
		s.handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			w.Write(s.archive[:99])
			w.(http.Flusher).Flush()
			<-r.Context().Done()
		})
		s.progress = func(int64, int64) { cancel() }
		check(t, s, ctx, "")
	})
	t.Run("while npm runs", func(t *testing.T) {
		s := newScene(t, nil)
		started := filepath.Join(s.dir, "started")
		s.setNPM(t, "touch '"+started+"'; exec sleep 60")
		ctx, cancel := context.WithCancel(context.Background())
		defer cancel()
		go func() {
			for {
				if _, err := os.Stat(started); err == nil {
					cancel()
					return
				}
				time.Sleep(5 * time.Millisecond)
			}
		}()
		check(t, s, ctx, FromNPM)
	})
	t.Run("while unpacking", func(t *testing.T) {
		s := newScene(t, nil)
		ctx, cancel := context.WithCancel(context.Background())
		defer cancel()
		s.progress = func(int64, int64) { cancel() }
		check(t, s, ctx, s.file(t, "x.tgz", s.npm))
	})
	t.Run("while copying", func(t *testing.T) {
		s := newScene(t, nil)
		ctx, cancel := context.WithCancel(context.Background())
		defer cancel()
		s.progress = func(int64, int64) { cancel() }
		check(t, s, ctx, s.file(t, "x.so", s.library))
	})
}
