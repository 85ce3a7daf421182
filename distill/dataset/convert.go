package dataset

import (
	"fmt"
	"slices"

	"github.com/ildc/ildc/graph"
)

// rows collects one input's values, sample by sample.
type rows struct {
	slot *slot
	n    int       // elements per sample
	f32  []float32 // where the input is float32
	f64  []float64 // where it is of any other type
}

func (s *slot) rows(batch int) rows {
	r := rows{slot: s, n: graph.Product(s.dims)}
	if s.dtype == graph.Float32 {
		r.f32 = make([]float32, batch*r.n)
	} else {
		r.f64 = make([]float64, batch*r.n)
	}
	return r
}

// put transforms one sample's feature into row i.
func (r rows) put(i int, t *graph.Tensor) error {
	s := r.slot
	if t.Len() != r.n {
		return fmt.Errorf("a sample for input %q is %v: want %d elements", s.name, t, r.n)
	}
	switch d := t.Data.(type) {
	case []uint8:
		if s.table != nil && len(d) == r.n {
			s.place(len(d), func(to, from, channel int) { r.f32[i*r.n+to] = s.table[channel][d[from]] })
			return nil
		}
	case []float32:
		if r.f32 != nil && len(d) == r.n {
			s.place(len(d), func(to, from, c int) { r.f32[i*r.n+to] = float32(float64(d[from])*s.mul[c] + s.add[c]) })
			return nil
		}
	}
	d := t.Values()
	if len(d) != r.n {
		return fmt.Errorf("a sample for input %q is %v: want numbers", s.name, t)
	}
	if r.f32 != nil {
		s.place(len(d), func(to, from, c int) { r.f32[i*r.n+to] = float32(d[from]*s.mul[c] + s.add[c]) })
	} else {
		s.place(len(d), func(to, from, c int) { r.f64[i*r.n+to] = d[from]*s.mul[c] + s.add[c] })
	}
	return nil
}

// place calls move for each of n source elements with where it goes and its channel.
func (s *slot) place(n int, move func(to, from, channel int)) {
	channels := len(s.mul)
	if s.planar {
		pixels := n / channels
		for c := range channels {
			for p := range pixels {
				move(c*pixels+p, p*channels+c, c)
			}
		}
		return
	}
	for j := range n {
		move(j, j, j/s.inner%channels)
	}
}

// repeat copies row i to every later one.
func (r rows) repeat(i, batch int) {
	for k := i + 1; k < batch; k++ {
		if r.f32 != nil {
			copy(r.f32[k*r.n:][:r.n], r.f32[i*r.n:])
		} else {
			copy(r.f64[k*r.n:][:r.n], r.f64[i*r.n:])
		}
	}
}

// tensor is the batch [N,…].
func (r rows) tensor(batch int) *graph.Tensor {
	dims := slices.Concat([]int{batch}, r.slot.dims)
	if r.f32 != nil {
		return graph.FromFloat32(dims, r.f32)
	}
	return graph.FromValues(r.slot.dtype, dims, r.f64)
}
