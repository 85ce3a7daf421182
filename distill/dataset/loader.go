package dataset

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"math"
	"runtime"
	"sync"

	"github.com/ildc/ildc/graph"
	"github.com/ildc/ildc/internal/setting"
)

// LoaderOptions say how batches are drawn.
type LoaderOptions struct {
	Batch    int        // samples per batch
	Bindings []*Binding // what goes into a batch; several models see the same augmented sample
	// Train shuffles every epoch, augments, leaves out what doesn't fill a batch, and never ends.
	// Else the samples come once, in order, and the last batch is padded.
	Train   bool
	Augment Augment // of images, in training only
	OneHot  string  // name of the labels as float32 [N,K] among a batch's tensors; "" leaves them out
	Classes int     // K; 0 means that of the dataset
	Seed    uint64
	Workers int // goroutines that prepare batches; 0: one per core
}

// Loader draws batches from a dataset. It is safe for concurrent use.
type Loader struct {
	data   Dataset
	spec   Spec
	images []int // the features that can be augmented
	o      LoaderOptions

	mu    sync.Mutex
	epoch int
	order []int // of the epoch's samples; nil before the first
}

// Batch is what one step takes.
type Batch struct {
	Step   int                      // counted from 0 over all epochs
	Epoch  int                      // counted from 0
	Inputs map[string]*graph.Tensor // [Batch,…] by prefix and input name, and the one-hot labels
	Labels []int                    // per row; NoLabel where there is none, and in padding
	Index  []int                    // per row, the sample's position in the dataset
	// rows that count: Batch, or fewer in the last batch of an evaluation, where later rows repeat the last sample
	N int
}

// NewLoader checks the options.
func NewLoader(ds Dataset, o LoaderOptions) (*Loader, error) {
	l := &Loader{data: ds, spec: ds.Spec(), o: o}
	if l.o.Classes == 0 {
		l.o.Classes = l.spec.Classes
	}
	if l.o.Workers <= 0 {
		l.o.Workers = runtime.GOMAXPROCS(0)
	}
	for i, f := range l.spec.Features {
		if f.Image {
			l.images = append(l.images, i)
		}
	}
	if err := l.validate(); err != nil {
		return nil, err
	}
	return l, nil
}

// validate reports all options that do not fit one another or the data.
func (l *Loader) validate() error {
	o := l.o
	var errs []error
	bad := func(format string, args ...any) { errs = append(errs, fmt.Errorf("dataset: "+format, args...)) }
	switch {
	case o.Batch < 1:
		bad("a batch of %d samples", o.Batch)
	case l.data.Len() == 0:
		bad("there are no samples")
	case o.Train && l.data.Len() < o.Batch:
		err := fmt.Errorf("dataset: %d samples do not fill a training batch of %d: want a smaller batch",
			l.data.Len(), o.Batch)
		errs = append(errs, setting.Mends(err, "Batch"))
	}
	if o.OneHot != "" && l.spec.Classes == 0 {
		bad("labels are asked for as %q, and the data has none", o.OneHot)
	}
	if o.OneHot != "" && o.Classes < l.spec.Classes {
		bad("the data has %d classes, the model %d", l.spec.Classes, o.Classes)
	}
	if o.Augment.Pad < 0 {
		bad("crops padded by %d pixels", o.Augment.Pad)
	}
	if !(o.Augment.Mixup >= 0) || math.IsInf(o.Augment.Mixup, 0) {
		bad("mixup of %g", o.Augment.Mixup)
	}
	names := map[string]bool{o.OneHot: o.OneHot != ""}
	for _, b := range o.Bindings {
		for _, s := range b.slots {
			if name := b.Prefix + s.name; names[name] {
				bad("a batch would hold %q twice: want prefixes that tell the bindings apart", name)
			} else {
				names[name] = true
			}
			if s.feature >= len(l.spec.Features) {
				bad("input %q is bound to feature %d of %d: the binding is for other data", s.name, s.feature, len(l.spec.Features))
			}
		}
	}
	return errors.Join(errs...)
}

// Steps is the number of batches in an epoch.
func (l *Loader) Steps() int {
	if l.o.Train {
		return l.data.Len() / l.o.Batch
	}
	return (l.data.Len() + l.o.Batch - 1) / l.o.Batch
}

