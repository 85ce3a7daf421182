package main

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/ildc/ildc"
	"github.com/ildc/ildc/distill/engine/ort"
	"github.com/ildc/ildc/distill/engine/ort/library"
	"github.com/ildc/ildc/internal/shared"
)

const (
	digits     = "../../testdata/digits/teacher.onnx"
	small      = "../../testdata/digits/small.onnx" // a twentieth of it, its student, which is quickly compressed
	digitsData = "../../testdata/digits/data"
	fixtures   = "../../testdata/onnx/"
)

// The test binary stands in for the command where a process is needed: it runs the command line when this is set.
const asCommand = "ILDC_TEST_AS_COMMAND"

func TestMain(m *testing.M) {
	if os.Getenv(asCommand) != "" {
		main()
	}
	os.Exit(m.Run())
}

// result is what a command line has done.
type result struct {
	code        int
	out, errors string
}

func command(stdin string, args ...string) result {
	var out, errs bytes.Buffer
	code := run(context.Background(), args, strings.NewReader(stdin), &out, &errs)
	return result{code, out.String(), errs.String()}
}

// compressArgs is a short run on the digits.
func compressArgs(output string, more ...string) []string {
	return append([]string{"compress", small, "--data", digitsData, "--scale", "1/16", "--steps", "12",
		"--eval-every", "6", "--progress", "none", "-o", output}, more...)
}

// eachEngine runs a test on every engine, by its name; on one that this machine does not have it is skipped.
func eachEngine(t *testing.T, f func(t *testing.T, engine string)) {
	for _, name := range []string{"embedded", "ort"} {
		t.Run(name, func(t *testing.T) {
			if name == "ort" {
				withORT(t)
			}
			f(t, name)
		})
	}
}

// withORT skips a test where there is no ONNX Runtime.
func withORT(t *testing.T) {
	t.Helper()
	if _, _, err := ildc.OpenEngine(ildc.EngineChoice{Name: "ort"}); err != nil {
		t.Skip(err)
	}
}

// versions begin what the engines call their versions.
var versions = map[string]string{"embedded": "embedded ", "ort": "onnxruntime 1."}

func write(t *testing.T, name string, data []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, data, 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

func read(t *testing.T, path string) []byte {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func TestExitCodes(t *testing.T) {
	model := read(t, digits)
	noImages := t.TempDir()
	if err := os.WriteFile(filepath.Join(noImages, "broken.png"), []byte("no picture"), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name string
		args []string
		code int
		says string // on stderr
	}{
		{"help", []string{"help"}, exitDone, ""},
		{"version", []string{"version"}, exitDone, ""},
		{"completion", []string{"completion", "bash"}, exitDone, ""},
		{"plan", []string{"plan", digits}, exitDone, ""},
		{"inspect", []string{"inspect", digits, "--cross-check"}, exitDone, "cross-check"},
		{"match", []string{"match", digits, "../../testdata/digits/teacher_folded.onnx"}, exitDone, ""},
		{"survey", []string{"survey", digits, fixtures + "unknown_domain/model.onnx", "nowhere.onnx"}, exitDone,
			"3 models: 1 plannable, 1 accepted only, 1 declined"},
		{"survey at a budget of nothing known", []string{"survey", digits, "--budget", "speed=2x"}, exitUsage, "speed"},
		{"no such command", []string{"shrink"}, exitUsage, "shrink"},
		{"no such flag", []string{"plan", digits, "--magic"}, exitUsage, "magic"},
		{"no argument", []string{"plan"}, exitUsage, "TEACHER.onnx"},
		{"no data for eval", []string{"eval", digits}, exitUsage, "--data"},
		{"a budget of nothing known", []string{"plan", digits, "--budget", "speed=2x"}, exitUsage, "speed"},
		{"an unknown importance", []string{"plan", digits, "--importance", "luck"}, exitUsage, "luck"},
		{"importance without data", []string{"plan", digits, "--importance", "taylor"}, exitFailed, "needs data"},
		{"a selection of no pairs", []string{"plan", digits, "--pairs", "0"}, exitUsage, "--pairs"},
		{"a latency without a unit", []string{"plan", digits, "--budget", "latency=2"}, exitUsage, "latency"},
		{"weights to end with for a loss that is not there", compressArgs("x", "--losses", "kd", "--final-losses", "hint=1"),
			exitFailed, "hint"},
		{"an unknown loss", compressArgs("x", "--losses", "magic"), exitUsage, "magic"},
		{"an unknown engine", compressArgs("x", "--engine", "warp"), exitUsage, "warp"},
		{"epochs and steps", compressArgs("x", "--epochs", "3"), exitUsage, "exclude"},
		{"no such file", []string{"plan", "nowhere.onnx"}, exitFailed, "nowhere.onnx"},
		{"not a model", []string{"plan", write(t, "x.onnx", []byte("hello"))}, exitFailed, "x.onnx"},
		{"a truncated model", []string{"plan", write(t, "half.onnx", model[:len(model)/2])}, exitFailed, "half.onnx"},
		{"no such data", []string{"eval", digits, "--data", "nowhere"}, exitFailed, "nowhere"},
		{"unreadable images", []string{"eval", digits, "--data", noImages}, exitFailed, "broken.png"},
		{"data that does not fit", []string{"eval", digits, "--data", digitsData, "--resize", "9"}, exitFailed, "9×9"},
		{"an output in no folder", compressArgs("nowhere/x.onnx"), exitFailed, "nowhere"},
		{"a budget out of reach", []string{"plan", digits, "--budget", "macs=10"}, exitNotMet, "smallest reachable"},
		{"accuracy out of reach", []string{"eval", digits, "--data", digitsData, "--scale", "1/16",
			"--min-accuracy", "0.9999"}, exitNotMet, "0.9999"},
		{"unknown ops", []string{"plan", fixtures + "unknown_domain/model.onnx"}, exitDeclined, "com.example"},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := command("", c.args...)
			if r.code != c.code || !strings.Contains(r.errors, c.says) {
				t.Errorf("%v: exit code %d, want %d; stderr should say %q and says:\n%s", c.args, r.code, c.code, c.says, r.errors)
			}
		})
	}
}

