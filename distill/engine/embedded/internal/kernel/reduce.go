package kernel

import (
	"math"
	"slices"

	"github.com/viterin/vek/vek32"
)

// Reduce folds axes of x away.
type Reduce struct {
	kept, over []int // extents of the kept axes, and of those that are reduced, merged as far as they can be
	keptAt     []int // their strides in x
	overAt     []int
	columns    int // elements of a run of a kept innermost axis; 0 where a reduced axis is innermost
	n          int // elements of a run of a reduced innermost axis; 0 where a kept axis is innermost
}

// NewReduce plans the reduction of dims over those axes that over says.
func NewReduce(dims []int, over []bool) *Reduce {
	type axis struct {
		n, stride int
		over      bool
	}
	var axes []axis
	stride := 1
	for i := len(dims) - 1; i >= 0; i-- {
		switch last := len(axes) - 1; {
		case dims[i] == 1:
		case last >= 0 && axes[last].over == over[i]:
			axes[last].n *= dims[i]
		default:
			axes = append(axes, axis{dims[i], stride, over[i]})
		}
		stride *= dims[i]
	}
	r := &Reduce{}
	for i, a := range axes {
		switch {
		case i == 0 && a.over:
			r.n = a.n
		case i == 0:
			r.columns = a.n
		case a.over:
			r.over, r.overAt = append(r.over, a.n), append(r.overAt, a.stride)
		default:
			r.kept, r.keptAt = append(r.kept, a.n), append(r.keptAt, a.stride)
		}
	}
	if len(axes) == 0 {
		r.n = 1
	}
	for _, d := range dims {
		if d == 0 {
			r.n, r.over, r.columns = 0, nil, 0
		}
	}
	for _, s := range [][]int{r.kept, r.over, r.keptAt, r.overAt} {
		slices.Reverse(s)
	}
	return r
}

// Fold is how runs are reduced: run gives the result for a run, in float64, and merge combines two; merge32 combines
// runs by element.
type Fold struct {
	start   float64
	run     func(x []float32) float64
	merge   func(a, b float64) float64
	merge32 func(acc, x []float32)
}

// The folds.
var (
	FoldSum = Fold{0, sum, func(a, b float64) float64 { return a + b },
		func(acc, x []float32) { vek32.Add_Inplace(acc, x) }}
	FoldProduct = Fold{1, productOf, func(a, b float64) float64 { return a * b },
		func(acc, x []float32) { vek32.Mul_Inplace(acc, x) }}
	FoldMax = Fold{math.Inf(-1), maxOf, math.Max, func(acc, x []float32) {
		for i, v := range x {
			acc[i] = max(acc[i], v)
		}
	}}
	FoldMin = Fold{math.Inf(1), minOf, math.Min, func(acc, x []float32) {
		for i, v := range x {
			acc[i] = min(acc[i], v)
		}
	}}
)

// sumBlock bounds the runs that are summed in float32.
const sumBlock = 1 << 12

// sum adds blocks in float32, by several lanes, and the blocks in float64.
func sum(x []float32) (s float64) {
	for len(x) > 0 {
		n := min(sumBlock, len(x))
		s += float64(vek32.Sum(x[:n]))
		x = x[n:]
	}
	return s
}

func productOf(x []float32) float64 {
	p := 1.0
	for _, v := range x {
		p *= float64(v)
	}
	return p
}

func maxOf(x []float32) float64 {
	m := x[0]
	for _, v := range x[1:] {
		m = max(m, v)
	}
	return float64(m)
}

func minOf(x []float32) float64 {
	m := x[0]
	for _, v := range x[1:] {
		m = min(m, v)
	}
	return float64(m)
}

// Apply reduces x into dst and multiplies by scale: 1/n for means.
func (r *Reduce) Apply(team *Team, dst, x []float32, f Fold, scale float32) {
	rows := 1
	for _, k := range r.kept {
		rows *= k
	}
	if r.n == 0 && r.columns == 0 {
		Fill(team, dst, float32(f.start)*scale)
		return
	}
	if r.columns > 0 {
		const block = 1 << 10
		blocks := ceilDiv(r.columns, block)
		size := max(1, taskElements/(min(block, r.columns)*product(r.over)))
		team.Split(rows*blocks, size, func(_ *Scratch, first, last int) {
			for task := first; task < last; task++ {
				row, from := task/blocks, task%blocks*block
				n := min(block, r.columns-from)
				acc := dst[row*r.columns+from:][:n]
				at := offset(row, r.kept, r.keptAt) + from
				for i := range product(r.over) {
					part := x[at+offset(i, r.over, r.overAt):][:n]
					if i == 0 {
						copy(acc, part)
					} else {
						f.merge32(acc, part)
					}
				}
				if scale != 1 {
					vek32.MulNumber_Inplace(acc, scale)
				}
			}
		})
		return
	}
	over := product(r.over)
	team.Split(rows, max(1, taskElements/(r.n*over)), func(_ *Scratch, from, to int) {
		for row := from; row < to; row++ {
			at := offset(row, r.kept, r.keptAt)
			acc := f.start
			for i := range over {
				acc = f.merge(acc, f.run(x[at+offset(i, r.over, r.overAt):][:r.n]))
			}
			dst[row] = float32(acc) * scale
		}
	})
}

func product(dims []int) int {
	n := 1
	for _, d := range dims {
		n *= d
	}
	return n
}

// offset gives where the i-th position of dims lies.
func offset(i int, dims, strides []int) int {
	at := 0
	for a := len(dims) - 1; a >= 0; a-- {
		at += i % dims[a] * strides[a]
		i /= dims[a]
	}
	return at
}
