package dataset

import (
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"

	"github.com/ildc/ildc/graph"
)

// Augment varies training images at random; Mixup varies batches, of any inputs that are not integers. The zero value
// varies nothing.
type Augment struct {
	FlipX bool // mirrored left to right with probability ½
	FlipY bool // mirrored top to bottom with probability ½
	// shifted by up to Pad pixels along each axis: padded with zeros on every side and cropped to the former size
	Pad int

	// Mixup is α of a Beta(α,α) distribution that a part λ is drawn from for each batch: a sample becomes λ times itself
	// and 1−λ times another one of the batch, and so do its labels (Zhang et al. 2018, "mixup: Beyond Empirical Risk
	// Minimization", section 2). 0: none, unless samples that are seen often call for it; NoMixup says that there is to be
	// none.
	Mixup   float64
	NoMixup bool
}

// ParseAugment reads words separated by commas: "flip" or "flip-x", "flip-y", "crop=4" (the Pad), "mixup=0.2" or
// "mixup=0"; "none" or nothing for no augmentation, "none" for no mixup, either.
func ParseAugment(text string) (Augment, error) {
	var a Augment
	if text == "" {
		return a, nil
	}
	if text == "none" {
		return Augment{NoMixup: true}, nil
	}
	for word := range strings.SplitSeq(text, ",") {
		key, value, _ := strings.Cut(word, "=")
		switch key {
		case "flip", "flip-x":
			a.FlipX = true
		case "flip-y":
			a.FlipY = true
		case "crop":
			pad, err := strconv.ParseUint(value, 10, 16)
			if err != nil {
				return Augment{}, fmt.Errorf("dataset: augmentation %q: want a number of pixels", word)
			}
			a.Pad = int(pad)
		case "mixup":
			alpha, err := strconv.ParseFloat(value, 64)
			if err != nil || !(alpha >= 0 && alpha <= 100) {
				return Augment{}, fmt.Errorf("dataset: augmentation %q: want a number from 0 to 100, as mixup=0.2", word)
			}
			a.Mixup, a.NoMixup = alpha, alpha == 0
		default:
			return Augment{}, fmt.Errorf("dataset: augmentation %q: want flip, flip-y, crop=PIXELS, mixup=ALPHA or none", word)
		}
	}
	return a, nil
}

// String is the text that [ParseAugment] reads back.
func (a Augment) String() string {
	var words []string
	if a.FlipX {
		words = append(words, "flip")
	}
	if a.FlipY {
		words = append(words, "flip-y")
	}
	if a.Pad > 0 {
		words = append(words, "crop="+strconv.Itoa(a.Pad))
	}
	if a.Mixup > 0 {
		words = append(words, "mixup="+strconv.FormatFloat(a.Mixup, 'g', -1, 64))
	}
	switch {
	case a.NoMixup && words == nil:
		return "none"
	case a.NoMixup:
		words = append(words, "mixup=0")
	}
	return strings.Join(words, ",")
}

// view is one way to look at an image.
type view struct {
	flipX, flipY bool
	dx, dy       int // where the crop begins in the source, −Pad … Pad
}

// draw picks a view. The numbers drawn don't depend on which variations are on.
func (a Augment) draw(r *rand.Rand) view {
	flips, x, y := r.Uint64(), r.IntN(2*a.Pad+1), r.IntN(2*a.Pad+1)
	return view{a.FlipX && flips&1 != 0, a.FlipY && flips&2 != 0, x - a.Pad, y - a.Pad}
}

// apply gives the view of an image [H,W,C] of bytes or float32, as a new tensor where anything changes.
func (v view) apply(t *graph.Tensor) *graph.Tensor {
	if v == (view{}) || len(t.Dims) != 3 {
		return t
	}
	out := graph.NewTensor(t.DType, t.Dims...)
	switch d := t.Data.(type) {
	case []uint8:
		remap(out.Data.([]uint8), d, t.Dims, v)
	case []float32:
		remap(out.Data.([]float32), d, t.Dims, v)
	default:
		return t
	}
	return out
}

func remap[T uint8 | float32](dst, src []T, dims []int, v view) {
	h, w, c := dims[0], dims[1], dims[2]
	if len(src) != len(dst) {
		return
	}
	for y := range h {
		from := y + v.dy
		if v.flipY {
			from = h - 1 - y + v.dy
		}
		if from < 0 || from >= h {
			continue
		}
		for x := range w {
			at := x + v.dx
			if v.flipX {
				at = w - 1 - x + v.dx
			}
			if at >= 0 && at < w {
				copy(dst[(y*w+x)*c:][:c], src[(from*w+at)*c:])
			}
		}
	}
}