func TestCompress(t *testing.T) { eachEngine(t, compressOn) }

func compressOn(t *testing.T, engine string) {
	output := filepath.Join(t.TempDir(), "student.onnx")
	r := command("", compressArgs(output, "--engine", engine, "--json")...)
	if r.code != exitDone {
		t.Fatalf("exit code %d: %s", r.code, r.errors)
	}
	var got struct {
		Schema           int
		Teacher, Student struct {
			Params, MACs, Bytes int64
			Metrics             struct{ Accuracy float64 }
		}
		Budget        struct{ Met bool }
		Engine        string
		Steps         int
		Seconds       float64
		Images        float64 `json:"images_per_second"`
		Pairs, Losses []any
		Met           bool
	}
	if err := json.Unmarshal([]byte(r.out), &got); err != nil {
		t.Fatal(err)
	}
	s := got.Student
	if got.Schema != 1 || !got.Met || !got.Budget.Met || got.Steps != 12 || len(got.Pairs) == 0 || len(got.Losses) == 0 ||
		!strings.HasPrefix(got.Engine, versions[engine]) || got.Images <= 0 {
		t.Errorf("got %+v", got)
	}
	if s.MACs*2 > got.Teacher.MACs || s.Params >= got.Teacher.Params || s.Bytes != int64(len(read(t, output))) ||
		s.Metrics.Accuracy < 0.8 { // 0.836 was measured
		t.Errorf("student %+v of teacher %+v", s, got.Teacher)
	}
	r = command("", compressArgs(output, "--engine", engine)...)
	if r.code != exitFailed || !strings.Contains(r.errors, "exists") {
		t.Errorf("an existing output: exit code %d: %s", r.code, r.errors)
	}
	before := read(t, output)
	r = command("", compressArgs(output, "--engine", engine, "--overwrite")...)
	if r.code != exitDone || !strings.Contains(r.out, "test accuracy") {
		t.Errorf("with --overwrite: exit code %d: %s", r.code, r.errors)
	}
	if !bytes.Equal(before, read(t, output)) {
		t.Error("the same seed gives other bytes")
	}
	left, err := os.ReadDir(filepath.Dir(output))
	if err != nil || len(left) != 1 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

// The versions are those that determinism is scoped to, of the engines that there are.
func TestVersion(t *testing.T) {
	r := command("", "version")
	for _, name := range []string{"embedded", "ort"} {
		want := "\nengine " + name + ": "
		if e, _, err := ildc.OpenEngine(ildc.EngineChoice{Name: name}); err == nil {
			want += e.Version() + "\n"
		}
		if r.code != exitDone || !strings.Contains(r.out, want) {
			t.Errorf("exit code %d, want %q: %s%s", r.code, want, r.out, r.errors)
		}
	}
	without := process(t, "version") // in a process that has loaded none
	without.Env = append(without.Env, library.Environment+"=nowhere.so")
	out, err := without.Output()
	why := string(out)
	if err != nil || !strings.Contains(why, "\nengine ort: ") ||
		strings.Contains(why, "nowhere.so") != (ort.Loadable() == nil) {
		t.Errorf("without ONNX Runtime: %v: %s", err, why)
	}
}

func TestStdinStdout(t *testing.T) {
	r := command(string(read(t, small)), "compress", "-", "--data", digitsData, "--scale", "1/16",
		"--steps", "1", "--progress", "none", "-o", "-")
	if r.code != exitDone {
		t.Fatalf("exit code %d: %s", r.code, r.errors)
	}
	if p := command(r.out, "plan", "-", "--json"); p.code != exitDone || !json.Valid([]byte(p.out)) {
		t.Errorf("the student from stdout: exit code %d: %s", p.code, p.errors)
	}
}

func TestDeclinedAsJSON(t *testing.T) {
	r := command("", "plan", fixtures+"unknown_domain/model.onnx", "--json")
	var got struct {
		Declined []struct{ Node, Op, Why string }
	}
	if err := json.Unmarshal([]byte(r.out), &got); err != nil || len(got.Declined) == 0 || got.Declined[0].Op == "" {
		t.Errorf("%v: %s", err, r.out)
	}
}

func TestGolden(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "cases")
	if r := command("", "golden", "record", digits, dir, "--data", digitsData, "--scale", "1/16"); r.code != exitDone {
		t.Fatalf("record: exit code %d: %s", r.code, r.errors)
	}
	if r := command("", "golden", "check", "../../testdata/digits/teacher_folded.onnx", dir); r.code != exitDone {
		t.Errorf("the folded twin: exit code %d: %s%s", r.code, r.out, r.errors)
	}
	if r := command("", "golden", "check", small, dir, "--json"); r.code != exitNotMet || !json.Valid([]byte(r.out)) {
		t.Errorf("a student: exit code %d: %s", r.code, r.errors)
	}
}

