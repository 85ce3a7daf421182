//go:build cgo

package ort

import (
	"context"
	"math"
	"math/rand/v2"

	"github.com/ildc/ildc/distill/engine"
	"github.com/ildc/ildc/graph"
	"github.com/ildc/ildc/graph/op"
	"github.com/ildc/ildc/graph/pass"
)

// findLayout finds out by trying what the loaded library's blocked layout is: neither the size of its blocks nor what
// its convolutions take is documented, and both differ between releases and processors. What gives other numbers than
// the reference evaluation is not used.
func findLayout() layout {
	for _, block := range []int{16, 8, 4} {
		if l := (layout{block}); agrees(l, "Conv", 8) && agrees(l, "ildc.ConvGradWeight", 1) {
			return l
		}
	}
	return ordinary
}

// agrees says whether a convolution of 8 channels, or its weight gradient, is right when it is rewritten for a layout.
func agrees(l layout, name string, group int) bool {
	g := graph.New("layout")
	g.Opsets[""], g.Opsets[op.Macro] = op.Opset, 1
	b := op.NewBuilder(g)
	const batch, channels, size = 16, 8, 5
	attrs := graph.Attrs{"pads": []int64{1, 1, 1, 1}, "group": int64(group)}
	dims := []int{channels, channels / group, 3, 3}
	feeds := map[string]*graph.Tensor{}
	input := func(name string, dims ...int) *graph.Value {
		random := rand.New(rand.NewPCG(1, uint64(len(feeds))))
		feeds[name] = graph.NewTensor(graph.Float32, dims...)
		for i := range feeds[name].Float32s() {
			feeds[name].Float32s()[i] = float32(random.NormFloat64())
		}
		return b.Input(name, graph.Float32, graph.Dims(dims...))
	}
	second := dims
	if name != "Conv" {
		attrs["shape"], second = int64s(dims), []int{batch, channels, size, size}
	}
	v := b.Op(name, attrs, input("x", batch, channels, size, size), input("w", second...))
	b.Output(v)
	if b.Err() != nil {
		return false
	}
	want, err := pass.Eval(g, feeds)
	if err != nil {
		return false
	}
	e := &Engine{layout: l}
	p, err := e.Compile(context.Background(), &engine.Step{Graph: g}, engine.Options{Threads: 1})
	if err != nil {
		return false
	}
	defer p.Close()
	got, err := p.Run(context.Background(), feeds)
	if err != nil {
		return false
	}
	for i, w := range want[v.Name].Float32s() {
		if !(math.Abs(float64(got[v.Name].Float32s()[i]-w)) < 1e-3) { // sums of up to 400 products of magnitude 1
			return false
		}
	}
	return true
}
