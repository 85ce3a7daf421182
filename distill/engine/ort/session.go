//go:build cgo

package ort

import (
	"context"
	"errors"
	"fmt"

	onnxruntime "github.com/yalue/onnxruntime_go"

	"github.com/ildc/ildc/distill/engine"
	"github.com/ildc/ildc/exporter"
	"github.com/ildc/ildc/graph"
)

// newSession makes a session of a graph.
func newSession(g *graph.Graph, o engine.Options) (*onnxruntime.DynamicAdvancedSession, error) {
	var in, out []string
	for _, v := range g.Inputs {
		in = append(in, v.Name)
	}
	for _, v := range g.Outputs {
		out = append(out, v.Name)
	}
	data, err := exporter.Marshal(g, exporter.Options{})
	if err != nil {
		return nil, err
	}
	options, err := sessionOptions(o)
	if err != nil {
		return nil, err
	}
	defer options.Destroy()
	return onnxruntime.NewDynamicAdvancedSessionWithONNXData(data, in, out, options)
}

func sessionOptions(o engine.Options) (*onnxruntime.SessionOptions, error) {
	options, err := onnxruntime.NewSessionOptions()
	if err != nil {
		return nil, err
	}
	err = errors.Join(
		options.SetIntraOpNumThreads(o.Threads),
		// One op at a time: ops that run side by side would share the threads, and finish in no fixed order.
		options.SetExecutionMode(onnxruntime.ExecutionModeSequential),
		options.SetInterOpNumThreads(1),
		options.SetGraphOptimizationLevel(onnxruntime.GraphOptimizationLevelEnableAll),
		options.SetCpuMemArena(true),
		// Memory patterns lay out a run's memory at once, and take twice as much as a run without them, which is not slower.
		options.SetMemPattern(false),
		// Threads take smaller shares of an op as it nears its end, so that one that is held up holds up less.
		options.AddSessionConfigEntry("session.intra_op.dynamic_block_base", "4"),
		addDevice(options, o),
	)
	if err != nil {
		options.Destroy()
		return nil, err
	}
	return options, nil
}

// explain says why no session could be made of a graph: because of the device, or of the nodes of which alone none
// can be made either.
func explain(ctx context.Context, g *graph.Graph, o engine.Options, cause error) error {
	if err := tryDevice(o); err != nil {
		return err
	}
	var errs []error
	known := map[string]error{}
	for _, n := range g.Nodes {
		if err := ctx.Err(); err != nil {
			return err
		}
		k := kind(n)
		err, seen := known[k]
		if !seen {
			var s *onnxruntime.DynamicAdvancedSession
			if s, err = newSession(single(g, n), o); err == nil {
				err = s.Destroy()
			}
			known[k] = err
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("node %q: op %s: %w: %w", n.Name, n.OpName(), engine.ErrUnsupported, err))
		}
	}
	if len(errs) == 0 {
		return cause
	}
	return errors.Join(errs...)
}
