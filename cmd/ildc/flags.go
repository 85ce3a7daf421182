package main

import (
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/ildc/ildc"
	"github.com/ildc/ildc/distill"
	"github.com/ildc/ildc/distill/dataset"
	"github.com/ildc/ildc/distill/loss"
	"github.com/ildc/ildc/layermatch"
	"github.com/ildc/ildc/models"
)

// model is the model that an argument names; "-" is stdin.
func model(c *cobra.Command, arg string) ildc.Model {
	if arg == "-" {
		return ildc.Reader(c.InOrStdin())
	}
	return ildc.File(arg)
}

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
		"fraction of training data held out to choose the best state (default 0.1)")
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

// studentFlags say what the student is.
type studentFlags struct {
	budget         string
	keep           []string
	pairs, noPairs []string
	student        string
	importance     string
	selection      string
	shrink         string
	random         bool
}

func (s *studentFlags) register(f *pflag.FlagSet) {
	f.StringVar(&s.budget, "budget", "", "macs=, params=, bytes= or latency=, each a ratio (0.5x) or an absolute "+
		"(20M, 1MB, 2ms); several with commas (default macs=0.5x)")
	f.StringSliceVar(&s.keep, "keep", nil, "nodes of the teacher whose width stays")
	f.StringVar(&s.importance, "importance", "", "what tells how much a channel matters: activation, l2, bn or taylor "+
		"(default: activation where there are data, else l2)")
	f.StringVar(&s.shrink, "shrink", "", "what the student has less of: width (channels), depth (blocks and layers) or "+
		"both (default: both for a latency where there are data, else width)")
	s.registerPairs(f)
	f.StringVar(&s.student, "student", "", "a student of your own, instead of a generated one")
	f.BoolVar(&s.random, "random-init", false, "start from random weights instead of the teacher's")
}

// registerPairs registers what steers alignment.
func (s *studentFlags) registerPairs(f *pflag.FlagSet) {
	f.StringVar(&s.selection, "pairs", "",
		"which aligned pairs to distil from: auto (the last of each stage), all, or how many (default auto)")
	f.StringSliceVar(&s.pairs, "pair", nil, "align teacher_value:student_value")
	f.StringSliceVar(&s.noPairs, "no-pair", nil, "leave a pair, or a value, out of the alignment")
}

func (s *studentFlags) apply(o *ildc.Options) error {
	o.Budget, o.Keep, o.Pairs, o.NoPairs, o.Random = s.budget, s.keep, s.pairs, s.noPairs, s.random
	if s.selection != "" {
		var err error
		if o.Select, err = layermatch.ParseSelection(s.selection); err != nil {
			return usageError{fmt.Errorf("--pairs: %w", err)}
		}
	}
	if s.shrink != "" {
		o.Shrink = models.Shrink(s.shrink)
		if !slices.Contains(models.Shrinks(), o.Shrink) {
			return usageError{fmt.Errorf("--shrink %q: there are %v", s.shrink, models.Shrinks())}
		}
	}
	if s.importance != "" {
		o.Rank = models.Importance(s.importance)
		if !slices.Contains(models.Importances(), o.Rank) {
			return usageError{fmt.Errorf("--importance %q: there are %v", s.importance, models.Importances())}
		}
	}
	if s.student != "" {
		o.Student = ildc.File(s.student)
	}
	if s.budget != "" {
		if _, err := models.ParseBudget(s.budget); err != nil {
			return usageError{err}
		}
	}
	return nil
}

// memoryFlag bounds what a training step takes.
type memoryFlag string

func (m *memoryFlag) register(f *pflag.FlagSet) {
	f.StringVar((*string)(m), "memory", "", "what a training step may take, as 8GB (default: what is free)")
}

func (m memoryFlag) parse() (int64, error) {
	if m == "" {
		return 0, nil
	}
	b, err := models.ParseBudget("bytes=" + string(m))
	if err != nil || len(b) != 1 || b[0].Ratio || b[0].Value < 1 {
		return 0, usageError{fmt.Errorf("--memory %q: want a size, as 8GB", string(m))}
	}
	return int64(b[0].Value), nil
}

