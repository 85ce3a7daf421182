//go:build cgo

package ort

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	onnxruntime "github.com/yalue/onnxruntime_go"

	"github.com/ildc/ildc/distill/engine"
)

// provider is one of ONNX Runtime's execution providers.
type provider struct {
	device string // the name on the command line
	// add puts it before the CPU in a session's list. index is "" or which device of its kind.
	add func(o *onnxruntime.SessionOptions, index string, options map[string]string) error
	// deterministic are the options under which the same inputs give the same bytes; nil where no options promise that.
	deterministic map[string]string
}

var providers = []provider{
	{device: "cpu", add: addCPU, deterministic: map[string]string{}},
	// The heuristic choice of a convolution algorithm depends on the shapes alone; the exhaustive one, ONNX Runtime's default, on timings.
	{device: "cuda", add: addCUDA, deterministic: map[string]string{"cudnn_conv_algo_search": "HEURISTIC", "use_tf32": "0"}},
	{device: "tensorrt", add: addTensorRT},
	{device: "webgpu", add: func(o *onnxruntime.SessionOptions, index string, options map[string]string) error {
		return o.AppendExecutionProvider("WebGPU", with(options, "deviceId", index))
	}},
	{device: "coreml", add: func(o *onnxruntime.SessionOptions, index string, options map[string]string) error {
		if index != "" {
			return errors.New("it has no devices to choose from")
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

func addCUDA(o *onnxruntime.SessionOptions, index string, options map[string]string) error {
	c, err := onnxruntime.NewCUDAProviderOptions()
	if err != nil {
		return err
	}
	defer c.Destroy()
	if options = with(options, "device_id", index); len(options) > 0 {
		if err := c.Update(options); err != nil {
			return err
		}
	}
	return o.AppendExecutionProviderCUDA(c)
}

func addTensorRT(o *onnxruntime.SessionOptions, index string, options map[string]string) error {
	c, err := onnxruntime.NewTensorRTProviderOptions()
	if err != nil {
		return err
	}
	defer c.Destroy()
	if options = with(options, "device_id", index); len(options) > 0 {
		if err := c.Update(options); err != nil {
			return err
		}
	}
	return o.AppendExecutionProviderTensorRT(c)
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

// Providers lists the devices whose execution provider the library has, "cpu" first. That does not mean that the machine has the device.
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
	name, index, _ := strings.Cut(o.Device, ":")
	if name == "" {
		name = "cpu"
	}
	if _, err := strconv.ParseUint(index, 10, 16); err != nil && strings.Contains(o.Device, ":") {
		return fmt.Errorf("device %q: want a number after the colon", o.Device)
	}
	i := slices.IndexFunc(providers, func(p provider) bool { return p.device == name })
	if i < 0 {
		var names []string
		for _, p := range providers {
			names = append(names, p.device)
		}
		return fmt.Errorf("device %q: %w; the devices are %s", o.Device, engine.ErrUnsupported, strings.Join(names, ", "))
	}
	options := o.DeviceOptions
	if o.Deterministic {
		for name, value := range providers[i].deterministic {
			options = with(options, name, value)
		}
	}
	if err := providers[i].add(s, index, options); err != nil {
		return fmt.Errorf("device %q: %w by this library: %w (`ildc runtime` lists what it has)", o.Device, engine.ErrUnsupported, err)
	}
	return nil
}

// CheckDevice says why no session can be made on the device that the options name; nil where one can.
func (*Engine) CheckDevice(o engine.Options) error {
	s, err := onnxruntime.NewSessionOptions()
	if err != nil {
		return fmt.Errorf("ort: %w", err)
	}
	defer s.Destroy()
	if err := addDevice(s, o); err != nil {
		return fmt.Errorf("ort: %w", err)
	}
	return nil
}

// onCPU says whether steps run on the processor.
func onCPU(o engine.Options) bool { return o.Device == "" || o.Device == "cpu" }
