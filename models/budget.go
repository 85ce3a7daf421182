package models

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/ildc/ildc/internal/setting"
)

// ErrInfeasible says that no student meets the budget. The error's text names the smallest reachable.
var ErrInfeasible = errors.New("the budget is infeasible")

// ErrWhole says that a budget is infeasible since the teacher has nothing that could shrink.
var ErrWhole = errors.New("no channel of the teacher can be removed")

// Measure is what a budget limits.
type Measure string

// The measures: multiply-adds of one run (one multiply-add = 1 MAC), elements of the weights, bytes of the model, time
// of one run.
const (
	MACs    Measure = "macs"
	Params  Measure = "params"
	Bytes   Measure = "bytes"
	Latency Measure = "latency"
)

// Budget is a list of limits, all of which a student must meet.
type Budget []Limit

// Limit is the most that a student may have of a measure: an absolute number (nanoseconds of latency), or, with Ratio,
// that part of the teacher's.
type Limit struct {
	Measure Measure
	Value   float64
	Ratio   bool
}

// ParseBudget reads limits such as "macs=0.5x", "params=100k", "bytes=1MB" and "latency=2ms", separated by commas. The
// units k, M and G are powers of 1000; bytes may also be given in kB, MB, GB, KiB, MiB and GiB; latency is in us, ms or
// s.
func ParseBudget(text string) (Budget, error) {
	var b Budget
	given := map[Measure]bool{}
	for _, part := range strings.Split(text, ",") {
		name, value, _ := strings.Cut(strings.TrimSpace(part), "=")
		l := Limit{Measure: Measure(name)}
		bad := func(why string) (Budget, error) {
			return nil, setting.Mends(fmt.Errorf("models: budget %q: %s", part, why), "Budget")
		}
		switch l.Measure {
		case MACs, Params, Bytes, Latency:
		default:
			return bad(`want macs=, params=, bytes= or latency=, as in "macs=0.5x"`)
		}
		if given[l.Measure] {
			return bad("it is limited twice")
		}
		given[l.Measure] = true
		number := value
		unit := 1.0
		if l.Ratio = strings.HasSuffix(value, "x"); l.Ratio {
			number = strings.TrimSuffix(value, "x")
		} else {
			number, unit = splitUnit(value, l.Measure)
		}
		v, err := strconv.ParseFloat(number, 64)
		if err != nil || math.IsNaN(v) || math.IsInf(v, 0) {
			return bad(`want a ratio such as "0.5x" or a number such as "100k", or "2ms" of latency`)
		}
		if l.Value = v * unit; l.Value <= 0 || l.Ratio && l.Value > 1 {
			return bad("want a ratio above 0 and up to 1, or a number above 0")
		}
		b = append(b, l)
	}
	return b, nil
}

// splitUnit splits off a unit and gives its size.
func splitUnit(value string, m Measure) (number string, unit float64) {
	if m == Latency {
		for _, u := range []struct {
			name string
			unit time.Duration
		}{{"us", time.Microsecond}, {"ms", time.Millisecond}, {"s", time.Second}} {
			if n, ok := strings.CutSuffix(value, u.name); ok {
				return n, float64(u.unit)
			}
		}
		return "", 0 // a time without a unit says nothing
	}
	if m == Bytes {
		for i, name := range []string{"KiB", "MiB", "GiB"} {
			if n, ok := strings.CutSuffix(value, name); ok {
				return n, math.Pow(1024, float64(i+1))
			}
		}
		value = strings.TrimSuffix(value, "B")
	}
	for i, name := range []string{"k", "M", "G"} {
		if n, ok := strings.CutSuffix(value, name); ok {
			return n, math.Pow(1000, float64(i+1))
		}
	}
	return value, 1
}

func (l Limit) String() string {
	switch {
	case l.Ratio:
		return fmt.Sprintf("%s=%gx", l.Measure, l.Value)
	case l.Measure == Latency:
		return fmt.Sprintf("%s=%v", l.Measure, time.Duration(l.Value))
	}
	return fmt.Sprintf("%s=%g", l.Measure, l.Value)
}

func (b Budget) String() string {
	parts := make([]string, len(b))
	for i, l := range b {
		parts[i] = l.String()
	}
	return strings.Join(parts, ",")
}

// Cost is what a model costs.
type Cost struct {
	MACs    int64
	Params  int64
	Bytes   int64
	Latency time.Duration // of one run; 0 where it was not measured
}

func (c Cost) of(m Measure) int64 {
	switch m {
	case MACs:
		return c.MACs
	case Params:
		return c.Params
	case Latency:
		return int64(c.Latency)
	}
	return c.Bytes
}

// latency is the limit of latency, if there is one, and counted are the others.
func (b Budget) latency() (Limit, bool) {
	i := slices.IndexFunc(b, func(l Limit) bool { return l.Measure == Latency })
	if i < 0 {
		return Limit{}, false
	}
	return b[i], true
}

// Timed says whether a latency is limited.
func (b Budget) Timed() bool {
	_, timed := b.latency()
	return timed
}

func (b Budget) counted() Budget {
	return slices.DeleteFunc(slices.Clone(b), func(l Limit) bool { return l.Measure == Latency })
}

// met says whether a student of this cost meets every limit. A part of nothing, where the teacher's measure can't be
// counted, is never met.
func (b Budget) met(teacher, student Cost) bool {
	for _, l := range b {
		most := l.Value
		if l.Ratio {
			most *= float64(teacher.of(l.Measure))
		}
		if most <= 0 || float64(student.of(l.Measure)) > most {
			return false
		}
	}
	return true
}

// reached tells what a student has of each measure that is limited, as in "macs=0.497x (1234567)".
func (b Budget) reached(teacher, student Cost) string {
	parts := make([]string, len(b))
	for i, l := range b {
		n := student.of(l.Measure)
		text := strconv.FormatInt(n, 10)
		if l.Measure == Latency {
			text = student.Latency.Round(time.Microsecond).String()
		}
		parts[i] = fmt.Sprintf("%s=%s", l.Measure, text)
		if whole := teacher.of(l.Measure); whole > 0 {
			parts[i] = fmt.Sprintf("%s=%.3fx (%s)", l.Measure, float64(n)/float64(whole), text)
		}
	}
	return strings.Join(parts, ", ")
}
