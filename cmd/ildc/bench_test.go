package main

import (
	"context"
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"
)

const folded = "../../testdata/digits/teacher_folded.onnx"

// benched runs bench with --json.
func benched(t *testing.T, args ...string) benchmarks {
	t.Helper()
	r := command("", append([]string{"bench", "--json"}, args...)...)
	if r.code != exitDone {
		t.Fatalf("exit code %d: %s", r.code, r.errors)
	}
	var b benchmarks
	if err := json.Unmarshal([]byte(r.out), &b); err != nil {
		t.Fatalf("%v: %s", err, r.out)
	}
	return b
}

func TestBenchModels(t *testing.T) {
	t.Setenv(asCommand, "1") // for the processes that measure
	b := benched(t, digits, folded, "--engine", "embedded", "--batch", "4", "--steps", "5", "--threads", "1")
	if b.Schema != 1 || len(b.Benchmarks) != 2 {
		t.Fatalf("%+v", b)
	}
	for i, model := range []string{digits, folded} {
		m := b.Benchmarks[i]
		if m.Model != model || m.Engine != "embedded" || m.Batch != 4 || m.Steps != 5 || m.Threads != 1 ||
			m.Training || !(m.P50 > 0) {
			t.Errorf("%+v", m)
		}
		if runtime.GOOS == "linux" && m.Memory.Peak == 0 {
			t.Errorf("memory %+v", m.Memory)
		}
	}
	r := command("", "bench", digits, "--engine", "embedded", "--steps", "5")
	lines := strings.Split(strings.TrimSpace(r.out), "\n")
	if r.code != exitDone || len(lines) != 2 || !strings.Contains(lines[1], "embedded") {
		t.Errorf("exit code %d: %s%s", r.code, r.out, r.errors)
	}
}

func TestBenchTraining(t *testing.T) {
	student := filepath.Join(t.TempDir(), "student.onnx")
	b := benched(t, small, "--train", "--engine", "embedded", "--data", digitsData, "--scale", "1/16", "--batch", "16",
		"--steps", "10", "--losses", "kd,hint", "-o", student)
	m := b.Benchmarks[0]
	if !m.Training || m.Batch != 16 || m.Steps != 10 || len(m.Losses) != 2 || len(m.First) != 3 || len(m.Last) != 3 ||
		m.Sides.Student.MACs*2 > m.Sides.Teacher.MACs {
		t.Errorf("%+v", m)
	}
	if r := command("", "inspect", student); r.code != exitDone || !strings.Contains(r.out, "BatchNormalization") {
		t.Errorf("the student that was written: exit code %d: %s%s", r.code, r.out, r.errors)
	}
	again := benched(t, small, "--train", "--engine", "embedded", "--student", student, "--batch", "16",
		"--steps", "1", "--losses", "kd")
	if s := again.Benchmarks[0].Sides.Student; s.MACs != m.Sides.Student.MACs {
		t.Errorf("a student of %d MACs from a file of one with %d", s.MACs, m.Sides.Student.MACs)
	}
}

func TestBenchExitCodes(t *testing.T) {
	t.Setenv(asCommand, "1")
	for _, c := range []struct {
		name string
		args []string
		code int
		says string
	}{
		{"no model", nil, exitUsage, "MODEL.onnx"},
		{"stdin", []string{"-"}, exitUsage, "stdin"},
		{"a negative batch", []string{digits, "--batch", "-1"}, exitUsage, "negative"},
		{"an output of inference", []string{digits, "-o", "x.onnx"}, exitUsage, "-o"},
		{"an output of two teachers", []string{digits, folded, "--train", "-o", "x.onnx"}, exitUsage, "-o"},
		{"an unknown engine", []string{digits, "--engine", "warp"}, exitUsage, "warp"},
		{"an unknown loss", []string{digits, "--engine", "embedded", "--train", "--losses", "magic"}, exitUsage, "magic"},
		{"no size", []string{digits, "--engine", "embedded", "--train", "--memory", "much"}, exitUsage, "8GB"},
		{"no such file", []string{"nowhere.onnx", "--engine", "embedded"}, exitFailed, "nowhere.onnx"},
		{"no such file among others", []string{digits, "nowhere.onnx", "--engine", "embedded", "--steps", "1"},
			exitFailed, "nowhere.onnx"},
		{"too little memory, forced", []string{digits, "--engine", "embedded", "--train", "--memory", "1MB", "--force",
			"--batch", "8", "--steps", "1"}, exitDone, "more memory than there is"},
		{"unknown ops", []string{fixtures + "unknown_domain/model.onnx", "--engine", "embedded", "--train"},
			exitDeclined, "com.example"},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := command("", append([]string{"bench"}, c.args...)...)
			if r.code != c.code || !strings.Contains(r.errors, c.says) {
				t.Errorf("exit code %d, want %d; stderr should say %q and says:\n%s", r.code, c.code, c.says, r.errors)
			}
			if _, err := os.Stat("x.onnx"); err == nil {
				t.Error("wrote x.onnx")
			}
		})
	}
}

// Cancelling ends the process that measures, too.
func TestBenchCancelled(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("a process cannot be sent an interrupt")
	}
	t.Setenv(asCommand, "1")
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	time.AfterFunc(300*time.Millisecond, cancel)
	args := []string{"bench", digits, folded, "--engine", "embedded", "--time", "1h"}
	if code := run(ctx, args, strings.NewReader(""), io.Discard, io.Discard); code != exitInterrupted {
		t.Errorf("exit code %d", code)
	}
}
