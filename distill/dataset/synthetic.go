package dataset

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"

	"github.com/ildc/ildc/graph"
)

// SyntheticOptions say what inputs to make up.
type SyntheticOptions struct {
	N    int // samples; 0 means 2048
	Seed uint64
	// Pixels makes images of bytes, for a model whose preprocessing is known. Else values are spread around 0 with a
	// deviation of about 1, as most preprocessing leaves them.
	Pixels bool
	Below  map[string]int64 // integer inputs are 0 … Below−1, by the input's name; 0 and 1 where it is not there
}

// Synthetic is a dataset of made-up inputs for a model, without labels: images [N,C,H,W] are smooth random shapes
// with some noise, and every fourth one is noise alone; other inputs are normal noise. They stand in where there is
// no data. What a student learns from them carries over to real inputs only in part.
func Synthetic(inputs []*graph.Value, o SyntheticOptions) (Dataset, error) {
	if o.N == 0 {
		o.N = 2048
	}
	s := &synthetic{o: o, spec: Spec{Synthetic: true}}
	var errs []error
	if o.N < 0 {
		errs = append(errs, fmt.Errorf("dataset: %d synthetic samples", o.N))
	}
	for _, in := range inputs {
		f, err := syntheticFeature(in, o.Pixels)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		s.spec.Features = append(s.spec.Features, f)
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	return s, nil
}

type synthetic struct {
	o    SyntheticOptions
	spec Spec
}

func syntheticFeature(in *graph.Value, pixels bool) (Feature, error) {
	bad := func(format string, args ...any) (Feature, error) {
		return Feature{}, fmt.Errorf("dataset: input %q %v%v cannot be made up: "+format,
			append([]any{in.Name, in.DType, in.Shape}, args...)...)
	}
	switch {
	case !in.DType.Known() || in.DType == graph.String:
		return bad("want a numeric type")
	case in.Shape.Rank() < 1:
		return bad("it has no batch axis")
	case !in.Shape[1:].Static():
		return bad("want known extents after the batch axis")
	}
	f := Feature{Name: in.Name, DType: in.DType, Dims: in.Shape[1:].Sizes()}
	if n, ok := elements(f.Dims); !ok || n > maxPixels {
		return bad("more than %d elements", maxPixels)
	}
	if !floating(in.DType) {
		return f, nil
	}
	f.DType = graph.Float32
	h, w, c, ok := inputImage(in, Detected)
	if !ok && len(f.Dims) == 3 {
		c, h, w, ok = f.Dims[0], f.Dims[1], f.Dims[2], true
	}
	if ok && (pixels || len(f.Dims) == 3) {
		f.Image, f.Dims = true, []int{h, w, c}
		if pixels {
			f.DType = graph.Uint8
		}
	}
	return f, nil
}

func (s *synthetic) Len() int { return s.o.N }

func (s *synthetic) Spec() Spec { return s.spec }

func (s *synthetic) Sample(i int) (Sample, error) {
	if i < 0 || i >= s.o.N {
		return Sample{}, fmt.Errorf("dataset: sample %d of %d", i, s.o.N)
	}
	r := stream(s.o.Seed, syntheticStream, i)
	out := Sample{Label: NoLabel}
	for _, f := range s.spec.Features {
		v := make([]float64, graph.Product(f.Dims))
		switch {
		case f.Image && i%4 != 3:
			shapes(v, f.Dims, r)
		case floating(f.DType) || f.Image:
			for k := range v {
				v[k] = r.NormFloat64()
			}
		default:
			below := s.o.Below[f.Name]
			if below < 1 {
				below = 2
			}
			for k := range v {
				v[k] = float64(r.Int64N(below))
			}
		}
		if f.DType == graph.Uint8 && f.Image {
			for k := range v {
				v[k] = math.Round(min(max(128+50*v[k], 0), 255))
			}
		}
		out.Features = append(out.Features, graph.FromValues(f.DType, f.Dims, v))
	}
	return out, nil
}

// shapes draws an image [H,W,C]: a coarse random grid per channel, interpolated, a rectangle in front of it, and noise.
func shapes(v []float64, dims []int, r *rand.Rand) {
	h, w, c := dims[0], dims[1], dims[2]
	n := 2 + r.IntN(4)
	grid := make([]float64, (n+1)*(n+1)*c)
	for k := range grid {
		grid[k] = r.NormFloat64()
	}
	at := func(y, x, k int) float64 { return grid[(y*(n+1)+x)*c+k] }
	rows, columns := interval(r, h), interval(r, w)
	front := make([]float64, c)
	for k := range front {
		front[k] = r.NormFloat64()
	}
	for y := range h {
		fy, ty := math.Modf(float64(y) / float64(h) * float64(n))
		for x := range w {
			fx, tx := math.Modf(float64(x) / float64(w) * float64(n))
			inside := rows[0] <= y && y < rows[1] && columns[0] <= x && x < columns[1]
			for k := range c {
				above := at(int(fy), int(fx), k)*(1-tx) + at(int(fy), int(fx)+1, k)*tx
				below := at(int(fy)+1, int(fx), k)*(1-tx) + at(int(fy)+1, int(fx)+1, k)*tx
				value := above*(1-ty) + below*ty
				if inside {
					value = front[k]
				}
				v[(y*w+x)*c+k] = 1.2*value + 0.25*r.NormFloat64()
			}
		}
	}
}

// interval is a random part of 0 … n.
func interval(r *rand.Rand, n int) []int {
	ends := []int{r.IntN(n + 1), r.IntN(n + 1)}
	slices.Sort(ends)
	return ends
}
