package loss

import "github.com/ildc/ildc/graph"

// OutputLoss compares the outputs of teacher and student, or those of the student with labels.
type OutputLoss struct {
	Name   string
	Source string // the paper
	// Logits says that the term compares distributions over classes, Labels that it needs labels.
	Logits, Labels bool
	// Emit appends the term of one output, a [1] value.
	Emit func(e *Emitter, o Output) *graph.Value
}

// FeatureLoss compares one aligned pair of feature maps: a transform of the teacher's, a transform of the student's,
// and their mean squared error. The error is divided by the variance of the teacher-side transform, estimated on
// calibration data, so that the balance of terms does not depend on the scale of features.
type FeatureLoss struct {
	Name   string
	Source string // the paper
	Role   Role   // of the pairs that it compares
	// Refuse says why the term makes no sense for a pair; "" where it does.
	Refuse func(p Feature) string
	// Teacher and Student append the transforms; they must agree in shape. Transforms of a map that is not trained emit no
	// parameters.
	Teacher, Student func(e *Emitter, p Feature) *graph.Value
	// Distance compares the transforms, [1]; variance is that of the teacher's per element. nil: the mean squared error.
	Distance func(e *Emitter, teacher, student *graph.Value, variance float64) *graph.Value
}

// Term is the loss of one pair over the variance of the teacher's transform, [1].
func (l FeatureLoss) Term(e *Emitter, f Feature, variance float64) *graph.Value {
	t, s := l.Teacher(e, f), l.Student(e, f)
	var distance *graph.Value
	if l.Distance != nil {
		distance = l.Distance(e, t, s, variance)
	} else {
		distance = e.MeanSquare(s, t)
	}
	return e.Scale(distance, 1/variance)
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

// Feature is an aligned pair of feature maps.
type Feature struct {
	Name             string
	Teacher, Student *graph.Value // [N,C,H,W], [N,C,L], [N,T,C] or [N,C]
	Channel          int          // the channel axis of both
	Kept             []int        // for each student channel the teacher channel it came from; nil where that is not known

	First *Feature // the first maps of the stage that these are the last of; nil where there are none
	Pre   *Feature // what the activations read that gave these maps; nil where there are none on both sides
}

// Role says what the values of a pair are; a loss compares those of one role.
type Role string

// The roles.
const (
	Maps   Role = ""       // feature maps
	Scores Role = "scores" // of attention, before the Softmax over keys: [N,heads,queries,keys]
	Values Role = "values" // that attention weighs: [N,heads,keys,width]
)
