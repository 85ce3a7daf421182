// Command pipeline stands for somebody's own program that uses ildc as a stage: embed_test.go builds it as a module of
// its own. It compresses one teacher twice at once, cancels one run from its progress callback, and prints what became
// of both.
package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"sync"

	"github.com/ildc/ildc"
	"github.com/ildc/ildc/distill"
	"github.com/ildc/ildc/distill/dataset"
	"github.com/ildc/ildc/graph"
)

// noise is a dataset of the program's own: images of noise without labels.
type noise struct{}

func (noise) Len() int { return 256 }

func (noise) Spec() dataset.Spec {
	return dataset.Spec{Features: []dataset.Feature{
		{Name: "pixels", DType: graph.Float32, Dims: []int{8, 8, 1}, Image: true},
	}}
}

func (noise) Sample(i int) (dataset.Sample, error) {
	random := rand.New(rand.NewPCG(uint64(i), 1))
	x := graph.NewTensor(graph.Float32, 8, 8, 1)
	for k := range x.Float32s() {
		x.Float32s()[k] = random.Float32()
	}
	return dataset.Sample{Features: []*graph.Tensor{x}, Label: dataset.NoLabel}, nil
}

func main() {
	teacher, err := os.ReadFile(os.Args[1])
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	compress := func(ctx context.Context, progress func(distill.Progress)) (*ildc.Result, error) {
		return ildc.Compress(ctx, ildc.Options{
			Teacher:  ildc.Bytes(teacher),
			Data:     ildc.Data{Train: noise{}},
			Train:    distill.Options{Steps: 10, Batch: 32},
			Progress: progress,
		})
	}
	var wait sync.WaitGroup
	wait.Go(func() {
		ctx, cancel := context.WithCancel(context.Background())
		defer cancel()
		_, err := compress(ctx, func(p distill.Progress) {
			if p.Step == 2 {
				cancel()
			}
		})
		fmt.Println("cancelled:", errors.Is(err, ildc.ErrInterrupted))
	})
	wait.Go(func() {
		steps := 0
		r, err := compress(context.Background(), func(p distill.Progress) { steps = max(steps, p.Step) })
		if err != nil {
			fmt.Println(err)
			return
		}
		again, err := ildc.Plan(context.Background(), ildc.Options{Teacher: ildc.Bytes(r.Model), Budget: "macs=1x"})
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Println("finished:", steps, r.Met, len(r.Model) < len(teacher),
			again.Teacher.MACs == r.Student.MACs, r.Student.MACs*2 <= r.Teacher.MACs)
	})
	wait.Wait()
}
