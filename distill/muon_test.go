package distill

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/ildc/ildc/graph"
	"gonum.org/v1/gonum/mat"
)

// TestMuon follows three steps on a convolution, a matrix of a dense layer, and what beside them is no matrix, in
// float64: the quintic is applied to the singular values that gonum finds, and AdamW is [byHand]'s. Float32 leaves
// roundings of a hundred products.
func TestMuon(t *testing.T) {
	const tolerance, rate, momentum = 2e-5, 0.1, 0.9
	r := rand.New(rand.NewPCG(1, 2))
	normal := func(n int) []float32 {
		v := make([]float32, n)
		for i := range v {
			v[i] = float32(r.NormFloat64())
		}
		return v
	}
	dims := map[string][]int{"conv": {3, 2, 2, 2}, "dense": {5, 4}, "depthwise": {6, 1, 2, 2}, "bias": {5},
		"embedding": {7, 6}, "zeros": {2, 3}}
	names := []string{"conv", "dense", "zeros", "depthwise", "bias", "embedding"}
	a := newAssembly("update")
	params, grads := map[string]*graph.Value{}, map[string]*graph.Value{}
	set := map[string]func(*graph.Value){}
	now := map[string][]float32{}
	for _, name := range names {
		now[name] = normal(graph.NewTensor(graph.Float32, dims[name]...).Len())
		if name == "zeros" {
			clear(now[name])
		}
		params[name], set[name] = a.carry(name, graph.FromFloat32(dims[name], now[name]))
		grads[name] = a.feed("gradient of "+name, graph.Float32, graph.Dims(dims[name]...))
	}
	zero := func(dims ...int) *graph.Value { return a.Const("x", graph.NewTensor(graph.Float32, dims...)) }
	a.Op("Conv", nil, zero(1, 2, 4, 4), params["conv"])
	a.Op("MatMul", nil, zero(1, 5), params["dense"])
	a.Op("Gemm", nil, zero(1, 2), params["zeros"])
	a.Op("Conv", graph.Attrs{"group": int64(6)}, zero(1, 6, 4, 4), params["depthwise"])
	a.Op("Gather", nil, params["embedding"], a.Ints(0, 1))
	var ps, gs []*graph.Value
	for _, name := range names {
		ps, gs = append(ps, params[name]), append(gs, grads[name])
	}
	o := Optimiser{Name: "muon", Momentum: momentum}
	for i, v := range o.update(a.Emitter, ps, gs, a.feed(learningRateInput, graph.Float32, graph.Dims(1)), a.carry) {
		set[names[i]](v)
	}
	p := a.compileReference(t)
	want, velocity := map[string][]float64{}, map[string][]float64{}
	hands := map[string][]byHand{}
	for _, name := range names {
		for _, v := range now[name] {
			want[name] = append(want[name], float64(v))
			hands[name] = append(hands[name], byHand{o: Optimiser{Name: "adamw", Momentum: momentum}, rate: besideMuon * rate,
				p: [2]float64{float64(v), float64(v)}})
		}
		velocity[name] = make([]float64, len(now[name]))
	}
	for k := range 3 {
		in := map[string]*graph.Tensor{learningRateInput: graph.FromFloat32([]int{1}, []float32{rate})}
		for _, name := range names {
			g := normal(len(now[name]))
			in["gradient of "+name] = graph.FromFloat32(dims[name], g)
			if !slices.Contains(names[:3], name) {
				for i := range g {
					hands[name][i].step([2]float64{float64(g[i]), float64(g[i])})
					want[name][i] = hands[name][i].p[1]
				}
				continue
			}
			d := make([]float64, len(g))
			for i := range g {
				velocity[name][i] = momentum*velocity[name][i] + float64(g[i])
				d[i] = float64(g[i]) + momentum*velocity[name][i]
			}
			rows := dims[name][0]
			move := orthogonalBySVD(t, rows, len(g)/rows, d)
			norm := max(mat.Norm(mat.NewDense(rows, len(g)/rows, want[name]), 2), leastRMS*math.Sqrt(float64(len(g))))
			for i := range want[name] {
				want[name][i] -= rate * norm * move[i]
			}
		}
		if _, err := p.run(t.Context(), in); err != nil {
			t.Fatal(err)
		}
		state, err := p.State(names...)
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range names {
			for i, v := range state[name].Values() {
				if math.Abs(v-want[name][i]) > tolerance {
					t.Fatalf("%s[%d] is %g after step %d, by hand %g", name, i, v, k+1, want[name][i])
				}
			}
		}
	}
}

// orthogonalBySVD applies the quintic to singular values.
func orthogonalBySVD(t *testing.T, rows, columns int, d []float64) []float64 {
	m := mat.NewDense(rows, columns, d)
	m.Scale(1/mat.Norm(m, 2), m)
	var svd mat.SVD
	if !svd.Factorize(m, mat.SVDThin) {
		t.Fatal("no singular values")
	}
	values := svd.Values(nil)
	for i, s := range values {
		for range newtonSchulz.times {
			s = newtonSchulz.a*s + newtonSchulz.b*s*s*s + newtonSchulz.c*s*s*s*s*s
		}
		values[i] = s / math.Sqrt(float64(min(rows, columns)))
	}
	var u, v, out mat.Dense
	svd.UTo(&u)
	svd.VTo(&v)
	out.Product(&u, mat.NewDiagDense(len(values), values), v.T())
	return out.RawMatrix().Data
}
