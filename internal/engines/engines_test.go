package engines

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"

	"github.com/ildc/ildc/distill/engine"
	"github.com/ildc/ildc/distill/engine/ort"
	"github.com/ildc/ildc/distill/engine/ort/library"
)

// brokenLibraries are files that are no ONNX Runtime, each by what is wrong with it.
func brokenLibraries(t *testing.T) map[string]string {
	t.Helper()
	dir := t.TempDir()
	program, err := os.Executable() // of the platform's own format
	if err != nil {
		t.Fatal(err)
	}
	whole, err := os.ReadFile(program)
	if err != nil {
		t.Fatal(err)
	}
	files := map[string]string{"missing": filepath.Join(dir, "nowhere.so"), "a folder": dir}
	for name, data := range map[string][]byte{"truncated": whole[:len(whole)/2], "empty": nil, "text": []byte("hello")} {
		files[name] = filepath.Join(dir, name+".so")
		if err := os.WriteFile(files[name], data, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if runtime.GOOS != "windows" && os.Geteuid() != 0 { // nothing is unreadable for root
		files["unreadable"] = filepath.Join(dir, "unreadable.so")
		if err := os.WriteFile(files["unreadable"], whole, 0); err != nil {
			t.Fatal(err)
		}
	}
	return files
}

func TestOpenEngineWithoutLibrary(t *testing.T) {
	if err := ort.Loadable(); err != nil {
		t.Skip(err)
	}
	for what, path := range brokenLibraries(t) {
		t.Run(what, func(t *testing.T) {
			e, line, err := Open(Choice{Name: "auto", Library: path})
			if err != nil || e.Name() != "embedded" {
				t.Fatalf("auto: %v", err)
			}
			if !strings.HasPrefix(line, "engine embedded: ") || !strings.Contains(line, path) || strings.Contains(line, "\n") {
				t.Errorf("auto says: %s", line)
			}
			_, _, err = Open(Choice{Name: "ort", Library: path})
			if err == nil || !strings.Contains(err.Error(), path) {
				t.Errorf("ort: %v", err)
			}
			if what == "missing" && !errors.Is(err, library.ErrNotFound) {
				t.Errorf("ort: %v, want library.ErrNotFound", err)
			}
			_, _, err = Open(Choice{Device: "cuda", Library: path})
			if err == nil || !strings.Contains(err.Error(), `device "cuda" needs ONNX Runtime`) {
				t.Errorf("a device: %v", err)
			}
		})
	}
}

func TestOpenEngineRefuses(t *testing.T) {
	for _, c := range []struct {
		name   string
		choice Choice
		is     error // nil: any
		says   string
	}{
		{"an unknown engine", Choice{Name: "warp"}, ErrNoEngine, "warp"},
		{"an unknown device", Choice{Device: "gpu"}, ErrNoDevice, "directml"},
		{"a device of no number", Choice{Device: "cuda:first"}, ErrNoDevice, "first"},
		{"a number of no device", Choice{Device: ":1"}, ErrNoDevice, ":1"},
		{"a second CPU", Choice{Name: "embedded", Device: "cpu:1"}, ErrNoDevice, "the CPU is one"},
		{"options of the CPU", Choice{Name: "embedded", DeviceOptions: map[string]string{"a": "b"}},
			ErrNoDevice, "options"},
		{"a device that the embedded engine lacks", Choice{Name: "embedded", Device: "cuda:1"}, nil, "CPU only"},
	} {
		t.Run(c.name, func(t *testing.T) {
			e, _, err := Open(c.choice)
			if e != nil || err == nil || c.is != nil && !errors.Is(err, c.is) || !strings.Contains(err.Error(), c.says) {
				t.Errorf("%v, %v", e, err)
			}
		})
	}
}

func TestOpenEngine(t *testing.T) {
	e, line, err := Open(Choice{Name: "embedded", Device: "cpu"})
	if err != nil || e.Name() != "embedded" || !strings.HasPrefix(line, "engine embedded: ") {
		t.Errorf("%v, %q, %v", e, line, err)
	}
	fast := openORT(t)
	for _, name := range []string{"", "auto", "ort"} {
		e, line, err := Open(Choice{Name: name, Device: "cpu"})
		if err != nil || e.Name() != "ort" {
			t.Fatalf("%q: %v, %v", name, e, err)
		}
		if !strings.HasPrefix(line, "engine ort: ONNX Runtime 1.") || strings.Contains(line, "\n") {
			t.Errorf("%q says: %s", name, line)
		}
	}
	for _, device := range Devices() {
		has := fast.CheckDevice(engine.Options{Device: device}) == nil
		_, _, err := Open(Choice{Device: device})
		refused := errors.Is(err, engine.ErrUnsupported) && strings.Contains(err.Error(), device)
		if has != (err == nil) || err != nil && !refused {
			t.Errorf("%s, which is there: %v: %v", device, has, err)
		}
	}
}

// Without a library anywhere, the one that the process has loaded is taken.
func TestOpenEngineOfTheProcess(t *testing.T) {
	loaded := openORT(t)
	empty := t.TempDir()
	for _, name := range []string{library.Environment, "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH"} {
		t.Setenv(name, "")
	}
	for _, name := range []string{"HOME", "XDG_CACHE_HOME", "LocalAppData"} {
		t.Setenv(name, empty)
	}
	if f, err := library.Find(""); err == nil {
		t.Skipf("there is one in the system's paths: %s", f.Path)
	}
	e, line, err := Open(Choice{})
	if err != nil || e.Version() != loaded.Version() || !strings.HasSuffix(line, ", loaded by this process") {
		t.Errorf("%v, %q, %v", e, line, err)
	}
}

// A build that can load no library has the embedded engine, and says so.
func TestOpenEngineOfAnotherBuild(t *testing.T) {
	if ort.Loadable() == nil {
		t.Skip("this build can load libraries")
	}
	e, line, err := Open(Choice{})
	if err != nil || e.Name() != "embedded" || !strings.Contains(line, "CGO_ENABLED=1") {
		t.Errorf("auto: %v, %q, %v", e, line, err)
	}
	for asked, c := range map[string]Choice{"engine ort": {Name: "ort"}, `device "cuda:1"`: {Device: "cuda:1"}} {
		if _, _, err := Open(c); !errors.Is(err, ort.ErrUnavailable) || !strings.Contains(err.Error(), asked) {
			t.Errorf("%s: %v", asked, err)
		}
	}
}

func TestDeviceKind(t *testing.T) {
	for device, want := range map[string]string{
		"": "cpu", "cpu": "cpu", "cuda": "cuda", "cuda:0": "cuda", "cuda:1": "cuda", "webgpu:65535": "webgpu",
		"cpu:0": "cpu", // which Open refuses
	} {
		if kind, err := deviceKind(device); err != nil || kind != want {
			t.Errorf("%q: %q, %v, want %q", device, kind, err, want)
		}
	}
	for _, device := range []string{
		"gpu", "CUDA", " cuda", "gpu:0", ":", ":0", "cuda:", "cuda:-1", "cuda:+1", "cuda:1.5", "cuda:65536", "cuda:1:2",
	} {
		kind, err := deviceKind(device)
		if !errors.Is(err, ErrNoDevice) || kind != "" || !strings.Contains(err.Error(), strconv.Quote(device)) {
			t.Errorf("%q: %q, %v", device, kind, err)
		}
	}
}

func TestWhy(t *testing.T) {
	missing := fmt.Errorf("library: %w: there is none in\n  /a\n  /b", library.ErrNotFound)
	line := "library: " + library.ErrNotFound.Error() + ": there is none in /a /b"
	broken := errors.New("it is\n  broken")
	for _, c := range []struct {
		name        string
		choice      Choice
		environment string
		err         error
		want        string
	}{
		{"nobody asked for one", Choice{}, "", missing, "no ONNX Runtime found"},
		{"one was given", Choice{Library: "/c"}, "", missing, line},
		{"the environment names one", Choice{}, "/c", missing, line},
		{"there is one that fails", Choice{}, "", broken, "it is broken"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Setenv(library.Environment, c.environment)
			if got := c.choice.why(c.err); got != c.want {
				t.Errorf("%q, want %q", got, c.want)
			}
		})
	}
}

// openORT gives ONNX Runtime, or skips the test where there is none.
func openORT(t *testing.T) *ort.Engine {
	t.Helper()
	e, _, err := Open(Choice{Name: "ort"})
	if err != nil {
		t.Skip(err)
	}
	return e.(*ort.Engine)
}
