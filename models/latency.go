package models

import (
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/ildc/ildc/graph"
	"github.com/ildc/ildc/internal/setting"
)

// A latency can't be counted from a graph, so that students are made and measured until one is fast enough: the largest
// by multiply-adds.

const (
	latencyTries = 8 // students that are measured at the most
	// The part of the limit that is aimed at. What is measured once more later must still be below the limit.
	latencyLow, latencyHigh = 0.92, 0.97
)

// meetLatency finds, by bisection of the multiply-adds, the largest student that is fast enough: made makes one of no
// more than so many MACs, and the last one it made is the student.
func (s *Student) meetLatency(limit Limit, teacher *graph.Graph,
	made func(macs int64) (*graph.Graph, error), measure Latencies) error {
	if measure == nil {
		return fmt.Errorf("models: budget %s: latency is measured in ONNX Runtime, and there is none", limit)
	}
	// part is the time of a student of that size over the limit.
	part := func(macs int64) (float64, error) {
		g, err := made(macs)
		if err != nil {
			return 0, err
		}
		times, err := measure(teacher, g)
		if err != nil {
			return 0, fmt.Errorf("models: latency: %w", err)
		}
		s.Before.Latency, s.After.Latency = times[0], times[1]
		if limit.Ratio {
			return float64(times[1]) / (limit.Value * float64(times[0])), nil
		}
		return float64(times[1]) / limit.Value, nil
	}
	now, err := part(math.MaxInt64)
	if err != nil {
		return err
	}
	low, high := int64(0), s.Before.MACs
	if now <= 1 {
		s.Found.MACs = high
		return nil
	}
	fastest := s.After.Latency
	next := int64(float64(high) * latencyHigh / now) // time is about proportional to MACs
	for range latencyTries {
		now, err = part(next)
		switch {
		case errors.Is(err, ErrInfeasible): // no student is that small
			low, now = next, 0
		case err != nil:
			return err
		case now > latencyHigh:
			high, fastest = next, min(fastest, s.After.Latency)
		default:
			low, s.Found.MACs = next, next
		}
		if now >= latencyLow && now <= latencyHigh || high-low < s.Before.MACs/200 {
			break
		}
		next = low + (high-low)/2
	}
	if s.Found.MACs == 0 {
		return setting.Mends(fmt.Errorf("models: %w: %s asked, the fastest that was measured has %s", ErrInfeasible, limit,
			Budget{limit}.reached(s.Before, Cost{Latency: fastest})), "Budget")
	}
	_, err = part(s.Found.MACs)
	return err
}

// Latencies measures one run of each model, in turns, so that drift of the machine does not tell them apart.
type Latencies func(models ...*graph.Graph) ([]time.Duration, error)
