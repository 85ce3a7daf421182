package library

import (
	"encoding/hex"
	"os"
	"path"
	"path/filepath"
	"strings"
	"testing"
)

func TestPinned(t *testing.T) {
	have := map[string]bool{}
	files := map[string]string{} // by checksum
	once := func(sha, what string) {
		if b, err := hex.DecodeString(sha); err != nil || len(b) != 32 || strings.ToLower(sha) != sha {
			t.Errorf("%s: %q is no SHA-256", what, sha)
		}
		if other, there := files[sha]; there && other != what {
			t.Errorf("%s and %s have one checksum", what, other)
		}
		files[sha] = what
	}
	for _, b := range builds {
		have[b.goos+"/"+b.goarch] = true
		if len(b.packs) != 2 || b.packs[0].from != FromArchive || b.packs[1].from != FromNPM {
			t.Errorf("%s/%s: want an archive and an npm package: %+v", b.goos, b.goarch, b.packs)
		}
		for _, p := range b.packs {
			once(p.sha256, p.name)
			if !strings.Contains(p.name, Version) || p.size < 1<<20 || len(p.members) == 0 {
				t.Errorf("%+v", p)
			}
			for i, m := range p.members {
				once(m.sha256, m.path)
				if m.size < 1<<20 || path.Clean(m.path) != m.path || !filepath.IsLocal(p.file(i, b.goos)) ||
					strings.ContainsAny(p.file(i, b.goos), `/\`) {
					t.Errorf("%+v, installed as %q", m, p.file(i, b.goos))
				}
				if i == 0 && !strings.Contains(path.Base(m.path), "onnxruntime") {
					t.Errorf("%s: the first member is no ONNX Runtime", m.path)
				}
			}
		}
	}
	for _, platform := range []string{"linux/amd64", "linux/arm64", "darwin/arm64", "windows/amd64"} {
		if !have[platform] {
			t.Errorf("nothing is pinned for %s", platform)
		}
	}
}

// What a person has installed, in the way the README says, is one of the pinned ones.
func TestOriginOfInstalled(t *testing.T) {
	folder, err := Folder()
	if err != nil {
		t.Skip(err)
	}
	goos, _ := host()
	library := filepath.Join(folder, installedName(goos))
	if _, err := os.Stat(library); err != nil {
		t.Skipf("nothing is installed: %v", err)
	}
	if err := Check(library); err != nil {
		t.Error(err)
	}
	if _, err := Origin(library); err != nil {
		t.Error(err)
	}
}
