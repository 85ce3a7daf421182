package op

import (
	"math"
	"slices"

	"github.com/ildc/ildc/graph"
)

// resampling is what a Resize does: along each axis a product with a matrix.
type resampling struct {
	out  []int
	axes []*interpolation // nil for an axis that stays
}

// interpolation gives each output position as a weighted sum of input positions.
type interpolation struct {
	in      int
	rows    [][]tap
	outside []bool // by output position: beyond the region, where a constant stands; nil where none is
}

type tap struct {
	at     int
	weight float64
}

// newResampling resolves the attributes of a Resize, whose region of interest is constant, for an input of these
// extents.
func newResampling(n *graph.Node, in []int, scales []float64, to []int64) (*resampling, error) {
	axes, err := resizedAxes(n, len(in))
	if err != nil {
		return nil, err
	}
	if len(scales) != len(axes) && len(to) != len(axes) {
		return nil, Errorf(n, ErrMalformed, "%d scales and %d sizes for %d axes", len(scales), len(to), len(axes))
	}
	r := &resampling{out: slices.Clone(in), axes: make([]*interpolation, len(in))}
	if scales == nil {
		if to, scales, err = fitted(n, in, axes, to); err != nil {
			return nil, err
		}
	}
	region := n.Input(1)
	for i, a := range axes {
		s := sampling{node: n, in: in[a], scale: scales[i], end: 1}
		if !(s.scale > 0) || math.IsInf(s.scale, 0) {
			return nil, Errorf(n, ErrMalformed, "scale %v", s.scale)
		}
		if to != nil {
			s.out = int(to[i])
		} else {
			s.out = int(math.Floor(float64(in[a]) * s.scale))
		}
		if s.out < 0 || s.out > maxExtent {
			return nil, Errorf(n, ErrMalformed, "extent %d of axis %d", s.out, a)
		}
		if region != nil && region.Const != nil && region.Const.Len() == 2*len(axes) {
			v := region.Const.Values()
			s.start, s.end = v[i], v[i+len(axes)]
		}
		r.out[a] = s.out
		if s.scale == 1 && s.out == s.in && !s.crops() {
			continue
		}
		if r.axes[a], err = s.matrix(); err != nil {
			return nil, err
		}
	}
	return r, nil
}

// maxExtent bounds an interpolated axis.
const maxExtent = 1 << 20

// fitted gives sizes, and the scales that lead to them, under the policy for the aspect ratio.
func fitted(n *graph.Node, in, axes []int, to []int64) ([]int64, []float64, error) {
	scales := make([]float64, len(axes))
	for i, a := range axes {
		if in[a] == 0 {
			return nil, nil, Errorf(n, ErrMalformed, "no position along axis %d", a)
		}
		scales[i] = float64(to[i]) / float64(in[a])
	}
	pick := slices.Min[[]float64]
	switch policy := n.String("keep_aspect_ratio_policy", "stretch"); policy {
	case "stretch":
		return to, scales, nil
	case "not_larger":
	case "not_smaller":
		pick = slices.Max[[]float64]
	default:
		return nil, nil, Errorf(n, ErrMalformed, "keep_aspect_ratio_policy %q", policy)
	}
	scale := pick(scales)
	to = slices.Clone(to)
	for i, a := range axes {
		scales[i] = scale
		to[i] = int64(math.Floor(scale*float64(in[a]) + 0.5))
	}
	return to, scales, nil
}

// sampling is one axis of a Resize.
type sampling struct {
	node       *graph.Node
	in, out    int
	scale      float64
	start, end float64 // of the region, as parts of the axis
}

func (s sampling) mode() string { return s.node.String("coordinate_transformation_mode", "half_pixel") }

func (s sampling) crops() bool { return s.mode() == "tf_crop_and_resize" }

// position is where on the input output position o lies.
func (s sampling) position(o int) (float64, error) {
	x, in, width := float64(o), float64(s.in), float64(s.in)*s.scale
	half := (x+0.5)/s.scale - 0.5
	switch mode := s.mode(); mode {
	case "half_pixel":
		return half, nil
	case "half_pixel_symmetric":
		return in/2*(1-float64(s.out)/width) + half, nil
	case "pytorch_half_pixel":
		if s.out == 1 {
			return 0, nil
		}
		return half, nil
	case "align_corners":
		if width == 1 {
			return 0, nil
		}
		return x * (in - 1) / (width - 1), nil
	case "asymmetric":
		return x / s.scale, nil
	case "tf_half_pixel_for_nn":
		return (x + 0.5) / s.scale, nil
	case "tf_crop_and_resize":
		if s.out == 1 {
			return (s.start + s.end) / 2 * (in - 1), nil
		}
		return s.start*(in-1) + x*(s.end-s.start)*(in-1)/(float64(s.out)-1), nil
	default:
		return 0, Errorf(s.node, ErrUnsupported, "coordinate_transformation_mode %q", mode)
	}
}

