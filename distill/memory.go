package distill

import (
	"errors"
	"fmt"
	"sort"

	"github.com/ildc/ildc/distill/engine"
	"github.com/ildc/ildc/graph/pass"
	"github.com/ildc/ildc/internal/setting"
)

// ErrMemory says that a training step needs more memory than there is.
var ErrMemory = errors.New("not enough memory")

// checkMemory refuses a training step that needs more memory than the job may take, before anything of it is allocated.
func (s *session) checkMemory() error {
	free := s.job.Memory
	if free <= 0 {
		return nil
	}
	need, err := s.stepMemory()
	if err != nil || need <= free {
		return err
	}
	if s.job.Force {
		s.job.log().Warn("a training step needs more memory than there is",
			"batch", s.o.Batch, "need", size(need), "free", size(free))
		return nil
	}
	// The largest batch that fits lies below the first that does not.
	fits := sort.Search(s.o.Batch-1, func(i int) bool {
		o := s.o
		o.Batch = i + 1
		smaller, e := s.job.assemble(o)
		var need int64
		if e == nil {
			need, e = smaller.stepMemory()
		}
		err = errors.Join(err, e)
		return need > free
	})
	if err != nil {
		return err
	}
	way := fmt.Sprintf("batches of %d or less fit", fits)
	if fits == 0 {
		way = "a batch of 1 does not fit either: take smaller models"
	}
	return setting.Mends(fmt.Errorf("distill: %w: a training step of batch %d needs about %s, and %s are free: %s; "+
		"it can be tried nevertheless", ErrMemory, s.o.Batch, size(need), size(free), way), "Batch", "Force")
}

// stepMemory estimates the bytes that training takes, or the balance of its terms before, whichever is more: a step's
// constants, two sets of its state (what a run reads, and what it writes), its inputs, and what is alive at one time
// while it runs.
func (s *session) stepMemory() (most int64, err error) {
	for _, assemble := range []func(objective) (*engine.Step, error){s.copies.trainingStep, s.copies.pullStep} {
		step, err := assemble(s.goal)
		if err != nil {
			return 0, err
		}
		if step, err = engine.Lowered(step, s.job.Engine.Native()); err != nil {
			return 0, err
		}
		m := pass.MemoryOf(step.Graph)
		need := m.Constants + m.Inputs + m.Live // the inputs hold one set of the state
		for _, c := range step.State {
			need += c.Initial.Bytes()
		}
		most = max(most, need)
	}
	return most, nil
}

// size writes bytes in powers of 1000.
func size(bytes int64) string {
	b := float64(bytes)
	switch {
	case b < 1e6:
		return fmt.Sprintf("%.1f kB", b/1e3)
	case b < 1e9:
		return fmt.Sprintf("%.1f MB", b/1e6)
	}
	return fmt.Sprintf("%.1f GB", b/1e9)
}
