//go:build unix

package main

import (
	"github.com/ildc/ildc/internal/shared"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// smallDisk lets the test binary, standing in for the command, write no more than 4 kB to a file, which fails as a
// full disk does: in the middle of writing.
const smallDisk = "ILDC_TEST_SMALL_DISK"

func init() {
	if os.Getenv(smallDisk) == "" {
		return
	}
	signal.Ignore(syscall.SIGXFSZ)
	limit := syscall.Rlimit{Cur: 4 << 10, Max: 4 << 10}
	if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &limit); err != nil {
		panic(err)
	}
}

func TestFullDisk(t *testing.T) {
	shared.Long(t)
	for _, c := range []struct {
		name string
		more []string
	}{
		{"the student", nil},
		{"a checkpoint", []string{"--checkpoint-every", "1", "--checkpoint"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			args := compressArgs(filepath.Join(dir, "student.onnx"), c.more...)
			if c.more != nil {
				args = append(args, dir)
			}
			cmd := process(t, args...)
			cmd.Env = append(cmd.Env, smallDisk+"=1")
			out, err := cmd.CombinedOutput()
			exit, ok := err.(*exec.ExitError)
			if !ok || exit.ExitCode() != exitFailed || !strings.Contains(string(out), syscall.EFBIG.Error()) {
				t.Errorf("%v: %s", err, out)
			}
			if left, err := os.ReadDir(dir); err != nil || len(left) != 0 {
				t.Errorf("left behind: %v, %v", left, err)
			}
		})
	}
}
