package dataset

import (
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
)

// Preprocess is what a model expects to be done to the stored values: y = (x·Scale − Mean) / Std, laid out as Layout
// says. The zero value leaves them as they are: pixels are 0 … 255. It applies to inputs of a floating-point type
// only.
type Preprocess struct {
	Scale  float64   // 0 means 1
	Mean   []float64 // one, or one per channel; none means 0
	Std    []float64 // one, or one per channel; none means 1
	Layout Layout
}

// Layout is the order of an image's axes in a model's input.
type Layout string

// The layouts. Detected picks the one that fits the input's shape, and NCHW where both do.
const (
	Detected Layout = ""
	NCHW     Layout = "nchw"
	NHWC     Layout = "nhwc"
)

// presets are preprocessings that are common enough to have names.
var presets = map[string]Preprocess{
	"raw":      {},
	"unit":     {Scale: 1. / 255},
	"signed":   {Scale: 1 / 127.5, Mean: []float64{1}},
	"mnist":    {Scale: 1. / 255, Mean: []float64{0.1307}, Std: []float64{0.3081}},
	"cifar10":  {Scale: 1. / 255, Mean: []float64{0.4914, 0.4822, 0.4465}, Std: []float64{0.2470, 0.2435, 0.2616}},
	"imagenet": {Scale: 1. / 255, Mean: []float64{0.485, 0.456, 0.406}, Std: []float64{0.229, 0.224, 0.225}},
}

// Presets lists the names that [ParsePreprocess] knows: raw (0 … 255), unit (0 … 1), signed (−1 … 1), and the channel
// statistics of data sets.
func Presets() []string { return slices.Sorted(maps.Keys(presets)) }

// ParsePreprocess reads words such as "cifar10" or "unit mean=0.5 std=0.5 layout=nhwc": a preset's name, which may
// only come first, and scale=, mean=, std= (numbers separated by commas, "1/255" is one) and layout=, each of which
// overrides the preset.
func ParsePreprocess(text string) (Preprocess, error) {
	var p Preprocess
	var errs []error
	for i, word := range strings.Fields(text) {
		key, value, ok := strings.Cut(word, "=")
		if !ok {
			preset, known := presets[word]
			if !known || i > 0 {
				errs = append(errs, fmt.Errorf("dataset: preprocessing %q: want one of %s first, then scale=, mean=, std=, layout=",
					word, strings.Join(Presets(), ", ")))
			}
			p = preset
			continue
		}
		var err error
		switch key {
		case "scale":
			var v []float64
			if v, err = parseNumbers(value); err == nil && len(v) != 1 {
				err = errors.New("want one number")
			}
			if err == nil {
				p.Scale = v[0]
			}
		case "mean":
			p.Mean, err = parseNumbers(value)
		case "std":
			p.Std, err = parseNumbers(value)
		case "layout":
			p.Layout = Layout(strings.ToLower(value))
		default:
			err = errors.New("want scale=, mean=, std= or layout=")
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("dataset: preprocessing %q: %w", word, err))
		}
	}
	if len(errs) == 0 {
		errs = append(errs, p.validate())
	}
	if err := errors.Join(errs...); err != nil {
		return Preprocess{}, err
	}
	p.Mean, p.Std = slices.Clone(p.Mean), slices.Clone(p.Std)
	return p, nil
}

// parseNumbers reads numbers and fractions separated by commas.
func parseNumbers(text string) ([]float64, error) {
	var numbers []float64
	for part := range strings.SplitSeq(text, ",") {
		above, below, fraction := strings.Cut(part, "/")
		v, err := strconv.ParseFloat(above, 64)
		if err == nil && fraction {
			var d float64
			d, err = strconv.ParseFloat(below, 64)
			v /= d
		}
		if err != nil {
			return nil, fmt.Errorf("%q is not a number", part)
		}
		numbers = append(numbers, v)
	}
	return numbers, nil
}

// String is the text that [ParsePreprocess] reads back as an equal value; "raw" for the zero value.
func (p Preprocess) String() string {
	var words []string
	if p.Scale != 0 {
		words = append(words, "scale="+joinNumbers([]float64{p.Scale}))
	}
	if len(p.Mean) > 0 {
		words = append(words, "mean="+joinNumbers(p.Mean))
	}
	if len(p.Std) > 0 {
		words = append(words, "std="+joinNumbers(p.Std))
	}
	if p.Layout != Detected {
		words = append(words, "layout="+string(p.Layout))
	}
	if words == nil {
		return "raw"
	}
	return strings.Join(words, " ")
}

func joinNumbers(numbers []float64) string {
	words := make([]string, len(numbers))
	for i, v := range numbers {
		words[i] = strconv.FormatFloat(v, 'g', -1, 64)
	}
	return strings.Join(words, ",")
}

func (p Preprocess) validate() error {
	var errs []error
	finite := func(what string, numbers ...float64) {
		for _, v := range numbers {
			if math.IsNaN(v) || math.IsInf(v, 0) {
				errs = append(errs, fmt.Errorf("dataset: preprocessing: %s %g is not a finite number", what, v))
			}
		}
	}
	finite("scale", p.Scale)
	finite("mean", p.Mean...)
	finite("std", p.Std...)
	for _, s := range p.Std {
		if s <= 0 {
			errs = append(errs, fmt.Errorf("dataset: preprocessing: std %g: want more than 0", s))
		}
	}
	switch p.Layout {
	case Detected, NCHW, NHWC:
	default:
		errs = append(errs, fmt.Errorf("dataset: preprocessing: layout %q: want %s or %s", p.Layout, NCHW, NHWC))
	}
	return errors.Join(errs...)
}

// identity says whether values stay as they are.
func (p Preprocess) identity() bool {
	return (p.Scale == 0 || p.Scale == 1) && !slices.ContainsFunc(p.Mean, func(v float64) bool { return v != 0 }) &&
		!slices.ContainsFunc(p.Std, func(v float64) bool { return v != 1 })
}

// affine gives y = x·mul + add per channel.
func (p Preprocess) affine(channels int) (mul, add []float64, err error) {
	pick := func(what string, v []float64, c int, def float64) float64 {
		switch len(v) {
		case 0:
			return def
		case 1:
			return v[0]
		case channels:
			return v[c]
		}
		err = fmt.Errorf("%d values of %s for %d channels", len(v), what, channels)
		return def
	}
	scale := p.Scale
	if scale == 0 {
		scale = 1
	}
	mul, add = make([]float64, channels), make([]float64, channels)
	for c := range channels {
		std := pick("std", p.Std, c, 1)
		mul[c], add[c] = scale/std, -pick("mean", p.Mean, c, 0)/std
	}
	return mul, add, err
}