// trainFlags say how to train.
type trainFlags struct {
	options   distill.Options
	losses    string
	final     string
	optimiser string
	task      string
	duration  time.Duration
	decay     float64
	clip      float64
}

// registerStep registers what a training step is.
func (t *trainFlags) registerStep(f *pflag.FlagSet) {
	o := &t.options
	f.StringVar(&t.losses, "losses", "",
		"terms and their weights, as kd,hint=2,at=0.5 (default "+loss.Default().String()+")")
	f.StringVar(&t.final, "final-losses", "",
		"weights that terms reach at the end, linearly over the run, as hint=0; others keep theirs")
	f.Float64Var(&o.LearnRate, "lr", 0,
		"peak learning rate (default 0.02 for sgd, 0.1 where weights are random, 0.001 for adamw)")
	f.StringVar(&t.optimiser, "optimizer", "auto",
		strings.Join(distill.Optimisers, ", ")+" (auto: sgd where most layers have batch norm, else adamw)")
	f.Float64Var(&t.decay, "weight-decay", 5e-4, "decay of weights; biases and batch norm have none")
	f.Float64Var(&t.clip, "clip", 5, "global norm that gradients are clipped to; 0: not clipped")
	f.Float64Var(&o.Temperature, "temperature", 0, "of kd, dkd and dist (default 4; 1 for more than 100 classes)")
	f.StringVar(&t.task, "task", "auto", "auto, classify or regress")
}

// register registers what a run is: its steps, and how many there are.
func (t *trainFlags) register(f *pflag.FlagSet) {
	t.registerStep(f)
	o := &t.options
	f.IntVar(&o.Batch, "batch", 0, "samples per step (default 64)")
	f.IntVar(&o.Epochs, "epochs", 0, "passes over the training data (default 10)")
	f.IntVar(&o.Steps, "steps", 0, "training steps, instead of epochs")
	f.DurationVar(&t.duration, "time", 0, "time to train for, as 10m, instead of epochs")
	f.Float64Var(&o.Pretrain, "pretrain", 0, "fraction of the steps, the first ones, that train on feature maps alone, "+
		"as for students that start from random weights")
	f.IntVar(&o.EvalEvery, "eval-every", 0, "steps between validations (default: an epoch, at least ten a run)")
	f.IntVar(&o.CheckpointEvery, "checkpoint-every", 0, "steps between checkpoints (default: about half a minute)")
}

func (t *trainFlags) parse(seed uint64) (distill.Options, error) {
	o := t.options
	o.Seed, o.Duration, o.Task = seed, t.duration, distill.Task(t.task)
	o.Optimiser = distill.Optimiser{Name: t.optimiser, Momentum: 0.9, WeightDecay: t.decay, ClipNorm: t.clip}
	given := 0
	for _, g := range []bool{o.Epochs != 0, o.Steps != 0, o.Duration != 0} {
		if g {
			given++
		}
	}
	if given > 1 {
		return o, usageError{fmt.Errorf("--epochs, --steps and --time exclude each other")}
	}
	if t.losses != "" {
		w, err := loss.ParseWeights(t.losses)
		if err != nil {
			return o, usageError{err}
		}
		o.Losses = w
	}
	if t.final != "" {
		w, err := loss.ParseWeights(t.final)
		if err != nil {
			return o, usageError{err}
		}
		o.FinalLosses = w
	}
	return o, nil
}

// logger writes warnings, and with --verbose more, to stderr.
func logger(w io.Writer, verbose bool) *slog.Logger {
	level := slog.LevelWarn
	if verbose {
		level = slog.LevelInfo
	}
	withoutTime := func(_ []string, a slog.Attr) slog.Attr {
		if a.Key == slog.TimeKey {
			return slog.Attr{}
		}
		return a
	}
	return slog.New(slog.NewTextHandler(w, &slog.HandlerOptions{Level: level, ReplaceAttr: withoutTime}))
}

// isTerminal says whether a writer is a terminal.
func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	if !ok {
		return false
	}
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}
