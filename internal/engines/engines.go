package engines

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/ildc/ildc/distill/engine"
	"github.com/ildc/ildc/distill/engine/embedded"
	"github.com/ildc/ildc/distill/engine/ort"
	"github.com/ildc/ildc/distill/engine/ort/library"
	"github.com/ildc/ildc/internal/setting"
)

// Choice says which engine is wanted. The zero value takes the best that there is.
type Choice struct {
	Name    string // "auto", "embedded" or "ort"; "" is auto: ONNX Runtime where there is one, else the embedded engine
	Library string // ONNX Runtime's shared library; "": see [library.Find]

	// What steps will run on, as in [engine.Options]. All but the CPU are ONNX Runtime's.
	Device        string
	DeviceOptions map[string]string
}

// Errors of [Open]. Where an engine that exists cannot be had, they wrap library.ErrNotFound or ort.ErrUnavailable.
var (
	ErrNoEngine = errors.New("there is no such engine")
	ErrNoDevice = errors.New("there is no such device")
)

// Devices lists the kinds of device that steps can run on. Which of them an ONNX Runtime has, its Providers tell.
func Devices() []string {
	return []string{"cpu", "cuda", "tensorrt", "webgpu", "coreml", "directml", "openvino"}
}

// Open gives an engine, and one line that explains the choice. Where ONNX Runtime cannot be had, "auto" takes the
// embedded engine and the line says why; where it was asked for, by its name or by a device that only it has, that is
// an error.
func Open(c Choice) (engine.Engine, string, error) {
	kind, err := deviceKind(c.Device)
	if err != nil {
		return nil, "", err
	}
	if kind == "cpu" && (strings.Contains(c.Device, ":") || len(c.DeviceOptions) > 0) {
		return nil, "", fmt.Errorf("ildc: device %q: %w: the CPU is one, and takes no options", c.Device, ErrNoDevice)
	}
	switch c.Name {
	case "", "auto", "ort": // ONNX Runtime, if it can be had
	case "embedded":
		if kind != "cpu" {
			err := fmt.Errorf("ildc: device %q: the embedded engine runs on the CPU only; ort has others", c.Device)
			return nil, "", setting.Mends(err, "Name")
		}
		e := embedded.New()
		return e, fmt.Sprintf("engine embedded: %s, as asked", e.Version()), nil
	default:
		return nil, "", fmt.Errorf("ildc: engine %q: %w: there are auto, embedded and ort", c.Name, ErrNoEngine)
	}
	e, source, err := openRuntime(c.Library)
	switch {
	case err != nil && c.Name == "ort":
		return nil, "", fmt.Errorf("ildc: engine ort: %w", err)
	case err != nil && kind != "cpu":
		return nil, "", fmt.Errorf("ildc: device %q needs ONNX Runtime: %w", c.Device, err)
	case err != nil:
		return embedded.New(), "engine embedded: " + c.why(err), nil
	}
	if err := e.CheckDevice(engine.Options{Device: c.Device, DeviceOptions: c.DeviceOptions}); err != nil {
		return nil, "", fmt.Errorf("ildc: ONNX Runtime %s, %s: %w", e.Release(), source, err)
	}
	return e, fmt.Sprintf("engine ort: ONNX Runtime %s (%s), %s", e.Release(), kind, source), nil
}

// openRuntime finds ONNX Runtime and loads it, and says where it is from.
func openRuntime(path string) (*ort.Engine, string, error) {
	if err := ort.Loadable(); err != nil {
		return nil, "", err
	}
	found, err := library.Find(path)
	if err != nil {
		if path == "" { // the host process may have loaded one
			if e, hosted := ort.New(""); hosted == nil {
				return e, "loaded by this process", nil
			}
		}
		return nil, "", err
	}
	e, err := ort.New(found.Path)
	if err != nil {
		return nil, "", fmt.Errorf("%s: %w", found.Source, err)
	}
	return e, fmt.Sprintf("found by %s: %s", found.Source, found.Path), nil
}

// why says in one line why ONNX Runtime cannot be had.
func (c Choice) why(err error) string {
	if errors.Is(err, library.ErrNotFound) && c.Library == "" && os.Getenv(library.Environment) == "" {
		return "no ONNX Runtime found"
	}
	return strings.Join(strings.Fields(err.Error()), " ")
}

// deviceKind checks a device, such as "cuda:1", and gives its kind.
func deviceKind(device string) (string, error) {
	kind, index, indexed := strings.Cut(device, ":")
	if kind == "" && !indexed {
		return "cpu", nil
	}
	if _, err := strconv.ParseUint(index, 10, 16); indexed && err != nil || !slices.Contains(Devices(), kind) {
		return "", fmt.Errorf("ildc: device %q: %w: want one of %s, and :N for the N-th beyond the first",
			device, ErrNoDevice, strings.Join(Devices(), ", "))
	}
	return kind, nil
}
