package enginetest

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/ildc/ildc/distill/engine"
	"github.com/ildc/ildc/graph"
)

// cancel checks that a run ends soon after its context does, and leaves the state as it was.
func cancel(t testing.TB, e engine.Engine) {
	step, feeds, whole := longStep(t, e)
	p := compile(t, e, step, engine.Options{Threads: 1})
	run(t, p, feeds)
	before := mustState(t, p)
	over, stop := context.WithCancel(context.Background())
	stop()
	if _, err := p.Run(over, feeds); !errors.Is(err, context.Canceled) {
		t.Errorf("a context that was over: error %v", err)
	}
	same(t, "state after a run that never began", mustState(t, p), before)
	cancelled := 0
	for i := range 8 {
		ctx, stop := context.WithTimeout(context.Background(), whole*time.Duration(i+1)/10)
		_, err := p.Run(ctx, feeds)
		stop()
		switch {
		case errors.Is(err, context.DeadlineExceeded):
			cancelled++
			same(t, "state after a cancelled run", mustState(t, p), before)
		case err != nil:
			t.Fatal(err)
		default:
			before = mustState(t, p)
		}
	}
	if cancelled == 0 {
		t.Errorf("no run of %v was cancelled within its first half", whole)
	}
	fresh := compile(t, e, step, engine.Options{Threads: 1})
	if err := fresh.SetState(before); err != nil {
		t.Fatal(err)
	}
	same(t, "a run after a cancelled one", run(t, p, feeds), run(t, fresh, feeds))
	same(t, "state after it", mustState(t, p), mustState(t, fresh))
}

// longStep is a step of which a run on one thread takes so long that a timer can end it midway, and how long it takes
// at the least.
func longStep(t testing.TB, e engine.Engine) (step *engine.Step, feeds map[string]*graph.Tensor, whole time.Duration) {
	t.Helper()
	const enough = 20 * time.Millisecond // timers are late by about one
	for _, s := range []trainingStep{{8, 16, 8}, {32, 32, 16}} {
		step, feeds = s.graph(t, e.Native())
		p := compile(t, e, step, engine.Options{Threads: 1})
		whole = time.Hour
		for range 3 {
			begin := time.Now()
			run(t, p, feeds)
			whole = min(whole, time.Since(begin))
		}
		if whole >= enough {
			break
		}
	}
	return step, feeds, whole
}

// deterministic checks that the same inputs give the same bytes.
func deterministic(t testing.TB, e engine.Engine) {
	step, feeds := trainingStep{8, 16, 8}.graph(t, e.Native())
	o := engine.Options{Deterministic: true, Threads: 2}
	p, q := compile(t, e, step, o), compile(t, e, step, o)
	for range 3 {
		same(t, "results", run(t, q, feeds), run(t, p, feeds))
	}
	same(t, "state", mustState(t, q), mustState(t, p))
}

// threads checks that any number of threads works.
func threads(t testing.TB, e engine.Engine) {
	step, feeds := trainingStep{5, 8, 4}.graph(t, e.Native())
	want := run(t, compile(t, e, step, engine.Options{Threads: 1}), feeds)
	for _, n := range []int{2, 3, 7} {
		near(t, "loss", run(t, compile(t, e, step, engine.Options{Threads: n}), feeds)["loss"], want["loss"], 1e-5)
	}
}

// concurrent compiles and runs programs at the same time.
func concurrent(t testing.TB, e engine.Engine) {
	step, feeds := trainingStep{4, 8, 4}.graph(t, e.Native())
	p := compile(t, e, step, engine.Options{Threads: 2})
	run(t, p, feeds)
	want := run(t, p, feeds)
	var all sync.WaitGroup
	results := make([]map[string]*graph.Tensor, 4)
	errs := make([]error, len(results))
	for i := range results {
		all.Go(func() {
			q, err := e.Compile(context.Background(), step, engine.Options{Threads: 2})
			if err != nil {
				errs[i] = err
				return
			}
			_, err1 := q.Run(context.Background(), feeds)
			var err2 error
			results[i], err2 = q.Run(context.Background(), feeds)
			errs[i] = errors.Join(err1, err2, q.Close())
		})
	}
	all.Wait()
	for i, r := range results {
		if errs[i] != nil {
			t.Fatal(errs[i])
		}
		same(t, "results of a program beside others", r, want)
	}
}