// kernel gives the weights of the input positions from first on around a position.
func (s sampling) kernel(x float64) (first int, weights []float64, err error) {
	stretch := 1.0 // of the kernel, against aliasing
	if s.node.Int("antialias", 0) != 0 {
		stretch = max(1, 1/s.scale)
	}
	switch mode := s.node.String("mode", "nearest"); mode {
	case "nearest":
		at, err := s.nearest(x)
		return at, []float64{1}, err
	case "linear":
		first, weights = sample(x, stretch, 1, func(d float64) float64 { return max(0, 1-math.Abs(d)) })
	case "cubic":
		a := s.node.Float("cubic_coeff_a", -0.75)
		first, weights = sample(x, stretch, 2, func(d float64) float64 { return cubic(a, math.Abs(d)) })
	default:
		return 0, nil, Errorf(s.node, ErrUnsupported, "mode %q", mode)
	}
	return first, weights, nil
}

// sample evaluates a kernel of that radius, stretched, at the integers around x; the weights add up to 1.
func sample(x, stretch, radius float64, f func(d float64) float64) (first int, weights []float64) {
	first = int(math.Ceil(x - radius*stretch))
	sum := 0.0
	for at := first; float64(at) <= x+radius*stretch; at++ {
		w := f((float64(at) - x) / stretch)
		weights = append(weights, w)
		sum += w
	}
	for i := range weights {
		weights[i] /= sum
	}
	return first, weights
}

// cubic is the convolution kernel of Keys 1981, equation 15, at a distance.
func cubic(a, d float64) float64 {
	switch {
	case d <= 1:
		return ((a+2)*d-(a+3))*d*d + 1
	case d < 2:
		return ((a*d-5*a)*d+8*a)*d - 4*a
	}
	return 0
}

func (s sampling) nearest(x float64) (int, error) {
	switch mode := s.node.String("nearest_mode", "round_prefer_floor"); mode {
	case "round_prefer_floor":
		return int(math.Ceil(x - 0.5)), nil
	case "round_prefer_ceil":
		return int(math.Floor(x + 0.5)), nil
	case "floor":
		return int(math.Floor(x)), nil
	case "ceil":
		return int(math.Ceil(x)), nil
	default:
		return 0, Errorf(s.node, ErrUnsupported, "nearest_mode %q", mode)
	}
}

// matrix makes the interpolation. Positions beyond the ends read the last one there, or count for nothing with
// exclude_outside.
func (s sampling) matrix() (*interpolation, error) {
	m := &interpolation{in: s.in, rows: make([][]tap, s.out)}
	for o := range m.rows {
		x, err := s.position(o)
		if err != nil {
			return nil, err
		}
		if s.crops() && (x < 0 || x > float64(s.in-1)) {
			if m.outside == nil {
				m.outside = make([]bool, s.out)
			}
			m.outside[o] = true
			continue
		}
		first, weights, err := s.kernel(x)
		if err != nil {
			return nil, err
		}
		total := 0.0
		for i, w := range weights {
			at := first + i
			if s.node.Int("exclude_outside", 0) != 0 && (at < 0 || at >= s.in) {
				continue
			}
			total += w
			m.rows[o] = append(m.rows[o], tap{min(max(at, 0), s.in-1), w})
		}
		for i := range m.rows[o] {
			m.rows[o][i].weight /= total
		}
	}
	return m, nil
}

// tensor is the matrix: [out,in].
func (m *interpolation) tensor(dtype graph.DType) *graph.Tensor {
	v := make([]float64, len(m.rows)*m.in)
	for o, row := range m.rows {
		for _, t := range row {
			v[o*m.in+t.at] += t.weight
		}
	}
	return graph.FromValues(dtype, []int{len(m.rows), m.in}, v)
}

// extrapolate writes c where a position along any axis is outside of the region.
func (r *resampling) extrapolate(v []float64, c float64) {
	inner := len(v)
	for a, m := range r.axes {
		if inner /= max(1, r.out[a]); m == nil || m.outside == nil {
			continue
		}
		for i := range v {
			if m.outside[i/inner%r.out[a]] {
				v[i] = c
			}
		}
	}
}
