//go:build cgo

package ort

import (
	"errors"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	onnxruntime "github.com/yalue/onnxruntime_go"

	"github.com/ildc/ildc/distill/engine"
	"github.com/ildc/ildc/distill/engine/enginetest"
	"github.com/ildc/ildc/graph/op"
)

// A device that cannot be had is what is at fault, and not each node of a step. It may be found out when the provider
// is added, or not before a session is made, as where the library has a provider and the machine no such device.
func TestDeviceRefused(t *testing.T) {
	e := open(t)
	listed := providers
	defer func() { providers = listed }()
	providers = append(slices.Clone(providers), provider{device: "absent",
		add: func(o *onnxruntime.SessionOptions, _ string, _ map[string]string) error {
			// fails when the session is made
			return o.SetOptimizedModelFilePath(filepath.Join(t.TempDir(), "no", "such", "folder"))
		}})
	step, _, err := enginetest.TrainingStep(e.Native(), 2, 4, 4)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		o    engine.Options
		says string
	}{
		{engine.Options{Device: "absent"}, `device "absent"`},
		{engine.Options{Device: "warp"}, "directml"},
		{engine.Options{Device: "cuda:first"}, "a number"},
		{engine.Options{Device: "webgpu:1"}, "leave the number out"},
		{engine.Options{Device: "coreml:1"}, "leave the number out"},
		{engine.Options{DeviceOptions: map[string]string{"a": "b"}}, `device "cpu"`},
	} {
		t.Run(c.o.Device, func(t *testing.T) {
			_, compiling := e.Compile(t.Context(), step, c.o)
			for what, err := range map[string]error{"CheckDevice": e.CheckDevice(c.o), "Compile": compiling} {
				if !errors.Is(err, engine.ErrUnsupported) || !strings.Contains(err.Error(), c.says) ||
					strings.Contains(err.Error(), "node") {
					t.Errorf("%s: %v, want to be told %q, and of no node", what, err, c.says)
				}
			}
		})
	}
	if err := e.CheckDevice(engine.Options{}); err != nil {
		t.Errorf("the CPU: %v", err)
	}
}

// What runs on another device than the CPU is of the standard's ops alone. On the CPU this step has others.
func TestOtherDevicesGetStandardOps(t *testing.T) {
	e := &Engine{layout: layout{block: 8}}
	step, _, err := enginetest.TrainingStep(e.Native(), 16, 8, 16)
	if err != nil {
		t.Fatal(err)
	}
	signature, err := engine.NewSignature(step)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		device   string
		standard bool
	}{{"", false}, {"cpu", false}, {"cuda", true}, {"cuda:1", true}, {"webgpu", true}} {
		g, err := e.rewritten(step, signature, engine.Options{Device: c.device})
		if err != nil {
			t.Fatal(err)
		}
		var others []string
		for _, n := range g.Nodes {
			if n.Domain != "" || op.Of(n) == nil {
				others = append(others, n.OpName())
			}
		}
		if _, imported := g.Opsets[blockedDomain]; imported == c.standard || (len(others) == 0) != c.standard {
			t.Errorf("device %q: opsets %v, ops beside the standard's %q", c.device, g.Opsets, others)
		}
	}
}
