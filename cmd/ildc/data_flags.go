package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/spf13/pflag"

	"github.com/ildc/ildc"
	"github.com/ildc/ildc/distill/dataset"
)

// preprocessFlags say how stored values become a model's inputs.
type preprocessFlags struct{ preset, scale, mean, std, layout string }

func (p *preprocessFlags) register(f *pflag.FlagSet, prefix, whose string) {
	if prefix == "" {
		f.StringVar(&p.preset, "preset", "", "preprocessing of the data: "+strings.Join(dataset.Presets(), ", "))
	}
	f.StringVar(&p.scale, prefix+"scale", "", "factor on stored values"+whose+", as 0.0039 or 1/255")
	f.StringVar(&p.mean, prefix+"mean", "", "mean to subtract after scaling"+whose+", one or one per channel")
	f.StringVar(&p.std, prefix+"std", "", "deviation to divide by"+whose+", one or one per channel")
	f.StringVar(&p.layout, prefix+"layout", "",
		"axes of images in the model's input"+whose+": nchw or nhwc (default: what fits)")
}

func (p *preprocessFlags) given() bool { return *p != preprocessFlags{} }

func (p *preprocessFlags) parse() (dataset.Preprocess, error) {
	words := []string{p.preset}
	for _, w := range []struct{ name, value string }{
		{"scale", p.scale}, {"mean", p.mean}, {"std", p.std}, {"layout", p.layout},
	} {
		if w.value != "" {
			words = append(words, w.name+"="+strings.ReplaceAll(w.value, " ", ""))
		}
	}
	pre, err := dataset.ParsePreprocess(strings.Join(words, " "))
	if err != nil {
		return pre, usageError{err}
	}
	return pre, nil
}

// dataFlags say what data there is.
type dataFlags struct {
	path, resize, label, augment string
	channels, synthetic          int
	noise                        bool
	holdout, validation          float64
	bind                         map[string]string
	teacher, student             preprocessFlags
}

func (d *dataFlags) register(f *pflag.FlagSet) {
	f.StringVar(&d.path, "data", "", "image folder, IDX file or folder, .npy, .npz or .csv")
	f.StringVar(&d.resize, "resize", "", "resize images to HxW, or to N for NxN")
	f.IntVar(&d.channels, "channels", 0, "turn images gray (1) or RGB (3)")
	f.StringVar(&d.label, "label", "", "CSV: column with the class (default: the last; \"none\": no labels)")
	f.Float64Var(&d.holdout, "holdout", 0, "fraction of test samples where the data has no test part of its own")
	f.StringToStringVar(&d.bind, "bind", nil,
		"sizes of symbolic extents other than the batch, as seq=64, or x.2=48 for one of input x without a name")
	d.teacher.register(f, "", "")
	d.student.register(f, "student-", " for the student, where it differs")
}

// registerTraining registers what training does with the data.
func (d *dataFlags) registerTraining(f *pflag.FlagSet) {
	f.StringVar(&d.augment, "augment", "", "vary training data: flip and crop=4 for images, mixup=0.2")
	f.Float64Var(&d.validation, "validation", 0,
		"fraction of training data held out to choose the best state (default 0.1; 0 of fewer than 1,000 samples)")
}

// registerSynthetic registers what there is in the place of data.
func (d *dataFlags) registerSynthetic(f *pflag.FlagSet) {
	f.IntVar(&d.synthetic, "synthetic", 0, "inputs that are made up where there is no data (default 2048)")
	f.BoolVar(&d.noise, "noise", false,
		"make them up as noise and shapes, though the teacher's batch norm tells what they should be like")
}

// parse gives the data's description; missing data is an error where it is needed.
func (d *dataFlags) parse(seed uint64, needed bool) (ildc.Data, error) {
	out := ildc.Data{Path: d.path, Validation: d.validation, Synthetic: d.synthetic, Noise: d.noise}
	if cache, err := os.UserCacheDir(); err == nil {
		out.Cache = filepath.Join(cache, "ildc", "inputs")
	}
	if needed && d.path == "" {
		return out, usageError{fmt.Errorf("--data is needed")}
	}
	var err error
	if out.Preprocess, err = d.teacher.parse(); err != nil {
		return out, err
	}
	if d.student.given() {
		own, err := d.student.parse()
		if err != nil {
			return out, err
		}
		out.Student = &own
	}
	if out.Augment, err = dataset.ParseAugment(d.augment); err != nil {
		return out, usageError{err}
	}
	out.Open = dataset.Options{Channels: d.channels, Label: d.label, Holdout: d.holdout, Seed: seed}
	if d.resize != "" {
		h, w, both := strings.Cut(strings.ToLower(d.resize), "x")
		if !both {
			w = h
		}
		var errH, errW error
		out.Open.Height, errH = strconv.Atoi(h)
		out.Open.Width, errW = strconv.Atoi(w)
		if errH != nil || errW != nil || out.Open.Height < 1 || out.Open.Width < 1 {
			return out, usageError{fmt.Errorf("--resize %q: want HxW or N, in pixels", d.resize)}
		}
	}
	for symbol, size := range d.bind {
		n, err := strconv.Atoi(size)
		if err != nil || n < 1 {
			return out, usageError{fmt.Errorf("--bind %s=%s: want a size", symbol, size)}
		}
		if out.Symbols == nil {
			out.Symbols = map[string]int{}
		}
		out.Symbols[symbol] = n
	}
	return out, nil
}
