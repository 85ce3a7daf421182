package distill

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/ildc/ildc/graph"
)

// OutputLoss compares the outputs of teacher and student, or those of the student with labels.
type OutputLoss struct {
	Name   string
	Source string // the paper
	// Logits says that the term compares distributions over classes, Labels that it needs labels.
	Logits, Labels bool
	// Emit appends the term of one output, a [1] value.
	Emit func(e *Emitter, o Output) *graph.Value
}

// FeatureLoss compares one aligned pair of feature maps: a transform of the teacher's, a transform of the student's, and their
// mean squared error. The error is divided by the variance of the teacher-side transform, estimated on calibration
// data, so that the balance of terms does not depend on the scale of features.
type FeatureLoss struct {
	Name   string
	Source string // the paper
	Role   Role   // of the pairs that it compares
	// Refuse says why the term makes no sense for a pair; "" where it does.
	Refuse func(p Feature) string
	// Teacher and Student append the transforms; they must agree in shape. Transforms of a map that is not trained emit no parameters.
	Teacher, Student func(e *Emitter, p Feature) *graph.Value
	// Distance compares the transforms, [1]; variance is that of the teacher's per element. nil: the mean squared error.
	Distance func(e *Emitter, teacher, student *graph.Value, variance float64) *graph.Value
}

// term is the loss of one pair over the variance of the teacher's transform, [1].
func (l FeatureLoss) term(e *Emitter, f Feature, variance float64) *graph.Value {
	t, s := l.Teacher(e, f), l.Student(e, f)
	var distance *graph.Value
	if l.Distance != nil {
		distance = l.Distance(e, t, s, variance)
	} else {
		distance = e.meanSquare(s, t)
	}
	return e.scale(distance, 1/variance)
}

// Output is a pair of outputs that count as one: teacher's and student's, of one shape.
type Output struct {
	Name             string
	Teacher, Student *graph.Value // logits [N,K], before any trailing Softmax; or a value to regress
	Labels           *graph.Value // one-hot [N,K]; nil without labels
	Classify         bool         // the values are logits over the last axis
	Temperature      float64
	Variance         float64 // of the teacher's value, per element
}

// maxDeviation is the deviation of logits up to which they are taken as they are. Larger ones, which nets on raw pixels have, leave every
// distribution with one class only; they are scaled down to it, teacher's and student's alike.
const maxDeviation = 10

// manyClasses is the number of classes above which logits are not softened unless that was asked for. Softened, each of hundreds of
// classes that hardly ever occur weighs as much as the few between which the teacher decides.
const manyClasses = 100

// temperature is what was asked for, or fits logits [N,K] where that is 0: 4, as is usual for CIFAR, or 1, as is usual for ImageNet.
func temperature(asked float64, logits *graph.Value) float64 {
	k := len(logits.Shape) - 1
	switch {
	case asked > 0:
		return asked
	case k >= 0 && logits.Shape[k].Size > manyClasses:
		return 1
	}
	return 4
}

// scaled gives the logits of both sides at a deviation that softmax can tell apart.
func (o Output) scaled(e *Emitter) (teacher, student *graph.Value) {
	down := 1 / math.Max(1, math.Sqrt(o.Variance)/maxDeviation)
	return e.scale(o.Teacher, down), e.scale(o.Student, down)
}

// Feature is an aligned pair of feature maps.
type Feature struct {
	Name             string
	Teacher, Student *graph.Value // [N,C,H,W], [N,C,L], [N,T,C] or [N,C]
	Channel          int          // the channel axis of both
	Kept             []int        // for each student channel the teacher channel it came from; nil where that is not known

	First *Feature // the first maps of the stage that these are the last of; nil where there are none
	Pre   *Feature // what the activations read that gave these maps; nil where there are none on both sides
}

// The file of each loss adds it, so that a loss is one file.
var (
	outputLosses  []OutputLoss
	featureLosses []FeatureLoss
)

// OutputLosses lists the losses on outputs, by name.
func OutputLosses() []OutputLoss {
	return slices.SortedFunc(slices.Values(outputLosses), func(a, b OutputLoss) int { return strings.Compare(a.Name, b.Name) })
}

// FeatureLosses lists the losses on feature maps, by name.
func FeatureLosses() []FeatureLoss {
	return slices.SortedFunc(slices.Values(featureLosses), func(a, b FeatureLoss) int { return strings.Compare(a.Name, b.Name) })
}

// Weights are the relative weights of the terms by name; a term that is not named has none.
type Weights map[string]float64

// ParseWeights reads "kd,hint=2,at=0.5". A term without a number has weight 1.
func ParseWeights(text string) (Weights, error) {
	known := LossNames()
	w := Weights{}
	for term := range strings.SplitSeq(text, ",") {
		name, number, given := strings.Cut(strings.TrimSpace(term), "=")
		if !slices.Contains(known, name) {
			return nil, fmt.Errorf("distill: no loss %q: there are %s", name, strings.Join(known, ", "))
		}
		if _, twice := w[name]; twice {
			return nil, fmt.Errorf("distill: loss %q is named twice", name)
		}
		w[name] = 1
		if given {
			v, err := strconv.ParseFloat(number, 64)
			if err != nil || !(v >= 0 && v <= 1e6) {
				return nil, fmt.Errorf("distill: weight %q of loss %q: want a number from 0 to 1e6", number, name)
			}
			w[name] = v
		}
	}
	return w, nil
}

// LossNames lists the terms that [ParseWeights] knows.
func LossNames() []string {
	var names []string
	for _, l := range OutputLosses() {
		names = append(names, l.Name)
	}
	for _, l := range FeatureLosses() {
		names = append(names, l.Name)
	}
	return names
}

// String writes the weights so that ParseWeights reads them back.
func (w Weights) String() string {
	var terms []string
	for _, name := range LossNames() {
		if v, ok := w[name]; ok {
			terms = append(terms, name+"="+strconv.FormatFloat(v, 'g', -1, 64))
		}
	}
	return strings.Join(terms, ",")
}
