package kernel

import (
	"math"

	"github.com/viterin/vek/vek32"
)

// PoolShape says which 2-D pooling: x [planes,H,W] gives y [planes,OH,OW]. Window (oh,ow) covers, for each kernel
// offset (kh,kw), position (oh·SH + kh·DH − PT, ow·SW + kw·DW − PL).
type PoolShape struct {
	Planes, H, W   int
	OH, OW         int
	KH, KW         int
	SH, SW         int // strides
	DH, DW         int // dilations
	PT, PL, PB, PR int // padding; AveragePool may count it
}

// Pool is pooling and its gradients.
type Pool struct {
	PoolShape
	rows, cols []span // the kernel offsets of each output row and column that lie inside of x
}

// span is a run of positions, step apart.
type span struct{ from, to, step int }

// NewPool prepares a pooling.
func NewPool(s PoolShape) *Pool {
	return &Pool{s, spans(s.OH, s.H, s.KH, s.SH, s.DH, s.PT), spans(s.OW, s.W, s.KW, s.SW, s.DW, s.PL)}
}

func spans(out, in, kernel, stride, dilation, pad int) []span {
	all := make([]span, out)
	for o := range all {
		first := o*stride - pad
		from, to := first, first+(kernel-1)*dilation+1
		if from < 0 {
			from += ceilDiv(-from, dilation) * dilation
		}
		all[o] = span{from, max(from, min(to, in)), dilation}
	}
	return all
}

// outputRows calls f for each row of windows of each plane: o is the place of its first in y, base that of the plane
// in x, and in the kernel rows that lie inside of x. Planes come in parallel.
func (p *Pool) outputRows(team *Team, f func(s *Scratch, o, base int, in span)) {
	size := p.OH * p.OW
	team.Split(p.Planes, max(1, taskElements/max(1, size*p.KH*p.KW)), func(s *Scratch, from, to int) {
		for plane := from; plane < to; plane++ {
			for oh, in := range p.rows {
				f(s, plane*size+oh*p.OW, plane*p.H*p.W, in)
			}
		}
	})
}

// first gives where the first maximum of a window lies in x, in scan order; -1 where the window is all padding.
//
// Each element becomes an integer that is the larger, the larger the element, and among equal ones the earlier, so
// that the search takes no branch: which element is largest cannot be predicted.
func (p *Pool) first(x []float32, base int, rows, cols span) int {
	if rows.from >= rows.to || cols.from >= cols.to {
		return -1
	}
	best := int64(math.MinInt64)
	for h := rows.from; h < rows.to; h += rows.step {
		row := x[base+h*p.W:][:p.W]
		for w := cols.from; w < cols.to; w += cols.step {
			bits := int32(math.Float32bits(row[w] + 0)) // −0 becomes 0
			ordered := bits ^ bits>>31&math.MaxInt32
			best = max(best, int64(ordered)<<32|int64(^uint32(h*p.W+w)))
		}
	}
	return base + int(^uint32(best))
}

// Max takes the maximum of each window. index, where it is not nil, gets its place in x.
func (p *Pool) Max(team *Team, y []float32, index []int64, x []float32) {
	if index == nil {
		p.maxOnly(team, y, x)
		return
	}
	p.outputRows(team, func(_ *Scratch, o, base int, rows span) {
		for i, cols := range p.cols {
			at := p.first(x, base, rows, cols)
			index[o+i] = int64(at)
			if y[o+i] = float32(math.Inf(-1)); at >= 0 {
				y[o+i] = x[at]
			}
		}
	})
}

// maxOnly takes the maximum over the kernel's rows first, by vectors.
func (p *Pool) maxOnly(team *Team, y, x []float32) {
	p.outputRows(team, func(s *Scratch, o, base int, rows span) {
		out := y[o : o+p.OW]
		if rows.from >= rows.to {
			fill(out, float32(math.Inf(-1)))
			return
		}
		most := s.Floats(0, p.W)
		copy(most, x[base+rows.from*p.W:])
		for h := rows.from + rows.step; h < rows.to; h += rows.step {
			vek32.Maximum_Inplace(most, x[base+h*p.W:][:p.W])
		}
		for i, cols := range p.cols {
			m := float32(math.Inf(-1))
			for w := cols.from; w < cols.to; w += cols.step {
				m = max(m, most[w])
			}
			out[i] = m
		}
	})
}

// MaxGrad gives each element of dy to the first maximum of its window.
func (p *Pool) MaxGrad(team *Team, dx, dy, x []float32) {
	Fill(team, dx, 0)
	p.outputRows(team, func(_ *Scratch, o, base int, rows span) {
		for i, cols := range p.cols {
			if at := p.first(x, base, rows, cols); at >= 0 {
				dx[at] += dy[o+i]
			}
		}
	})
}

// Shares gives one over the number of positions that each window [OH,OW] is averaged over: those inside of x, or,
// where pads count, those inside of the padded x.
func (p *Pool) Shares(countPad bool) []float32 {
	rows, cols := p.rows, p.cols
	if countPad {
		rows = spans(p.OH, p.H+p.PT+p.PB, p.KH, p.SH, p.DH, 0)
		cols = spans(p.OW, p.W+p.PL+p.PR, p.KW, p.SW, p.DW, 0)
	}
	var shares []float32
	for _, r := range rows {
		for _, c := range cols {
			shares = append(shares, 1/float32(ceilDiv(r.to-r.from, r.step)*ceilDiv(c.to-c.from, c.step)))
		}
	}
	return shares
}

// Average averages each window; shares is what Shares gives.
func (p *Pool) Average(team *Team, y, x, shares []float32) {
	p.outputRows(team, func(_ *Scratch, o, base int, rows span) {
		for i, cols := range p.cols {
			var sum float32
			for h := rows.from; h < rows.to; h += rows.step {
				row := x[base+h*p.W:][:p.W]
				for w := cols.from; w < cols.to; w += cols.step {
					sum += row[w]
				}
			}
			y[o+i] = sum * shares[(o+i)%len(shares)]
		}
	})
}

// AverageGrad gives each position of a window its share of dy.
func (p *Pool) AverageGrad(team *Team, dx, dy, shares []float32) {
	Fill(team, dx, 0)
	p.outputRows(team, func(_ *Scratch, o, base int, rows span) {
		for i, cols := range p.cols {
			d := dy[o+i] * shares[(o+i)%len(shares)]
			for h := rows.from; h < rows.to; h += rows.step {
				row := dx[base+h*p.W:][:p.W]
				for w := cols.from; w < cols.to; w += cols.step {
					row[w] += d
				}
			}
		}
	})
}