// process starts the command line as a process of its own.
func process(t *testing.T, args ...string) *exec.Cmd {
	t.Helper()
	c := exec.Command(os.Args[0], args...)
	c.Env = append(os.Environ(), asCommand+"=1")
	return c
}

// A run that is killed, or interrupted, and resumed gives the bytes of one that was not.
func TestKilledAndResumed(t *testing.T) {
	shared.Long(t)
	eachEngine(t, killedAndResumedOn)
}

func killedAndResumedOn(t *testing.T, engine string) {
	dir := t.TempDir()
	whole, output := filepath.Join(dir, "whole.onnx"), filepath.Join(dir, "resumed.onnx")
	checkpoint := filepath.Join(dir, "checkpoint")
	long := func(output string, more ...string) []string {
		return append(compressArgs(output, "--engine", engine, "--steps", "120", "--batch", "16",
			"--checkpoint-every", "5", "--json"), more...)
	}
	finish := func(args ...string) {
		t.Helper()
		c := process(t, args...)
		var log bytes.Buffer
		c.Stderr = &log
		out, err := c.Output()
		var got struct{ Engine string }
		if err != nil || json.Unmarshal(out, &got) != nil || !strings.HasPrefix(got.Engine, versions[engine]) {
			t.Fatalf("%v: on engine %q: %s%s", err, got.Engine, out, log.String())
		}
	}
	finish(long(whole)...)
	signals := []os.Signal{syscall.SIGKILL}
	if runtime.GOOS != "windows" {
		signals = append(signals, os.Interrupt)
	}
	for _, signal := range signals {
		os.Remove(output)
		os.RemoveAll(checkpoint)
		c := process(t, long(output, "--checkpoint", checkpoint)...)
		if err := c.Start(); err != nil {
			t.Fatal(err)
		}
		for range 30_000 { // until the first checkpoint is there
			if _, err := os.Stat(filepath.Join(checkpoint, "checkpoint.ildc")); err == nil {
				break
			}
			time.Sleep(time.Millisecond)
		}
		if err := c.Process.Signal(signal); err != nil {
			t.Fatal(err)
		}
		_ = c.Wait()
		if code := c.ProcessState.ExitCode(); signal == os.Interrupt && code != exitInterrupted {
			t.Errorf("%v: exit code %d", signal, code)
		}
		if _, err := os.Stat(output); err == nil {
			t.Fatalf("%v: the run had ended already", signal)
		}
		finish(long(output, "--resume", checkpoint)...)
		if !bytes.Equal(read(t, whole), read(t, output)) {
			t.Errorf("%v: the resumed run gives other bytes", signal)
		}
	}
}
