package loss

import (
	"math"

	"github.com/ildc/ildc/graph"
)

// maxDeviation is the deviation of logits up to which they are taken as they are. Larger ones, which nets on raw pixels
// have, leave every distribution with one class only; they are scaled down to it, teacher's and student's alike.
const maxDeviation = 10

// manyClasses is the number of classes above which logits are not softened unless that was asked for. Softened, each of
// hundreds of classes that hardly ever occur weighs as much as the few between which the teacher decides.
const manyClasses = 100

// Temperature is what was asked for, or fits logits [N,K] where that is 0: 4, as is usual for CIFAR, or 1, as is usual
// for ImageNet.
func Temperature(asked float64, logits *graph.Value) float64 {
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
	return e.Scale(o.Teacher, down), e.Scale(o.Student, down)
}
