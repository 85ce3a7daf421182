package kernel

import (
	"fmt"
	"math"
	"math/rand"
	"slices"
	"testing"

	"github.com/ildc/ildc/graph"
)

// each calls f for every position of dims, with its index along each axis.
func each(dims []int, f func(i int, index []int)) {
	index := make([]int, len(dims))
	for i := range product(dims) {
		rest := i
		for a := len(dims) - 1; a >= 0; a-- {
			index[a] = rest % dims[a]
			rest /= dims[a]
		}
		f(i, index)
	}
}

// at is the flat place of an index in an operand of strides.
func at(index, strides []int) int {
	o := 0
	for a, i := range index {
		o += i * strides[a]
	}
	return o
}

func TestBroadcast(t *testing.T) {
	ops := []struct {
		name string
		op   Binary[float32, float32]
		f    func(a, b float64) float64
	}{
		{"Add", Add, func(a, b float64) float64 { return a + b }},
		{"Sub", Sub, func(a, b float64) float64 { return a - b }},
		{"Mul", Mul, func(a, b float64) float64 { return a * b }},
		{"Div", Div, func(a, b float64) float64 { return a / b }},
		{"Pow", Pow, func(a, b float64) float64 { return math.Pow(a, b) }},
		{"Max", Max, math.Max},
		{"Min", Min, math.Min},
		{"PRelu", PRelu, func(a, b float64) float64 { return max(a, 0) + b*min(a, 0) }},
	}
	shapes := []struct{ out, a, b []int }{
		{[]int{2, 3, 4, 5}, []int{2, 3, 4, 5}, []int{2, 3, 4, 5}},
		{[]int{2, 3, 4, 5}, []int{2, 3, 4, 5}, nil},
		{[]int{2, 3, 4, 5}, nil, []int{2, 3, 4, 5}},
		{[]int{2, 3, 4, 5}, []int{2, 3, 4, 5}, []int{3, 1, 1}},
		{[]int{2, 3, 4, 5}, []int{1, 3, 1, 1}, []int{2, 3, 4, 5}},
		{[]int{6, 7}, []int{6, 7}, []int{6, 1}},
		{[]int{6, 7}, []int{7}, []int{6, 1}},
		{[]int{4, 3, 5}, []int{4, 1, 5}, []int{3, 1}},
		{[]int{4, 3, 5}, []int{4, 1, 1}, []int{1, 3, 1}},
		{[]int{2, 3, 4}, []int{3, 1}, []int{2, 1, 1}},
		{[]int{40000}, []int{40000}, []int{40000}},
		{[]int{2, 40000}, []int{2, 1}, []int{40000}},
		{nil, nil, nil},
		{[]int{5, 4}, []int{1, 1}, []int{1}},
	}
	r := rand.New(rand.NewSource(1))
	for _, op := range ops {
		for _, s := range shapes {
			t.Run(fmt.Sprintf("%s %v %v", op.name, s.a, s.b), func(t *testing.T) {
				a, b := random(r, product(s.a)), random(r, product(s.b))
				for _, x := range [][]float32{a, b} {
					for i := range x {
						x[i] = float32(math.Abs(float64(x[i]))) + 0.5
					}
				}
				sa, sb := graph.Strides(s.a, s.out), graph.Strides(s.b, s.out)
				want := make([]float64, product(s.out))
				each(s.out, func(i int, index []int) { want[i] = op.f(float64(a[at(index, sa)]), float64(b[at(index, sb)])) })
				w := NewWalk(s.out, graph.Strides(s.out, s.out), sa, sb)
				got := random(r, len(want))
				op.op.Apply(NewTeam(2), w, got, a, b)
				near(t, "result", got, want)
				if slices.Equal(s.a, s.out) {
					dst := slices.Clone(a)
					op.op.Apply(NewTeam(2), w, dst, dst, b)
					near(t, "in place of a", dst, want)
				}
				if slices.Equal(s.b, s.out) {
					dst := slices.Clone(b)
					op.op.Apply(NewTeam(2), w, dst, a, dst)
					near(t, "in place of b", dst, want)
				}
			})
		}
		t.Run(op.name+" with itself", func(t *testing.T) {
			a := []float32{0.5, 1, 2, 3, 0.25, 7, 1.5, 4, 9}
			want := make([]float64, len(a))
			for i, v := range a {
				want[i] = op.f(float64(v), float64(v))
			}
			d := []int{len(a)}
			op.op.Apply(NewTeam(1), NewWalk(d, graph.Strides(d, d), graph.Strides(d, d), graph.Strides(d, d)), a, a, a)
			near(t, "in place of both", a, want)
		})
	}
}

