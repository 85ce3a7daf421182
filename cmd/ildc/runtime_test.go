package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/ildc/ildc/distill/engine/ort"
	"github.com/ildc/ildc/distill/engine/ort/library"
)

// found is an ONNX Runtime that this machine has; the test is skipped where there is none.
func found(t *testing.T) string {
	t.Helper()
	if err := ort.Loadable(); err != nil {
		t.Skip(err)
	}
	f, err := library.Find("")
	if err != nil {
		t.Skip(err)
	}
	return f.Path
}

func TestRuntime(t *testing.T) {
	path := found(t)
	r := command("", "runtime", "--ort-lib", path, "--json")
	var report runtimeReport
	if err := json.Unmarshal([]byte(r.out), &report); r.code != exitDone || err != nil {
		t.Fatalf("code %d: %s%s", r.code, r.out, r.errors)
	}
	if report.Path != path || report.Source != library.FromPath || report.Version == "" ||
		!slices.Contains(report.Devices, "cpu") {
		t.Errorf("report %+v", report)
	}
	r = command("", "runtime")
	if r.code != exitDone || !strings.Contains(r.out, path) || !strings.Contains(r.out, "cpu") {
		t.Errorf("code %d: %s%s", r.code, r.out, r.errors)
	}
}

// TestRuntimeInstallFromFile installs the library that is there into another folder, where it is then found.
func TestRuntimeInstallFromFile(t *testing.T) {
	path, folder := found(t), t.TempDir()
	r := command("", "runtime", "install", path, "--folder", folder)
	installed := strings.TrimSpace(r.out)
	if r.code != exitDone || filepath.Dir(installed) != folder {
		t.Fatalf("code %d: %s%s", r.code, r.out, r.errors)
	}
	if err := library.Check(installed); err != nil {
		t.Error(err)
	}
}

func TestRuntimeFails(t *testing.T) {
	if err := ort.Loadable(); err != nil {
		t.Skip(err)
	}
	junk := write(t, "libonnxruntime.so", []byte("no library"))
	folder, missing := filepath.Join(t.TempDir(), "none"), filepath.Join(t.TempDir(), "nonesuch.so")
	for name, c := range map[string]struct {
		args []string
		code int
		says string
	}{
		"missing":        {[]string{"runtime", "--ort-lib", missing}, exitFailed, "`ildc runtime install` gets"},
		"no library":     {[]string{"runtime", "--ort-lib", junk}, exitFailed, junk + ": it is"},
		"argument":       {[]string{"runtime", "show"}, exitUsage, "takes 0 arguments"},
		"install what":   {[]string{"runtime", "install", "--from", "pigeon"}, exitUsage, "pigeon"},
		"install twice":  {[]string{"runtime", "install", junk, "--from", "npm"}, exitUsage, "want one of them"},
		"install junk":   {[]string{"runtime", "install", junk, "--folder", folder}, exitFailed, junk},
		"install absent": {[]string{"runtime", "install", junk + ".not", "--folder", folder}, exitFailed, junk + ".not"},
	} {
		t.Run(name, func(t *testing.T) {
			r := command("", c.args...)
			if r.code != c.code || !strings.Contains(r.errors, c.says) {
				t.Errorf("code %d, want %d: %s%s", r.code, c.code, r.out, r.errors)
			}
		})
	}
	if entries, _ := os.ReadDir(folder); len(entries) > 0 {
		t.Errorf("a failed install leaves %v", entries)
	}
}
