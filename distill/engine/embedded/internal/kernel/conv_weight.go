package kernel

import "github.com/viterin/vek/vek32"

// The gradient of a convolution's weights is, for each output channel and each tap, a product over output positions
// and samples: dw[o,(c,k)] = Σ_n Σ_p dy[n,o,p] · x(n, c, k, p).
type weightGradient struct {
	chunks  parting // of samples; their sums are added in order
	groups  parting
	samples int // whose frames are made at a time
}

// Samples are summed in chunks, in parallel. There are fewer of them where the weights are large.
const (
	maxChunks     = 16
	chunkElements = 4 << 20
)

func (cv *Conv) planWeightGradient() {
	g := &cv.weight
	size := cv.O * cv.c * cv.k
	g.chunks = inParts(cv.N, max(1, min(maxChunks, cv.N, chunkElements/max(1, size))))
	read, products := cv.c*cv.image.read(cv.forward.strips.size), cv.o*cv.c*cv.k*cv.OH*cv.OW*g.chunks.size
	together := max(1, min(cached/max(1, read), smallTask/max(1, products)))
	g.groups = inParts(cv.Groups, ceilDiv(cv.Groups, together))
	g.samples = 1
	if cv.forward.strips.n == 1 {
		most := max(1, cached/max(1, read*g.groups.size))
		g.samples = inParts(g.chunks.size, ceilDiv(g.chunks.size, most)).size
	}
}

// GradWeight computes dw from dy and x. It uses the team's workspace.
func (cv *Conv) GradWeight(team *Team, dw, dy, x []float32) {
	if cv.minimalWeight != nil {
		cv.minimalWeight.compute(team, dw, dy, x)
		return
	}
	g, size := &cv.weight, len(dw)
	partial := team.Workspace(g.chunks.n * size)
	team.Do(g.chunks.n*g.groups.n, func(s *Scratch, task int) {
		from, to := g.groups.of(task % g.groups.n)
		chunk := task / g.groups.n
		cv.addWeightGradient(s, partial[chunk*size:][:size], dy, x, from, to, chunk)
	})
	team.Split(size, taskElements, func(_ *Scratch, from, to int) {
		copy(dw[from:to], partial[from:to])
		for chunk := 1; chunk < g.chunks.n; chunk++ {
			vek32.Add_Inplace(dw[from:to], partial[chunk*size+from:chunk*size+to])
		}
	})
}

// addWeightGradient computes what a chunk of samples gives to the weights of some groups.
func (cv *Conv) addWeightGradient(s *Scratch, sums, dy, x []float32, first, end, chunk int) {
	g, step, size := &cv.weight, cv.c*cv.k, cv.OH*cv.OW
	clear(sums[first*cv.o*step : end*cv.o*step])
	t := &s.dots
	t.pitch, t.stepD, t.sumPitch = size, cv.O*size, step
	n, last := g.chunks.of(chunk)
	if cv.gathered != nil {
		for group := first; group < end; group++ {
			cv.gathered.gradWeight(s, sums[group*cv.o*step:], dy, x, group, n, last)
		}
		return
	}
	for ; n < last; n += g.samples {
		t.runs = min(g.samples, last-n)
		for strip := range cv.forward.strips.n {
			from, to := cv.forward.strips.of(strip)
			var img []float32
			img, t.stepX = cv.image.several(
				s, 0, x[(n*cv.C+first*cv.c)*cv.H*cv.W:], (end-first)*cv.c, cv.C*cv.H*cv.W, t.runs, from)
			for group := first; group < end; group++ {
				t.x = &img[(group-first)*cv.c*cv.image.plane()]
				cv.by.sumAll(t, sums[group*cv.o*step:], dy[(n*cv.O+group*cv.o)*size+from*cv.OW:], cv.o, (to-from)*cv.OW, cv.taps)
			}
		}
	}
}
