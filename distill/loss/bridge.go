package loss

import (
	"fmt"
	"math"

	"github.com/ildc/ildc/graph"
)

// maxConnector is how many weights a connector may have. More would cost more than the student to train.
const maxConnector = 1 << 22

// tooWide says why no connector between two maps is trained.
func tooWide(p Feature) string {
	if t, s := p.Teacher.Shape[p.Channel].Size, p.Student.Shape[p.Channel].Size; t*s > maxConnector {
		return fmt.Sprintf("a connector of %d×%d channels would be larger than most students", t, s)
	}
	return ""
}

// connect maps the student's channels to the teacher's by a loss's own connector: s [N,Cs,…] → [N,Ct,…], or s […,Cs] →
// […,Ct].
func connect(e *Emitter, loss string, p Feature, s *graph.Value) *graph.Value {
	from, to := p.Student.Shape[p.Channel].Size, p.Teacher.Shape[p.Channel].Size
	w := make([]float64, to*from) // [Ct,Cs]
	if p.Kept != nil {
		for i, t := range p.Kept {
			w[t*from+i] = 1
		}
	} else {
		// Without lineage: each teacher channel starts as a cosine-weighted mean of the student's, so that channels differ.
		for t := range to {
			for i := range from {
				w[t*from+i] = math.Sqrt(2/float64(from)) * math.Cos(math.Pi*float64(t+1)*(float64(i)+0.5)/float64(max(from, to)))
			}
		}
	}
	if p.Channel == 1 && len(p.Student.Shape) > 2 {
		dims := []int{to, from}
		ones := make([]int64, len(p.Student.Shape)-2)
		for i := range ones {
			ones[i] = 1
			dims = append(dims, 1)
		}
		weight := e.Param("connector/"+loss+"/"+p.Name, graph.FromValues(s.DType, dims, w))
		return e.Op("Conv", graph.Attrs{"kernel_shape": ones}, s, weight)
	}
	weight := e.Param("connector/"+loss+"/"+p.Name, graph.FromValues(s.DType, []int{to, from}, w))
	return e.Op("MatMul", nil, s, e.Op("Transpose", graph.Attrs{"perm": []int64{1, 0}}, weight))
}

// unbridgeable says why two maps cannot be brought to one resolution: their spatial extents must be equal or integer
// multiples, all in one direction.
func unbridgeable(p Feature) string {
	t, s := p.Teacher.Shape, p.Student.Shape
	if len(t) != len(s) {
		return "the maps have different ranks"
	}
	larger := 0
	for a := range t {
		m, n := t[a].Size, s[a].Size
		switch {
		case a == p.Channel || m == n:
		case a == 0:
			return "the maps have different batches"
		case p.Channel != 1:
			return "the maps have different extents, and their channels come last"
		case m > n && m%n == 0 && larger >= 0:
			larger = 1
		case n > m && n%m == 0 && larger <= 0:
			larger = -1
		default:
			return "the extents of one map are not multiples of the other's"
		}
	}
	return ""
}

// poolTo averages v down to the spatial extents of other, where v has more.
func poolTo(e *Emitter, v, other *graph.Value, channel int) *graph.Value {
	var kernel []int64
	more := false
	for a := range v.Shape {
		if a >= 2 && channel == 1 {
			k := max(1, v.Shape[a].Size/other.Shape[a].Size)
			more = more || k > 1
			kernel = append(kernel, int64(k))
		}
	}
	if !more {
		return v
	}
	return e.Op("AveragePool", graph.Attrs{"kernel_shape": kernel, "strides": kernel}, v)
}