func TestCompareAndWhere(t *testing.T) {
	r := rand.New(rand.NewSource(1))
	dims := []int{3, 4, 5}
	a, b := random(r, 60), random(r, 5)
	a[7] = b[2]
	w := NewWalk(dims, graph.Strides(dims, dims), graph.Strides(dims, dims), graph.Strides([]int{5}, dims))
	for name, c := range map[string]struct {
		op Binary[float32, bool]
		f  func(a, b float32) bool
	}{
		"Less":           {Less, func(a, b float32) bool { return a < b }},
		"LessOrEqual":    {LessOrEqual, func(a, b float32) bool { return a <= b }},
		"Greater":        {Greater, func(a, b float32) bool { return a > b }},
		"GreaterOrEqual": {GreaterOrEqual, func(a, b float32) bool { return a >= b }},
		"Equal":          {Equal, func(a, b float32) bool { return a == b }},
	} {
		got := make([]bool, 60)
		c.op.Apply(NewTeam(2), w, got, a, b)
		for i := range got {
			if got[i] != c.f(a[i], b[i%5]) {
				t.Errorf("%s: element %d is %v", name, i, got[i])
			}
		}
		for what, one := range map[string]struct{ x, y []float32 }{"a number": {a, b[2:3]}, "from a number": {b[2:3], a}} {
			beside := make([]bool, 60)
			c.op.Apply(NewTeam(2), NewWalk([]int{60}, []int{1}, graph.Strides([]int{len(one.x)}, []int{60}),
				graph.Strides([]int{len(one.y)}, []int{60})), beside, one.x, one.y)
			for i := range beside {
				if beside[i] != c.f(one.x[i%len(one.x)], one.y[i%len(one.y)]) {
					t.Errorf("%s, %s: element %d is %v", name, what, i, beside[i])
				}
			}
		}
		if name != "Less" {
			continue
		}
		chosen := make([]float32, 60)
		at := graph.Strides(dims, dims)
		Where(NewTeam(2), NewWalk(dims, at, at, at, graph.Strides([]int{5}, dims)), chosen, got, a, b)
		for i := range chosen {
			if want := min(a[i], b[i%5]); chosen[i] != want {
				t.Errorf("Where: element %d is %v, want %v", i, chosen[i], want)
			}
		}
	}
}

func TestWhere(t *testing.T) {
	const n = 37
	r := rand.New(rand.NewSource(1))
	a, b, cond := random(r, n), random(r, n), make([]bool, n)
	for i := range cond {
		cond[i] = r.Intn(2) == 0
	}
	for _, step := range [][]int{{1, 1, 1}, {1, 1, 0}, {1, 0, 1}, {1, 0, 0}, {0, 1, 1}} {
		t.Run(fmt.Sprint(step), func(t *testing.T) {
			eachWay(t, func(t *testing.T) {
				want := make([]float32, n)
				for i := range want {
					want[i] = b[i*step[2]]
					if cond[i*step[0]] {
						want[i] = a[i*step[1]]
					}
				}
				w := NewWalk([]int{n}, []int{1}, step[:1], step[1:2], step[2:])
				got := random(r, n)
				Where(NewTeam(1), w, got, cond, a, b)
				same(t, "result", got, want)
				if step[1] == 1 {
					place := slices.Clone(a)
					Where(NewTeam(1), w, place, cond, place, b)
					same(t, "in place of a", place, want)
				}
			})
		})
	}
}

func TestMove(t *testing.T) {
	r := rand.New(rand.NewSource(1))
	src := random(r, 2*3*4*5)
	for _, c := range []struct {
		name           string
		dims, dst, src []int
		dstAt, srcAt   int
	}{
		{"transpose", []int{5, 2, 4, 3}, []int{24, 12, 3, 1}, []int{1, 60, 5, 20}, 0, 0},
		{"last two swapped", []int{2, 3, 5, 4}, []int{60, 20, 4, 1}, []int{60, 20, 1, 5}, 0, 0},
		{"expand", []int{2, 6, 5}, []int{30, 5, 1}, []int{60, 0, 1}, 0, 0},
		{"expand innermost", []int{24, 5}, []int{5, 1}, []int{5, 0}, 0, 2},
		{"slice with steps", []int{2, 2, 2, 2}, []int{8, 4, 2, 1}, []int{60, 20, 10, -2}, 0, 4},
		{"into the middle", []int{2, 3, 2}, []int{60, 20, 2}, []int{60, 20, 1}, 7, 3},
		{"all", []int{2, 3, 4, 5}, []int{60, 20, 5, 1}, []int{60, 20, 5, 1}, 0, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, want := make([]float32, 120), make([]float32, 120)
			each(c.dims, func(_ int, index []int) { want[c.dstAt+at(index, c.dst)] = src[c.srcAt+at(index, c.src)] })
			Move(NewTeam(2), NewWalk(c.dims, c.dst, c.src).At(0, c.dstAt).At(1, c.srcAt), got, src)
			if !slices.Equal(got, want) {
				t.Errorf("got %v, want %v", got, want)
			}
		})
	}
}

