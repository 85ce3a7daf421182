package kernel

// ConvShape says which 2-D convolution: x [N,C,H,W] with w [O,C/Groups,KH,KW] gives y [N,O,OH,OW]. Output (oh,ow)
// reads, for kernel offset (kh,kw), position (oh·SH + kh·DH − PT, ow·SW + kw·DW − PL); positions outside of x are
// zeros.
type ConvShape struct {
	N, C, H, W int
	O, OH, OW  int
	Groups     int
	KH, KW     int
	SH, SW     int // strides
	DH, DW     int // dilations
	PT, PL     int // padding at the top and at the left; what lies below and to the right follows from OH and OW
}

// Conv is a convolution and its gradients.
type Conv struct {
	ConvShape
	c, o, k int // input channels, output channels and kernel offsets of a group
	by      *instructions

	image   frame // of x, for one group
	taps    []int // of image, for each input channel and kernel offset
	forward cut
	filter  filter

	gradient frame // of dy, for one group
	residues []residue
	backward cut

	weight weightGradient

	minimal, minimalBack *winograd // nil where the convolution is not of that kind
	minimalWeight        *winogradWeight

	gathered *gathered // nil where planes are large

	frozen []float32 // packed weights, where they never change
}

// NewConv prepares a convolution.
func NewConv(s ConvShape) *Conv {
	cv := &Conv{ConvShape: s, c: s.C / s.Groups, o: s.O / s.Groups, k: s.KH * s.KW, by: fastest}
	offH, offW := multiples(s.KH, s.DH), multiples(s.KW, s.DW)
	step := cv.c * cv.k
	cv.filter = newFilter(cv.by, s.Groups, cv.o, multiples(step, 1), step, cv.o*step)
	cv.forward = cv.cut(s.OH, s.OW, cv.filter, func(strip int) int {
		cv.image = newFrame(cv.by, s.H, s.W, s.SH, s.SW, s.PT, s.PL, strip, s.OH, s.OW, offH, offW)
		return cv.c * cv.image.read(strip)
	})
	for ch := range cv.c {
		for _, oh := range offH {
			for _, ow := range offW {
				cv.taps = append(cv.taps, ch*cv.image.plane()+cv.image.at(oh, ow))
			}
		}
	}
	cv.planResidues(offH, offW)
	cv.planWeightGradient()
	cv.gathered = newGathered(s, cv.filter, cv.weight.chunks.size)
	if s.KH == 3 && s.KW == 3 && s.SH == 1 && s.SW == 1 && s.DH == 1 && s.DW == 1 && min(cv.c, cv.o) >= fewChannels &&
		min(s.OH*s.OW, s.H*s.W) >= fewPatches*4 {
		cv.minimal = newWinograd(s.N, cv.c, s.H, s.W, s.PT, s.PL, s.OH, s.OW, cv.filter)
		cv.minimalBack = newWinograd(s.N, cv.o, s.OH, s.OW, 2-s.PT, 2-s.PL, s.H, s.W, cv.turned())
		cv.minimalWeight = newWinogradWeight(s.N, s.H, s.W, s.PT, s.PL, cv.minimal)
	}
	return cv
}

// cut is how a convolution is cut into tasks: samples, runs of groups, strips of rows of what is computed, and parts of
// the blocks of a group.
type cut struct{ groups, strips, parts parting }

const (
	fewTasks     = 8       // below that, a kernel is cut finer
	smallTask    = 1 << 16 // products of a task that is not worth its start
	fewPositions = 256     // of a strip that is not cut any finer
	cached       = 96 << 10
)

// cut decides how to compute a grid of outH × outW positions. plan takes a number of rows, and gives how many elements
// of a group are read for so many of them: no more than the second-level cache holds.
func (cv *Conv) cut(outH, outW int, f filter, plan func(strip int) int) cut {
	strip := outH
	for strip > 1 && plan(strip) > cached {
		strip = ceilDiv(strip, 2)
	}
	for strip*outW >= 2*fewPositions && cv.N*cv.Groups*ceilDiv(outH, strip) < fewTasks {
		strip = ceilDiv(strip, 2)
	}
	read, products := plan(strip), len(f.taps)*f.rows*strip*outW
	strips := parting{ceilDiv(outH, strip), strip, outH}
	together := max(1, min(cached/max(1, read), smallTask/max(1, products))) // groups
	groups := inParts(cv.Groups, ceilDiv(cv.Groups, together))
	parts := inParts(f.blocks.n, ceilDiv(fewTasks, max(1, cv.N*groups.n*strips.n)))
	return cut{groups, strips, parts}
}

// do calls f for each strip and part of some groups of each sample.
func (cv *Conv) do(team *Team, c cut, f func(s *Scratch, n, group, end, strip, part int)) {
	team.Do(cv.N*c.groups.n*c.strips.n*c.parts.n, func(s *Scratch, task int) {
		part, task := task%c.parts.n, task/c.parts.n
		strip, task := task%c.strips.n, task/c.strips.n
		from, to := c.groups.of(task % c.groups.n)
		f(s, task/c.groups.n, from, to, strip, part)
	})
}

// Epilogue is what is done to sums before they are stored. The zero value does nothing.
type Epilogue struct {
	Bias  []float32   // of each channel
	Add   []float32   // lies as y does, and may be y
	Clamp *[2]float32 // least and greatest result
}

// Freeze prepares for weights that stay as they are, whatever Forward is given.
func (cv *Conv) Freeze(w []float32) {
	if cv.minimal != nil {
		cv.frozen = make([]float32, cv.minimal.len())
		cv.minimal.pack(NewTeam(1), cv.frozen, w)
		return
	}
	cv.frozen = make([]float32, cv.filter.len())
	cv.filter.pack(NewTeam(1), cv.frozen, w)
}

// Forward computes y = x ∗ w and what e says. It uses the team's workspace.
func (cv *Conv) Forward(team *Team, y, x, w []float32, e Epilogue) {
	packed := cv.frozen
	if z := cv.minimal; z != nil {
		if packed == nil {
			packed = team.Workspace(z.len())
			z.pack(team, packed, w)
		}
		to := plane{y: y, pitch: cv.OH * cv.OW, bias: e.Bias, add: e.Add, clamp: e.Clamp}
		team.Do(z.tasks(cv.N), func(s *Scratch, task int) {
			z.compute(s, task, cv.N, packed, x, cv.C*cv.H*cv.W, cv.c*cv.H*cv.W, to, cv.O*to.pitch, cv.o*to.pitch)
		})
		return
	}
	if packed == nil {
		packed = team.Workspace(cv.filter.len())
		cv.filter.pack(team, packed, w)
	}
	if cv.gathered != nil {
		cv.gathered.forward(team, y, x, packed, e)
		return
	}
	size := cv.OH * cv.OW
	cv.do(team, cv.forward, func(s *Scratch, n, first, end, strip, part int) {
		from, to := cv.forward.strips.of(strip)
		img := cv.image.of(s, 0, x[(n*cv.C+first*cv.c)*cv.H*cv.W:], (end-first)*cv.c, from)
		for group := first; group < end; group++ {
			begin := (n*cv.O+group*cv.o)*size + from*cv.OW
			p := plane{y: y[begin:], pitch: size, pixels: (to - from) * cv.OW, bias: e.Bias, clamp: e.Clamp}
			if e.Add != nil {
				p.add = e.Add[begin:]
			}
			cv.filter.multiply(s, p, packed, group, cv.forward.parts, part, img[(group-first)*cv.c*cv.image.plane():], cv.taps)
		}
	})
}
