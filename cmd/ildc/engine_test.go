//go:build cgo

package main

import (
	"bytes"
	"context"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ildc/ildc"
	"github.com/ildc/ildc/distill/engine"
	"github.com/ildc/ildc/distill/engine/ort"
)

// oldRuntime is a shared library that says it is an ONNX Runtime of long ago, which has none of the interfaces that are
// asked for.
func oldRuntime(t *testing.T) string {
	t.Helper()
	const source = `
		static const char *version(void) { return "1.2.0"; }
		static const void *api(unsigned n) { return 0; }
		static const struct { const void *(*api)(unsigned); const char *(*version)(void); } base = { api, version };
		const void *OrtGetApiBase(void) { return &base; }`
	dir := t.TempDir()
	file, library := filepath.Join(dir, "old.c"), filepath.Join(dir, "libonnxruntime.so")
	if err := os.WriteFile(file, []byte(source), 0o644); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command("cc", "-shared", "-fPIC", "-o", library, file).CombinedOutput(); err != nil {
		t.Skipf("no C compiler to make a library with: %v: %s", err, out)
	}
	return library
}

// unreadable is a file that is there and cannot be read: one that is not allowed to be or, since root may read all, one
// whose device refuses. It is "" where there is neither.
func unreadable(t *testing.T) string {
	t.Helper()
	secret := write(t, "unreadable.so", []byte("hello"))
	if err := os.Chmod(secret, 0); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{secret, "/sys/class/net/lo/speed"} {
		if _, err := os.Stat(path); err == nil {
			if _, err := os.ReadFile(path); err != nil {
				return path
			}
		}
	}
	return ""
}

func TestUnusableLibrary(t *testing.T) {
	missing := filepath.Join(t.TempDir(), "nowhere.so")
	text := write(t, "text.so", []byte("hello"))
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	truncated := write(t, "truncated.so", read(t, program)[:100_000])
	cases := []struct{ name, library, says string }{
		{"missing", missing, missing}, {"no library", text, text}, {"truncated", truncated, truncated},
		{"a folder", t.TempDir(), ""},
	}
	if path := unreadable(t); path != "" {
		cases = append(cases, struct{ name, library, says string }{"unreadable", path, path})
	}
	if runtime.GOOS == "linux" {
		cases = append(cases, struct{ name, library, says string }{"of another version", oldRuntime(t), "1.29"})
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			// In a process of its own, since what a library leaves behind when it fails would be there in the next test.
			for _, e := range []struct {
				args []string
				code int
				says string
			}{
				{[]string{"--engine", "ort"}, exitFailed, "engine ort: "},
				{[]string{"--engine", "auto"}, exitDone, "ildc: engine embedded: "},
				{[]string{"--device", "cuda"}, exitFailed, `device "cuda" needs ONNX Runtime`},
			} {
				cases := filepath.Join(t.TempDir(), "cases")
				cmd := process(t, append([]string{"golden", "record", digits, cases, "--ort-lib", c.library}, e.args...)...)
				output, err := cmd.CombinedOutput()
				out := string(output)
				code := cmd.ProcessState.ExitCode()
				if code != e.code || !strings.Contains(out, e.says) || !strings.Contains(out, c.says) {
					t.Errorf("%v: %v, want exit code %d, and to be told %q and %q:\n%s", e.args, err, e.code, e.says, c.says, out)
				}
			}
		})
	}
}

func TestEngineFlags(t *testing.T) {
	for _, c := range []struct {
		name string
		args []string
		code int
		says string
	}{
		{"an unknown device", []string{"--device", "gpu"}, exitUsage, "directml"},
		{"options of the CPU", []string{"--device-option", "a=b"}, exitUsage, "options"},
		{"no option", []string{"--device-option", "a"}, exitUsage, "key=value"},
		{"a negative number of threads", []string{"--threads", "-1"}, exitUsage, "-1"},
		{"a device that the engine lacks", []string{"--engine", "embedded", "--device", "cuda"}, exitFailed, "CPU only"},
	} {
		t.Run(c.name, func(t *testing.T) {
			for _, line := range [][]string{
				{"bench", digits}, {"eval", digits, "--data", digitsData}, {"golden", "check", digits, "nowhere"},
				compressArgs("x"),
			} {
				r := command("", append(line, c.args...)...)
				if r.code != c.code || !strings.Contains(r.errors, c.says) {
					t.Errorf("%s: exit code %d, want %d; stderr should say %q and says:\n%s",
						line[0], r.code, c.code, c.says, r.errors)
				}
			}
		})
	}
}

// A device that the library or the machine lacks is what is told, and of no op that it would have to run.
func TestDeviceThatIsNotThere(t *testing.T) {
	withORT(t)
	e, _, err := ildc.OpenEngine(ildc.EngineChoice{Name: "ort"})
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	tried := 0
	for _, device := range []string{"cuda", "cuda:1", "webgpu:1", "coreml"} { // no machine has them all
		if e.(*ort.Engine).CheckDevice(engine.Options{Device: device}) == nil {
			continue
		}
		tried++
		for _, line := range [][]string{
			{"bench", digits},
			{"eval", digits, "--data", digitsData},
			{"golden", "record", digits, filepath.Join(dir, "cases")},
			compressArgs(filepath.Join(dir, "student.onnx")),
		} {
			for _, name := range []string{"auto", "ort"} {
				r := command("", append(line, "--engine", name, "--device", device)...)
				if r.code != exitFailed || !strings.Contains(r.errors, `device "`+device+`"`) ||
					!strings.Contains(r.errors, "the library has ") || strings.Contains(r.errors, "node") {
					t.Errorf("%s on %s of engine %s: exit code %d: %s", line[0], device, name, r.code, r.errors)
				}
			}
		}
	}
	if left, err := os.ReadDir(dir); tried == 0 || len(left) > 0 || err != nil {
		t.Errorf("%d devices tried; left behind: %v, %v", tried, left, err)
	}
}