// Batches gives the batches from step start on, which are the same whatever the step a loader began at. They are
// prepared ahead by worker goroutines, all of which have ended when the loop over the batches has. An error, that of
// ctx included, ends the batches.
func (l *Loader) Batches(ctx context.Context, start int) iter.Seq2[*Batch, error] {
	return func(yield func(*Batch, error) bool) {
		ctx, cancel := context.WithCancel(ctx)
		var goroutines sync.WaitGroup
		defer goroutines.Wait()
		defer cancel()

		type result struct {
			batch *Batch
			err   error
		}
		type job struct {
			step int
			done chan result
		}
		jobs := make(chan job)
		queue := make(chan job, l.o.Workers) // the jobs in order of their steps
		goroutines.Go(func() {
			defer close(queue)
			defer close(jobs)
			for step := max(start, 0); l.o.Train || step < l.Steps(); step++ {
				j := job{step, make(chan result, 1)}
				for _, to := range []chan job{queue, jobs} {
					select {
					case to <- j:
					case <-ctx.Done():
						return
					}
				}
			}
		})
		for range l.o.Workers {
			goroutines.Go(func() {
				for j := range jobs {
					b, err := l.batch(ctx, j.step)
					j.done <- result{b, err}
				}
			})
		}
		for j := range queue {
			select {
			case r := <-j.done:
				if !yield(r.batch, r.err) || r.err != nil {
					return
				}
			case <-ctx.Done():
			}
			if ctx.Err() != nil {
				break
			}
		}
		if err := context.Cause(ctx); err != nil {
			yield(nil, fmt.Errorf("dataset: %w", err))
		}
	}
}

// batch prepares one batch.
func (l *Loader) batch(ctx context.Context, step int) (*Batch, error) {
	size := l.o.Batch
	b := &Batch{Step: step, Epoch: step / l.Steps(), Inputs: map[string]*graph.Tensor{}, Labels: make([]int, size),
		Index: make([]int, size)}
	first := step % l.Steps() * size
	b.N = min(size, l.data.Len()-first)
	order := l.shuffled(b.Epoch)
	oneHot := []float32(nil)
	if l.o.OneHot != "" {
		oneHot = make([]float32, size*l.o.Classes)
	}
	into := make([][]rows, len(l.o.Bindings))
	for k, binding := range l.o.Bindings {
		for s := range binding.slots {
			into[k] = append(into[k], binding.slots[s].rows(size))
		}
	}
	for i := range size {
		if i >= b.N {
			b.Index[i], b.Labels[i] = b.Index[b.N-1], NoLabel
			continue
		}
		if err := ctx.Err(); err != nil {
			return nil, fmt.Errorf("dataset: %w", err)
		}
		index := first + i
		if order != nil {
			index = order[index]
		}
		sample, err := l.sample(b.Epoch, index)
		if err != nil {
			return nil, err
		}
		b.Index[i], b.Labels[i] = index, sample.Label
		if oneHot != nil && sample.Label != NoLabel {
			oneHot[i*l.o.Classes+sample.Label] = 1
		}
		for _, inputs := range into {
			for _, r := range inputs {
				if err := r.put(i, sample.Features[r.slot.feature]); err != nil {
					return nil, fmt.Errorf("dataset: sample %d: %w", index, err)
				}
			}
		}
	}
	for k, inputs := range into {
		for _, r := range inputs {
			r.repeat(b.N-1, size)
			b.Inputs[l.o.Bindings[k].Prefix+r.slot.name] = r.tensor(size)
		}
	}
	if oneHot != nil {
		b.Inputs[l.o.OneHot] = graph.FromFloat32([]int{size, l.o.Classes}, oneHot)
	}
	if a := l.o.Augment.Mixup; l.o.Train && a > 0 {
		mixup(b.Inputs, size, a, stream(l.o.Seed, mixupStream, step))
	}
	return b, nil
}

// sample reads one sample, checks it against the spec, and augments its images, all in one way.
func (l *Loader) sample(epoch, index int) (Sample, error) {
	s, err := l.data.Sample(index)
	switch {
	case err != nil:
		return s, fmt.Errorf("dataset: sample %d: %w", index, err)
	case len(s.Features) != len(l.spec.Features):
		return s, fmt.Errorf("dataset: sample %d has %d features: want %d", index, len(s.Features), len(l.spec.Features))
	case l.spec.Classes == 0:
		s.Label = NoLabel
	case s.Label < NoLabel || s.Label >= l.spec.Classes:
		return s, fmt.Errorf("dataset: sample %d has label %d: want 0 to %d", index, s.Label, l.spec.Classes-1)
	}
	if !l.o.Train || l.o.Augment == (Augment{}) || l.images == nil {
		return s, nil
	}
	v := l.o.Augment.draw(stream(l.o.Seed, epoch, index))
	augmented := append([]*graph.Tensor(nil), s.Features...)
	for _, i := range l.images {
		augmented[i] = v.apply(augmented[i])
	}
	s.Features = augmented
	return s, nil
}

// shuffled is the order of the samples in an epoch; nil where it is theirs.
func (l *Loader) shuffled(epoch int) []int {
	if !l.o.Train {
		return nil
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.order == nil || l.epoch != epoch {
		l.epoch, l.order = epoch, stream(l.o.Seed, shuffleStream, epoch).Perm(l.data.Len())
	}
	return l.order
}
