//go:build cgo

package ort

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	onnxruntime "github.com/yalue/onnxruntime_go"

	"github.com/ildc/ildc/distill/engine"
	"github.com/ildc/ildc/graph"
	"github.com/ildc/ildc/graph/op"
	"github.com/ildc/ildc/internal/setting"
)

// addition puts a provider before the CPU in a session's list. index is "" or which device of its kind.
type addition func(o *onnxruntime.SessionOptions, index string, options map[string]string) error

// provider is one of ONNX Runtime's execution providers.
type provider struct {
	device string // as [engine.Options].Device has it, without a number
	add    addition
	// deterministic are the options that keep the choice of an algorithm from depending on timings; nil where a device
	// has no such options, and [engine.Options].Deterministic changes nothing.
	deterministic map[string]string
}

var (
	cuda     = nvidia(onnxruntime.NewCUDAProviderOptions, (*onnxruntime.SessionOptions).AppendExecutionProviderCUDA)
	tensorRT = nvidia(onnxruntime.NewTensorRTProviderOptions,
		(*onnxruntime.SessionOptions).AppendExecutionProviderTensorRT)
)

var providers = []provider{
	{device: "cpu", add: addCPU, deterministic: map[string]string{}},
	// The heuristic choice of a convolution algorithm depends on the shapes alone; the exhaustive one, ONNX Runtime's
	// default, on timings.
	{device: "cuda", add: cuda, deterministic: map[string]string{"cudnn_conv_algo_search": "HEURISTIC", "use_tf32": "0"}},
	{device: "tensorrt", add: tensorRT},
	{device: "webgpu", add: func(o *onnxruntime.SessionOptions, index string, options map[string]string) error {
		// The provider's option deviceId names no adapter, but a context that the host process has made.
		if err := checkFirst(index); err != nil {
			return err
		}
		return o.AppendExecutionProvider("WebGPU", options)
	}},
	{device: "coreml", add: func(o *onnxruntime.SessionOptions, index string, options map[string]string) error {
		if err := checkFirst(index); err != nil {
			return err
		}
		return o.AppendExecutionProviderCoreMLV2(options)
	}},
	{device: "directml", add: func(o *onnxruntime.SessionOptions, index string, options map[string]string) error {
		if len(options) > 0 {
			return errors.New("it takes no options")
		}
		id, _ := strconv.Atoi(index)
		return o.AppendExecutionProviderDirectML(id)
	}},
	{device: "openvino", add: func(o *onnxruntime.SessionOptions, index string, options map[string]string) error {
		if index != "" {
			index = "GPU." + index
		}
		return o.AppendExecutionProviderOpenVINO(with(options, "device_type", index))
	}},
}

func addCPU(_ *onnxruntime.SessionOptions, index string, options map[string]string) error {
	if index != "" || len(options) > 0 {
		return errors.New("it has one device, which takes no options")
	}
	return nil
}

// checkFirst refuses all but the first device of a kind, for providers that take one themselves.
func checkFirst(index string) error {
	if n, _ := strconv.Atoi(index); n > 0 {
		return errors.New("which one of several is taken cannot be chosen: leave the number out")
	}
	return nil
}

// nvidia makes the options of a provider by NVIDIA, which both have a device_id, and adds it to a session with them.
func nvidia[C interface {
	Update(map[string]string) error
	Destroy() error
}](create func() (C, error), add func(*onnxruntime.SessionOptions, C) error) addition {
	return func(o *onnxruntime.SessionOptions, index string, options map[string]string) error {
		c, err := create()
		if err != nil {
			return err
		}
		defer c.Destroy()
		if options = with(options, "device_id", index); len(options) > 0 {
			if err := c.Update(options); err != nil {
				return err
			}
		}
		return add(o, c)
	}
}

// with adds an option that has a value and is not given.
func with(options map[string]string, name, value string) map[string]string {
	if _, given := options[name]; given || value == "" {
		return options
	}
	added := map[string]string{name: value}
	maps.Copy(added, options)
	return added
}

// Providers lists the devices whose execution provider the library has, "cpu" first. That does not mean that the
// machine has the device.
func (*Engine) Providers() []string {
	var names []string
	for _, p := range providers {
		o, err := onnxruntime.NewSessionOptions()
		if err != nil {
			return names
		}
		if p.add(o, "", nil) == nil {
			names = append(names, p.device)
		}
		o.Destroy()
	}
	return names
}

// addDevice makes a session run on the device that the options name.
func addDevice(s *onnxruntime.SessionOptions, o engine.Options) error {
	name, index, indexed := strings.Cut(o.Device, ":")
	if name == "" {
		name = "cpu"
	}
	if _, err := strconv.ParseUint(index, 10, 16); err != nil && indexed {
		return errors.New("want a number after the colon")
	}
	i := slices.IndexFunc(providers, func(p provider) bool { return p.device == name })
	if i < 0 {
		var names []string
		for _, p := range providers {
			names = append(names, p.device)
		}
		return fmt.Errorf("the devices are %s", strings.Join(names, ", "))
	}
	options := o.DeviceOptions
	if o.Deterministic {
		for name, value := range providers[i].deterministic {
			options = with(options, name, value)
		}
	}
	return providers[i].add(s, index, options)
}

// tryDevice says why the smallest of sessions cannot be made on the device that the options name; nil where it can.
// It is made, since many a library has the provider of a device that the machine lacks.
func tryDevice(o engine.Options) error {
	g := graph.New("device")
	g.Opsets[""] = op.Opset
	b := op.NewBuilder(g)
	b.Output(b.Op("Identity", nil, b.Input("x", graph.Float32, graph.Dims(1))))
	if err := b.Err(); err != nil {
		return err
	}
	s, err := newSession(g, o)
	if err != nil {
		err = fmt.Errorf("device %q: %w here: %w; the library has %s",
			cmp.Or(o.Device, "cpu"), engine.ErrUnsupported, err, strings.Join((*Engine)(nil).Providers(), ", "))
		return setting.Mends(err, "Device")
	}
	return s.Destroy()
}

// CheckDevice says why no session can be made on the device that the options name; nil where one can.
func (*Engine) CheckDevice(o engine.Options) error {
	if err := tryDevice(o); err != nil {
		return fmt.Errorf("ort: %w", err)
	}
	return nil
}

// onCPU says whether steps run on the processor.
func onCPU(o engine.Options) bool { return o.Device == "" || o.Device == "cpu" }