// Either engine records what the other reproduces, and both measure the same.
func TestEitherEngine(t *testing.T) {
	withORT(t)
	dir := t.TempDir()
	accuracies := map[string]string{}
	for _, e := range []struct{ records, checks string }{{"embedded", "ort"}, {"ort", "embedded"}} {
		cases := filepath.Join(dir, e.records)
		r := command("", "golden", "record", digits, cases, "--data", digitsData, "--scale", "1/16", "--batch", "4",
			"--engine", e.records)
		if r.code != exitDone {
			t.Fatalf("%s records: exit code %d: %s", e.records, r.code, r.errors)
		}
		if r := command("", "golden", "check", digits, cases, "--engine", e.checks); r.code != exitDone {
			t.Errorf("%s checks: exit code %d: %s%s", e.checks, r.code, r.out, r.errors)
		}
		r = command("", "eval", digits, "--data", digitsData, "--scale", "1/16", "--engine", e.records)
		if r.code != exitDone {
			t.Errorf("%s measures: exit code %d: %s", e.records, r.code, r.errors)
		}
		accuracies[e.records], _, _ = strings.Cut(r.out, ",")
	}
	if accuracies["ort"] != accuracies["embedded"] {
		t.Errorf("measured %v", accuracies)
	}
	r := command("", "golden", "check", digits, filepath.Join(dir, "ort"), "--engine", "auto")
	if !strings.Contains(r.errors, "ildc: engine ort: ONNX Runtime ") {
		t.Errorf("auto says %q", r.errors)
	}
}

// Without --engine, bench measures each engine that there is.
func TestBenchEngines(t *testing.T) {
	withORT(t)
	t.Setenv(asCommand, "1")
	var engines []string
	for _, m := range benched(t, digits, "--steps", "5").Benchmarks {
		engines = append(engines, m.Engine)
	}
	if want := []string{"embedded", "ort"}; !slices.Equal(engines, want) {
		t.Errorf("engines %v, want %v", engines, want)
	}
	b := benched(t, digits, "--train", "--engine", "ort", "--batch", "32", "--steps", "20",
		"--losses", "kd,hint").Benchmarks[0]
	if b.Engine != "ort" || !strings.HasPrefix(b.Version, "onnxruntime 1.") || !(b.Last["total"] < b.First["total"]) {
		t.Errorf("%+v", b)
	}
}

// The student of either engine is run in ONNX Runtime.
func TestStudentIsVerified(t *testing.T) {
	withORT(t)
	for _, engine := range []string{"embedded", "ort"} {
		r := command("", compressArgs(filepath.Join(t.TempDir(), "student.onnx"), "--engine", engine, "--json")...)
		if r.code != exitDone || !strings.Contains(r.out, `"independent": true`) ||
			!strings.Contains(r.out, `"engine": "onnxruntime 1.`) {
			t.Errorf("trained on %s: exit code %d: %s%s", engine, r.code, r.out, r.errors)
		}
	}
}

// A run that is cancelled in the middle of a step ends promptly, and goes on where it was.
func TestCancelledOnORT(t *testing.T) {
	withORT(t)
	dir := t.TempDir()
	checkpoint, output := filepath.Join(dir, "checkpoint"), filepath.Join(dir, "student.onnx")
	args := compressArgs(output, "--engine", "ort", "--batch", "512", "--steps", "1000", "--progress", "json",
		"--shrink", "width", "--share", "reconstruction", "--losses", "kd,hint")
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	started := func(line string) {
		if strings.Contains(line, `"step":3,`) {
			time.AfterFunc(10*time.Millisecond, cancel) // while the next step runs
		}
	}
	var stderr bytes.Buffer
	args = append(args, "--checkpoint", checkpoint)
	code := run(ctx, args, strings.NewReader(""), io.Discard, io.MultiWriter(&stderr, watcher(started)))
	if code != exitInterrupted || !strings.Contains(stderr.String(), "resume from "+checkpoint) {
		t.Fatalf("exit code %d: %s", code, stderr.String())
	}
	if _, err := os.Stat(output); err == nil {
		t.Error("an output was written")
	}
	ctx, cancel = context.WithCancel(context.Background())
	defer cancel()
	resumed := false
	code = run(ctx, append(args, "--resume", checkpoint), strings.NewReader(""), io.Discard, watcher(func(line string) {
		if strings.Contains(line, `"phase":"training"`) {
			resumed = !strings.Contains(line, `"step":1,`)
			cancel()
		}
	}))
	if code != exitInterrupted || !resumed {
		t.Errorf("resumed: exit code %d, from a later step: %v", code, resumed)
	}
}

// watcher is told what is written.
type watcher func(string)

func (w watcher) Write(p []byte) (int, error) {
	w(string(p))
	return len(p), nil
}
