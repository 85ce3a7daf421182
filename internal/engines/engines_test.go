package engines_test

import (
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/ildc/ildc/distill/engine"
	"github.com/ildc/ildc/distill/engine/ort"
	"github.com/ildc/ildc/distill/engine/ort/library"
	"github.com/ildc/ildc/internal/engines"
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
			e, line, err := engines.Open(engines.Choice{Name: "auto", Library: path})
			if err != nil || e.Name() != "embedded" {
				t.Fatalf("auto: %v", err)
			}
			if !strings.HasPrefix(line, "engine embedded: ") || !strings.Contains(line, path) || strings.Contains(line, "\n") {
				t.Errorf("auto says: %s", line)
			}
			_, _, err = engines.Open(engines.Choice{Name: "ort", Library: path})
			if err == nil || !strings.Contains(err.Error(), path) {
				t.Errorf("ort: %v", err)
			}
			if what == "missing" && !errors.Is(err, library.ErrNotFound) {
				t.Errorf("ort: %v, want library.ErrNotFound", err)
			}
			if _, _, err := engines.Open(engines.Choice{Device: "cuda", Library: path}); err == nil || !strings.Contains(err.Error(), `device "cuda" needs ONNX Runtime`) {
				t.Errorf("a device: %v", err)
			}
		})
	}
}

func TestOpenEngineRefuses(t *testing.T) {
	for _, c := range []struct {
		name   string
		choice engines.Choice
		is     error // nil: any
		says   string
	}{
		{"an unknown engine", engines.Choice{Name: "warp"}, engines.ErrNoEngine, "warp"},
		{"an unknown device", engines.Choice{Device: "gpu"}, engines.ErrNoDevice, "directml"},
		{"a device of no number", engines.Choice{Device: "cuda:first"}, engines.ErrNoDevice, "first"},
		{"a number of no device", engines.Choice{Device: ":1"}, engines.ErrNoDevice, ":1"},
		{"a second CPU", engines.Choice{Name: "embedded", Device: "cpu:1"}, engines.ErrNoDevice, "the CPU is one"},
		{"options of the CPU", engines.Choice{Name: "embedded", DeviceOptions: map[string]string{"a": "b"}}, engines.ErrNoDevice, "options"},
		{"a device that the embedded engine lacks", engines.Choice{Name: "embedded", Device: "cuda:1"}, nil, "CPU only"},
	} {
		t.Run(c.name, func(t *testing.T) {
			e, _, err := engines.Open(c.choice)
			if e != nil || err == nil || c.is != nil && !errors.Is(err, c.is) || !strings.Contains(err.Error(), c.says) {
				t.Errorf("%v, %v", e, err)
			}
		})
	}
}

func TestOpenEngine(t *testing.T) {
	e, line, err := engines.Open(engines.Choice{Name: "embedded", Device: "cpu"})
	if err != nil || e.Name() != "embedded" || !strings.HasPrefix(line, "engine embedded: ") {
		t.Errorf("%v, %q, %v", e, line, err)
	}
	fast := openORT(t)
	for _, name := range []string{"", "auto", "ort"} {
		e, line, err := engines.Open(engines.Choice{Name: name, Device: "cpu"})
		if err != nil || e.Name() != "ort" || !strings.HasPrefix(line, "engine ort: ONNX Runtime 1.") || strings.Contains(line, "\n") {
			t.Errorf("%q: %v, %q, %v", name, e, line, err)
		}
	}
	for _, device := range engines.Devices() {
		has := fast.CheckDevice(engine.Options{Device: device}) == nil
		_, _, err := engines.Open(engines.Choice{Device: device})
		if has != (err == nil) || err != nil && (!errors.Is(err, engine.ErrUnsupported) || !strings.Contains(err.Error(), device)) {
			t.Errorf("%s, which is there: %v: %v", device, has, err)
		}
	}
}

// openORT gives ONNX Runtime, or skips the test where there is none.
func openORT(t *testing.T) *ort.Engine {
	t.Helper()
	e, _, err := engines.Open(engines.Choice{Name: "ort"})
	if err != nil {
		t.Skip(err)
	}
	return e.(*ort.Engine)
}
