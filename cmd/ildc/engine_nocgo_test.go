//go:build !cgo

package main

import (
	"path/filepath"
	"strings"
	"testing"
)

// A build without cgo has the embedded engine, and says why it has no other.
func TestWithoutCgo(t *testing.T) {
	for _, c := range []struct {
		name string
		args []string
		code int
		says string
	}{
		{"auto", []string{"--engine", "auto"}, exitDone, "ildc: engine embedded: "},
		{"asked for", []string{"--engine", "ort"}, exitFailed, "engine ort: "},
		{"a device", []string{"--device", "cuda"}, exitFailed, `device "cuda" needs ONNX Runtime`},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := command("", append([]string{"golden", "record", digits, filepath.Join(t.TempDir(), "cases")}, c.args...)...)
			if r.code != c.code || !strings.Contains(r.errors, c.says) || !strings.Contains(r.errors, "built without cgo") {
				t.Errorf("exit code %d, want %d, and to be told %q:\n%s", r.code, c.code, c.says, r.errors)
			}
		})
	}
}
