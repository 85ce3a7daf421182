//go:build cgo

package ort

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	onnxruntime "github.com/yalue/onnxruntime_go"

	"github.com/ildc/ildc/distill/engine"
	"github.com/ildc/ildc/graph"
)

// How long models are timed.
const (
	burst       = 12 // runs of a model in a turn
	burstWarmup = 4  // of these; until then the threads of the model before still wait for more
	leastRuns   = 32
	timingTime  = time.Second // of each model
)

// TimeModels runs models on the CPU as their bytes are, some runs of each in turn, and gives the median time of a run
// of each. in has the inputs of each by their names, outputs the names of its outputs.
func (e *Engine) TimeModels(
	ctx context.Context, models [][]byte, in []map[string]*graph.Tensor, outputs [][]string, o engine.Options,
) (_ []time.Duration, err error) {
	defer func() {
		if err != nil {
			err = fmt.Errorf("ort: %w", err)
		}
	}()
	programs := make([]*program, len(models))
	feeds, own := make([][]onnxruntime.Value, len(models)), make([][]onnxruntime.Value, len(models))
	defer func() {
		for _, p := range programs {
			if p != nil {
				err = errors.Join(err, p.Close())
			}
		}
	}()
	for i, model := range models {
		if programs[i], feeds[i], own[i], err = newModel(model, in[i], outputs[i], o); err != nil {
			return nil, err
		}
	}
	times := make([][]time.Duration, len(models))
	for start := time.Now(); len(times[0]) < leastRuns || time.Since(start) < time.Duration(len(models))*timingTime; {
		for i, p := range programs {
			for run := range burst {
				results := slices.Clone(own[i])
				begin := time.Now()
				if err := p.compute(ctx, feeds[i], results); err != nil {
					return nil, err
				}
				if run >= burstWarmup {
					times[i] = append(times[i], time.Since(begin))
				}
				for k, v := range results {
					if own[i][k] != nil {
						continue
					}
					if err := v.Destroy(); err != nil {
						return nil, err
					}
				}
			}
		}
	}
	medians := make([]time.Duration, len(models))
	for i, each := range times {
		slices.Sort(each)
		medians[i] = each[len(each)/2]
	}
	return medians, nil
}
