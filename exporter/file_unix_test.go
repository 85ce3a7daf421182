//go:build unix

package exporter_test

import (
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/ildc/ildc/exporter"
)

// TestDiskFull exports in a process that may write 4 kB per file, which fails as a full disk does: in the middle of
// writing.
func TestDiskFull(t *testing.T) {
	const folder = "ILDC_TEST_DISK_FULL"
	if dir := os.Getenv(folder); dir != "" {
		signal.Ignore(syscall.SIGXFSZ)
		g := importFile(t, "../testdata/onnx/residual_bn/model.onnx")
		var before syscall.Rlimit
		if err := syscall.Getrlimit(syscall.RLIMIT_FSIZE, &before); err != nil {
			t.Fatal(err)
		}
		full := before
		full.Cur = 4096
		if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &full); err != nil {
			t.Fatal(err)
		}
		defer syscall.Setrlimit(syscall.RLIMIT_FSIZE, &before)
		for _, external := range []bool{false, true} {
			if err := exporter.File(filepath.Join(dir, "m.onnx"), g, exporter.Options{External: external}); err == nil {
				t.Errorf("external %v: it is written", external)
			} else if !strings.Contains(err.Error(), syscall.EFBIG.Error()) {
				t.Errorf("external %v: error %v, want %v", external, err, syscall.EFBIG)
			}
		}
		return
	}
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "m.onnx"), []byte("old"), 0o666); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(os.Args[0], "-test.run=^TestDiskFull$")
	cmd.Env = append(os.Environ(), folder+"="+dir)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	if got, want := contents(t, dir), []string{"m.onnx"}; !slices.Equal(got, want) {
		t.Errorf("the folder has %q, want %q", got, want)
	}
	if old, err := os.ReadFile(filepath.Join(dir, "m.onnx")); err != nil || string(old) != "old" {
		t.Errorf("the old file holds %q, %v", old, err)
	}
}
