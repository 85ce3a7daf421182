package golden

import (
	"fmt"
	"math"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/ildc/ildc/graph"
)

// Comparison is one output of one case beside what was recorded.
type Comparison struct {
	Case     string  `json:"case"`
	Output   string  `json:"output"`
	Elements int     `json:"elements"`
	Differ   int     `json:"differ"`            // elements beyond the tolerance
	MaxAbs   float64 `json:"max_abs"`           // largest |x − recorded|
	MaxRel   float64 `json:"max_rel"`           // largest |x − recorded| / |recorded|, where that is not 0
	Worst    string  `json:"worst,omitempty"`   // the element farthest beyond the tolerance, with both values
	Problem  string  `json:"problem,omitempty"` // why the two cannot be compared element by element
}

// OK says whether the output is as recorded.
func (c Comparison) OK() bool { return c.Differ == 0 && c.Problem == "" }

func (c Comparison) String() string {
	where := fmt.Sprintf("%s: output %q", c.Case, c.Output)
	switch {
	case c.Problem != "":
		return where + ": " + c.Problem
	case c.Differ == 0:
		return fmt.Sprintf("%s: as recorded (largest difference %.3g)", where, c.MaxAbs)
	}
	return fmt.Sprintf("%s: %d of %d elements differ, by up to %.3g (relative %.3g); worst at %s",
		where, c.Differ, c.Elements, c.MaxAbs, c.MaxRel, c.Worst)
}

// compare compares floats within the tolerance, where NaN is equal to NaN, and all else exactly.
func compare(got, want *graph.Tensor, rel, abs float64) Comparison {
	c := Comparison{Elements: want.Len()}
	switch {
	case got == nil:
		c.Problem = "the model does not give it"
		return c
	case got.DType != want.DType || !slices.Equal(got.Dims, want.Dims):
		c.Problem = fmt.Sprintf("it is %v, recorded is %v", got, want)
		return c
	}
	if a, ok := want.Data.([]string); ok {
		b := got.Data.([]string)
		for i := range a {
			if a[i] != b[i] {
				if c.Differ++; c.Differ == 1 {
					c.Worst = describe(want.Dims, i, fmt.Sprintf("%q", b[i]), fmt.Sprintf("%q", a[i]))
				}
			}
		}
		return c
	}
	exact := !want.DType.IsFloat() && want.DType != graph.Float16 && want.DType != graph.BFloat16
	if exact {
		rel, abs = 0, 0
	}
	worst := 0.
	x, y := got.Values(), want.Values()
	for i := range y {
		diff := difference(x[i], y[i])
		c.MaxAbs = max(c.MaxAbs, diff)
		if y[i] != 0 && !math.IsNaN(y[i]) {
			c.MaxRel = max(c.MaxRel, min(diff/math.Abs(y[i]), math.MaxFloat64))
		}
		if excess := diff - tolerance(y[i], rel, abs); excess > 0 {
			c.Differ++
			if excess > worst {
				worst, c.Worst = excess, describe(want.Dims, i, number(x[i], want.DType), number(y[i], want.DType))
			}
		}
	}
	if exact && c.Differ == 0 && !reflect.DeepEqual(got.Data, want.Data) {
		c.Problem = "integers beyond 2⁵³ differ"
	}
	return c
}

// difference is finite, so that it can be told in JSON: between NaN and a number, or infinity and another number, it is
// the largest float64.
func difference(x, y float64) float64 {
	if x == y || math.IsNaN(x) && math.IsNaN(y) {
		return 0
	}
	if d := math.Abs(x - y); d <= math.MaxFloat64 {
		return d
	}
	return math.MaxFloat64
}

// tolerance is finite too: an infinite element is as recorded only where it is equal.
func tolerance(want, rel, abs float64) float64 {
	if math.IsNaN(want) || math.IsInf(want, 0) {
		return abs
	}
	return abs + rel*math.Abs(want)
}

// number writes a value with the digits that its type has.
func number(v float64, dtype graph.DType) string {
	bits := 64
	if dtype == graph.Float32 || dtype == graph.Float16 || dtype == graph.BFloat16 {
		bits = 32
	}
	return strconv.FormatFloat(v, 'g', -1, bits)
}

// describe names element i of a tensor by its position.
func describe(dims []int, i int, got, want string) string {
	at := make([]string, len(dims))
	for a := len(dims) - 1; a >= 0; a-- {
		at[a] = fmt.Sprint(i % dims[a])
		i /= dims[a]
	}
	return fmt.Sprintf("[%s]: %s, recorded %s", strings.Join(at, ","), got, want)
}
