package main

import (
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/pflag"

	"github.com/ildc/ildc"
	"github.com/ildc/ildc/distill/engine"
	"github.com/ildc/ildc/distill/engine/ort"
)

// engineFlags choose the engine.
type engineFlags struct {
	choice  ildc.EngineChoice
	threads int
}

func (e *engineFlags) register(f *pflag.FlagSet) {
	f.StringVar(&e.choice.Name, "engine", "auto",
		"auto, embedded, or ort, which is ONNX Runtime (auto: ort where it is found)")
	f.StringVar(&e.choice.Library, "ort-lib", "",
		"ONNX Runtime's shared library (default: $ILDC_ORT_LIB, what `ildc runtime install` got, or the system's)")
	f.StringVar(&e.choice.Device, "device", "", "what to run on, with :N for one of several: "+
		strings.Join(ildc.Devices(), ", ")+" (default cpu; only there does a seed fix all bytes)")
	f.StringToStringVar(&e.choice.DeviceOptions, "device-option", nil,
		"option of the device's execution provider, as key=value")
	f.IntVar(&e.threads, "threads", 0, "threads of the engine (default: one per core)")
}

// open opens the engine. say is told what auto has taken, and why.
func (e *engineFlags) open(say func(string)) (engine.Engine, engine.Options, error) {
	o := engine.Options{Threads: e.threads, Device: e.choice.Device, DeviceOptions: e.choice.DeviceOptions}
	if e.threads < 0 {
		return nil, o, usageError{fmt.Errorf("--threads %d: want none or more", e.threads)}
	}
	opened, explanation, err := ildc.OpenEngine(e.choice)
	if errors.Is(err, ildc.ErrNoSuchEngine) || errors.Is(err, ildc.ErrNoSuchDevice) {
		err = usageError{err}
	}
	if err == nil && e.choice.Name == "auto" {
		if opened.Name() == "embedded" && ort.Loadable() == nil {
			explanation += "; `ildc runtime install` gets the fast one"
		}
		say(explanation)
	}
	return opened, o, err
}

// all lists the engines that there are, or the one that is named.
func (e *engineFlags) all(say func(string)) ([]string, error) {
	one, o, err := e.open(say)
	switch {
	case err != nil:
		return nil, err
	case e.choice.Name == "auto" && one.Name() != "embedded" && (o.Device == "" || o.Device == "cpu"):
		return []string{"embedded", one.Name()}, nil
	}
	return []string{one.Name()}, nil
}

// verifier is what checks exported students where the engine that is chosen does not: ONNX Runtime, or nil where there
// is none.
func (e *engineFlags) verifier(chosen engine.Engine) ildc.ModelRunner {
	if _, can := chosen.(ildc.ModelRunner); can {
		return nil
	}
	other, _, err := ildc.OpenEngine(ildc.EngineChoice{Name: "ort", Library: e.choice.Library})
	if err != nil {
		return nil
	}
	runner, _ := other.(ildc.ModelRunner)
	return runner
}
