package loss

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Weights are the relative weights of the terms by name; a term that is not named has none.
type Weights map[string]float64

// Default are the weights of a run that names none. Terms that need labels or positions are left out where there are
// none.
func Default() Weights { return Weights{"kd": 0.9, "ce": 0.1, "hint": 1} }

// OutputsAlone are the weights without those of losses on feature maps and attention.
func (w Weights) OutputsAlone() Weights {
	left := Weights{}
	for _, l := range Outputs() {
		if v, ok := w[l.Name]; ok {
			left[l.Name] = v
		}
	}
	return left
}

// ParseWeights reads "kd,hint=2,at=0.5". A term without a number has weight 1.
func ParseWeights(text string) (Weights, error) {
	known := Names()
	w := Weights{}
	for term := range strings.SplitSeq(text, ",") {
		name, number, given := strings.Cut(strings.TrimSpace(term), "=")
		if !slices.Contains(known, name) {
			return nil, fmt.Errorf("loss: there is no loss %q: there are %s", name, strings.Join(known, ", "))
		}
		if _, twice := w[name]; twice {
			return nil, fmt.Errorf("loss: loss %q is named twice", name)
		}
		w[name] = 1
		if given {
			v, err := strconv.ParseFloat(number, 64)
			if err != nil || !(v >= 0 && v <= 1e6) {
				return nil, fmt.Errorf("loss: weight %q of loss %q: want a number from 0 to 1e6", number, name)
			}
			w[name] = v
		}
	}
	return w, nil
}

// String writes the weights so that ParseWeights reads them back.
func (w Weights) String() string {
	var terms []string
	for _, name := range Names() {
		if v, ok := w[name]; ok {
			terms = append(terms, name+"="+strconv.FormatFloat(v, 'g', -1, 64))
		}
	}
	return strings.Join(terms, ",")
}