func TestGather(t *testing.T) {
	src := []int64{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11}
	got := make([]int64, 12)
	Gather(NewTeam(2), got, src, []int{2, 0, 2}, 2, 3, 2)
	if want := []int64{4, 5, 0, 1, 4, 5, 10, 11, 6, 7, 10, 11}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestReduce(t *testing.T) {
	r := rand.New(rand.NewSource(1))
	for _, c := range []struct {
		dims []int
		over []bool
	}{
		{[]int{4, 5}, []bool{false, true}}, {[]int{4, 5}, []bool{true, false}}, {[]int{4, 5}, []bool{true, true}},
		{[]int{4, 5}, []bool{false, false}},
		{[]int{2, 3, 4, 5}, []bool{true, false, true, true}}, {[]int{2, 3, 4, 5}, []bool{false, true, false, true}},
		{[]int{2, 3, 4, 5}, []bool{true, false, true, false}}, {[]int{2, 3, 4, 5}, []bool{false, true, true, false}},
		{[]int{1, 3, 1}, []bool{true, false, true}}, {[]int{1, 1}, []bool{true, false}},
		{[]int{3, 1, 7}, []bool{false, true, true}},
		{nil, nil}, {[]int{10000}, []bool{true}}, {[]int{50, 3000}, []bool{true, false}},
	} {
		t.Run(fmt.Sprint(c.dims, c.over), func(t *testing.T) {
			x := random(r, product(c.dims))
			strides, step, n := make([]int, len(c.dims)), 1, 1
			for a := len(c.dims) - 1; a >= 0; a-- {
				if !c.over[a] {
					strides[a] = step
					step *= c.dims[a]
				} else {
					n *= c.dims[a]
				}
			}
			total, most, least := make([]float64, step), make([]float64, step), make([]float64, step)
			for i := range most {
				most[i], least[i] = math.Inf(-1), math.Inf(1)
			}
			each(c.dims, func(i int, index []int) {
				o := at(index, strides)
				total[o] += float64(x[i]) / float64(n)
				most[o], least[o] = math.Max(most[o], float64(x[i])), math.Min(least[o], float64(x[i]))
			})
			red, got := NewReduce(c.dims, c.over), make([]float32, step)
			red.Apply(NewTeam(2), got, x, FoldSum, 1/float32(n))
			near(t, "mean", got, total)
			red.Apply(NewTeam(2), got, x, FoldMax, 1)
			near(t, "maximum", got, most)
			red.Apply(NewTeam(2), got, x, FoldMin, 1)
			near(t, "minimum", got, least)
			product := make([]float64, step)
			for i := range product {
				product[i] = 1
			}
			for i := range x {
				x[i] = 1 + x[i]/1000
			}
			each(c.dims, func(i int, index []int) { product[at(index, strides)] *= float64(x[i]) })
			red.Apply(NewTeam(2), got, x, FoldProduct, 1)
			near(t, "product", got, product)
		})
	}
}

func TestUnary(t *testing.T) {
	x := []float32{-3, -0.5, 0, 0.25, 1, 2.5, 40, -40, float32(math.Inf(1)), float32(math.Inf(-1))}
	for name, c := range map[string]struct {
		op Unary
		f  func(x float64) float64
	}{
		"Relu":      {Relu, func(x float64) float64 { return math.Max(x, 0) }},
		"LeakyRelu": {LeakyRelu(0.5), func(x float64) float64 { return math.Max(x, x/2) }},
		"Clip":      {Clip(-1, 2), func(x float64) float64 { return math.Min(math.Max(x, -1), 2) }},
		"Neg":       {Neg, func(x float64) float64 { return -x }},
		"Abs":       {Abs, math.Abs},
		"Tanh":      {UnaryOf(math.Tanh), math.Tanh},
		"Sqrt of |x|": {func(dst, x []float32) { Abs(dst, x); Sqrt(dst, dst) },
			func(x float64) float64 { return math.Sqrt(math.Abs(x)) }},
		"Reciprocal": {Reciprocal, func(x float64) float64 { return 1 / x }},
	} {
		got, place := make([]float32, len(x)), slices.Clone(x)
		c.op.Apply(NewTeam(2), got, x)
		c.op.Apply(NewTeam(2), place, place)
		for i, v := range x {
			want := float32(c.f(float64(v)))
			if got[i] != want || place[i] != want {
				t.Errorf("%s(%v) is %v, in place %v, want %v", name, v, got[i], place[i], want)
			}
		}
	}
	nan := []float32{float32(math.NaN()), 1, 2, 3, 4, 5, 6, 7, float32(math.NaN())}
	Relu(nan, nan)
	if nan[0] == nan[0] || nan[8] == nan[8] {
		t.Errorf("Relu of NaN is %v and %v", nan[0], nan[8])
	}
}

// Conversions from booleans, and logic, of more elements than a task takes.
func TestBooleans(t *testing.T) {
	x, y := make([]bool, taskElements+7), make([]bool, taskElements+7)
	for i := range x {
		x[i], y[i] = i%3 == 0, i%2 == 0
	}
	n := len(x)
	team, flat := NewTeam(2), NewWalk([]int{n}, []int{1}, []int{1}, []int{1})
	numbers, not := make([]float32, n), slices.Clone(x)
	FromBool(team, numbers, x)
	Not(team, not, not)
	and, or, xor := make([]bool, n), make([]bool, n), make([]bool, n)
	And.Apply(team, flat, and, x, y)
	Or.Apply(team, flat, or, x, y)
	Xor.Apply(team, flat, xor, x, y)
	for i := range x {
		if (numbers[i] == 1) != x[i] || (numbers[i] == 0) == x[i] || not[i] == x[i] {
			t.Fatalf("element %d: %v is %v, and not %v", i, x[i], numbers[i], not[i])
		}
		if and[i] != (x[i] && y[i]) || or[i] != (x[i] || y[i]) || xor[i] != (x[i] != y[i]) {
			t.Fatalf("element %d: of %v and %v: and %v, or %v, xor %v", i, x[i], y[i], and[i], or[i], xor[i])
		}
	}
}

func TestSoftmax(t *testing.T) {
	r := rand.New(rand.NewSource(1))
	const outer, n, inner = 3, 7, 4
	x := random(r, outer*n*inner)
	x[5], x[50] = 90, -200
	soft, logs := make([]float64, len(x)), make([]float64, len(x))
	for o := range outer {
		for in := range inner {
			var total float64
			for k := range n {
				total += math.Exp(float64(x[(o*n+k)*inner+in]))
			}
			for k := range n {
				i := (o*n+k)*inner + in
				soft[i], logs[i] = math.Exp(float64(x[i]))/total, float64(x[i])-math.Log(total)
			}
		}
	}
	got := make([]float32, len(x))
	Softmax(NewTeam(2), got, x, outer, n, inner, false)
	near(t, "softmax", got, soft)
	Softmax(NewTeam(2), got, x, outer, n, inner, true)
	near(t, "logarithm", got, logs)
}

func BenchmarkElementwise(b *testing.B) {
	r := rand.New(rand.NewSource(1))
	dims := []int{128, 16, 32, 32}
	x, y, z, mask := random(r, 1<<21), random(r, 1<<21), random(r, 1<<21), make([]bool, 1<<21)
	team, s := NewTeam(2), graph.Strides(dims, dims)
	w := NewWalk(dims, s, s, s)
	channel := NewWalk(dims, s, s, graph.Strides([]int{16, 1, 1}, dims))
	red := NewReduce(dims, []bool{true, false, true, true})
	cond := NewWalk(dims, s, s, s, make([]int, 4))
	number := NewWalk(dims, s, s, make([]int, 4))
	for name, f := range map[string]func(){
		"Add":         func() { Add.Apply(team, w, z, x, y) },
		"Mul channel": func() { Mul.Apply(team, channel, z, x, y) },
		"Greater 0":   func() { Greater.Apply(team, number, mask, x, y) },
		"Where":       func() { Where(team, cond, z, mask, x, y) },
		"Relu":        func() { Unary(Relu).Apply(team, z, x) },
		"Clip":        func() { Clip(0, 6).Apply(team, z, x) },
		"Sigmoid":     func() { UnaryOf(func(x float64) float64 { return 1 / (1 + math.Exp(-x)) }).Apply(team, z, x) },
		"Sum":         func() { red.Apply(team, z[:16], x, FoldSum, 1) },
		"Transpose": func() {
			Move(team, NewWalk([]int{128, 32, 32, 16}, []int{1 << 14, 512, 16, 1}, []int{1 << 14, 32, 1, 1024}), z, x)
		},
	} {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(4 << 21)
			for b.Loop() {
				f()
			}
		})
	}
}
