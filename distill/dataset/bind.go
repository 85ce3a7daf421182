package dataset

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/ildc/ildc/graph"
	"github.com/ildc/ildc/internal/setting"
)

// Binding matches the features of a dataset to the inputs of a model, and says how each value is transformed on the
// way.
type Binding struct {
	Prefix string // is put before the inputs' names in a batch, to tell two models apart

	slots []slot
}

// Mixes says whether samples can be mixed: no input is of integers.
func (b *Binding) Mixes() bool {
	return !slices.ContainsFunc(b.slots, func(s slot) bool { return s.dtype != graph.Float32 })
}

// slot is one input of the model.
type slot struct {
	name    string
	dtype   graph.DType
	dims    []int // of one sample, as the model wants it
	feature int   // position in the spec
	planar  bool  // the source is [H,W,C] and the target [C,H,W]
	inner   int   // the channel of source element j is j/inner mod channels
	mul     []float64
	add     []float64   // per channel, y = x·mul + add
	table   [][]float32 // per channel, what each byte becomes; nil where the source isn't bytes or the target not float32
}

// Bind matches the features to inputs of shape [N,…]. A feature goes to the input of its name; where there is one of
// each, names don't matter. Extents of 1 may be missing on either side, an input may be flat ([N,784] for 28×28
// pixels), and symbolic extents take the feature's. Images [H,W,C] fit inputs [N,C,H,W] and [N,H,W,C]; flat ones are
// in the order C, H, W unless the layout says otherwise. The error says for every input what does not fit.
func Bind(spec Spec, inputs []*graph.Value, p Preprocess) (*Binding, error) {
	errs := []error{p.validate()}
	b := &Binding{}
	used := false
	for _, in := range inputs {
		k := slices.IndexFunc(spec.Features, func(f Feature) bool { return f.Name == in.Name })
		if k < 0 && len(inputs) == 1 && len(spec.Features) == 1 {
			k = 0
		}
		if k < 0 {
			errs = append(errs, fmt.Errorf("dataset: nothing for input %q %v%v: the data has %s; "+
				"an .npz file with one array per input's name can feed it",
				in.Name, in.DType, in.Shape, list(spec.Features)))
			continue
		}
		s, err := newSlot(spec.Features[k], in, p)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		s.feature = k
		used = used || floating(in.DType)
		b.slots = append(b.slots, s)
	}
	if !used && !p.identity() && errors.Join(errs...) == nil {
		errs = append(errs, fmt.Errorf("dataset: preprocessing %q, and no input of a floating-point type to apply it to", p))
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	return b, nil
}

// Dims gives the extents of one sample per input, without prefix and batch axis, where symbolic extents have become
// sizes.
func (b *Binding) Dims() map[string][]int {
	dims := map[string][]int{}
	for _, s := range b.slots {
		dims[s.name] = slices.Clone(s.dims)
	}
	return dims
}

func floating(t graph.DType) bool { return t.IsFloat() || t == graph.Float16 || t == graph.BFloat16 }

func list(features []Feature) string {
	names := make([]string, len(features))
	for i, f := range features {
		names[i] = f.String()
	}
	return strings.Join(names, ", ")
}

func newSlot(f Feature, in *graph.Value, p Preprocess) (slot, error) {
	bad := func(format string, args ...any) (slot, error) {
		return slot{}, fmt.Errorf("dataset: input %q %v%v: "+format, append([]any{in.Name, in.DType, in.Shape}, args...)...)
	}
	switch {
	case !in.DType.Known() || in.DType == graph.String:
		return bad("its type cannot be fed")
	case in.Shape.Rank() < 1:
		return bad("it has no batch axis")
	case floating(f.DType) && !floating(in.DType):
		return bad("feature %v is not of integers", f)
	}
	s := slot{name: in.Name, dtype: in.DType, inner: 1}
	channels := 1
	if f.Image && len(f.Dims) == 3 {
		h, w, c := f.Dims[0], f.Dims[1], f.Dims[2]
		channels = c
		ok := false
		if p.Layout != NHWC {
			s.dims, ok = fit(in.Shape[1:], []int{c, h, w})
			s.planar = ok && c > 1
		}
		if !ok && p.Layout != NCHW {
			s.dims, ok = fit(in.Shape[1:], []int{h, w, c})
		}
		if !ok {
			_, err := bad("images of %d×%d with %d channels (feature %q) do not fit", h, w, c, f.Name)
			return slot{}, advise(err, in, f, p.Layout)
		}
	} else {
		var ok bool
		if s.dims, ok = fit(in.Shape[1:], f.Dims); !ok {
			return bad("feature %v does not fit", f)
		}
		channels, s.inner = channelAxis(f.Dims, p)
	}
	if !floating(in.DType) {
		p = Preprocess{}
	}
	var err error
	if s.mul, s.add, err = p.affine(channels); err != nil {
		return bad("preprocessing %q: %w", p, err)
	}
	if f.DType == graph.Uint8 && in.DType == graph.Float32 {
		s.table = make([][]float32, channels)
		for c := range s.table {
			s.table[c] = make([]float32, 256)
			for x := range s.table[c] {
				s.table[c][x] = float32(float64(x)*s.mul[c] + s.add[c])
			}
		}
	}
	return s, nil
}

// channelAxis finds the axis of plain features that Mean and Std speak of: the last one of tables and in NHWC, else
// the first.
func channelAxis(dims []int, p Preprocess) (channels, inner int) {
	switch {
	case len(p.Mean) <= 1 && len(p.Std) <= 1 || len(dims) == 0:
		return 1, 1
	case p.Layout == NHWC:
		return dims[len(dims)-1], 1
	}
	return dims[0], graph.Product(dims[1:])
}

// fit gives the extents that dims take in a target shape: the same, or with extents of 1 put in or left out, or flat.
func fit(target graph.Shape, dims []int) ([]int, bool) {
	if out, ok := match(target, dims); ok {
		return out, ok
	}
	isOne := func(d int) bool { return d == 1 }
	if out, ok := match(target, slices.DeleteFunc(slices.Clone(dims), isOne)); ok {
		return out, ok
	}
	return match(target, []int{graph.Product(dims)})
}

// match puts dims into target in order, where known extents of 1 in the target may be passed over.
func match(target graph.Shape, dims []int) ([]int, bool) {
	out := make([]int, len(target))
	skip := len(target) - len(dims) // how many extents of 1 are to be passed over
	for i, d := range target {
		switch {
		case len(dims) > 0 && d.Is(dims[0]) && !(d.Is(1) && skip > 0), len(dims) > 0 && !d.Known():
			out[i], dims = dims[0], dims[1:]
		case d.Is(1) && skip > 0:
			out[i] = 1
			skip--
		default:
			return nil, false
		}
	}
	return out, len(dims) == 0
}

// advise adds to an error that images do not fit an input what would make them fit, where that can be told.
func advise(err error, in *graph.Value, f Feature, layout Layout) error {
	var parts, fields []string
	h, w, c, ok := inputImage(in, layout)
	if !ok {
		other := NHWC
		if layout == NHWC {
			other = NCHW
		}
		if h, w, c, ok = inputImage(in, other); !ok {
			return err
		}
		parts = append(parts, "the layout "+string(other))
		fields = append(fields, "Layout")
	}
	if f.Dims[0] != h || f.Dims[1] != w {
		parts = append(parts, fmt.Sprintf("%d×%d pixels", h, w))
		fields = append(fields, "Height", "Width")
	}
	if f.Dims[2] != c {
		parts = append(parts, map[int]string{1: "1 channel (gray)", 3: "3 channels (RGB)"}[c])
		fields = append(fields, "Channels")
	}
	return setting.Mends(fmt.Errorf("%w: %s would", err, strings.Join(parts, " and ")), fields...)
}

// inputImage gives the size of the images that an input [N,…] takes, where its shape tells: 1 or 3 channels, first or
// last, or flat and square.
func inputImage(in *graph.Value, layout Layout) (height, width, channels int, ok bool) {
	if in.Shape.Rank() < 2 || !in.Shape[1:].Static() {
		return 0, 0, 0, false
	}
	d := in.Shape[1:].Sizes()
	isColour := func(c int) bool { return c == 1 || c == 3 }
	switch {
	case len(d) == 3 && layout != NHWC && isColour(d[0]):
		return d[1], d[2], d[0], true
	case len(d) == 3 && layout != NCHW && isColour(d[2]):
		return d[0], d[1], d[2], true
	case len(d) == 2 && d[0] > 1 && d[1] > 1:
		return d[0], d[1], 1, true
	case len(d) <= 2:
		n := graph.Product(d)
		for _, c := range []int{1, 3} {
			if side := int(math.Sqrt(float64(n / c))); side > 1 && side*side*c == n {
				return side, side, c, true
			}
		}
	}
	return 0, 0, 0, false
}
