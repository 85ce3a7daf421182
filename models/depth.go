package models

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"slices"

	"github.com/ildc/ildc/graph"
	"github.com/ildc/ildc/graph/op"
	"github.com/ildc/ildc/graph/pass"
)

// Shrink says what a student has less of than its teacher.
type Shrink string

// The ways to shrink. Depth and Both need [Options.Activations], Both needs [Options.Divergence].
const (
	Width Shrink = "width" // channels; the default
	Depth Shrink = "depth" // blocks
	Both  Shrink = "both"  // as many blocks as leave the student nearest to the teacher, and channels
)

// Shrinks lists the ways to shrink.
func Shrinks() []Shrink { return []Shrink{Width, Depth, Both} }

// Block is a part of a network that can be left out, since it adds to a value a correction of its shape: out = in + f(in).
type Block struct {
	Name        string  // the node that adds
	In, Out     string  // values
	Disturbance float64 // 1 − the cosine of in and out, over the calibration batch
}

// mostDepths is how many numbers of blocks are tried at the most.
const mostDepths = 8

// shallower makes a student without the blocks that disturb the least, and, for Both, with fewer channels, too. It is the block influence of Men et al.
// 2024, ShortGPT, equation 1, on whole maps.
func shallower(teacher *graph.Graph, budget Budget, o Options) (*Student, error) {
	blocks, err := findBlocks(teacher, o)
	if err != nil {
		return nil, err
	}
	var best *Student
	least := math.Inf(1)
	step := 1
	if o.Shrink == Both {
		step = max(1, (len(blocks)+mostDepths-1)/mostDepths)
	}
	var infeasible error
	for n := 0; n <= len(blocks); n += step {
		base := without(teacher, blocks[:n])
		s, err := narrowed(teacher, base, budget, o)
		if errors.Is(err, ErrInfeasible) {
			infeasible = err
			continue
		}
		if err != nil {
			return nil, err
		}
		s.Removed = blocks[:n]
		if o.Shrink == Depth {
			return s, nil
		}
		d, err := o.Divergence(s.Graph)
		if err != nil {
			return nil, fmt.Errorf("models: divergence: %w", err)
		}
		if d < least {
			best, least = s, d
		}
		if s.whole() {
			break // fewer blocks are enough
		}
	}
	if best == nil {
		if infeasible == nil {
			infeasible = fmt.Errorf("models: %w", ErrInfeasible)
		}
		return nil, fmt.Errorf("%w; %d blocks can be left out", infeasible, len(blocks))
	}
	return best, nil
}

// whole says whether no group lost a channel.
func (s *Student) whole() bool {
	return !slices.ContainsFunc(s.Groups, func(g Group) bool { return g.After < g.Before })
}

// without copies a graph with the inputs of blocks in the place of their outputs.
func without(g *graph.Graph, blocks []Block) *graph.Graph {
	g, _ = g.Clone()
	for _, b := range blocks {
		values := g.ByName()
		g.Replace(values[b.Out], values[b.In])
	}
	pass.DeadCode(g)
	return g
}

// findBlocks lists the blocks that can be left out, those first that disturb the least.
func findBlocks(teacher *graph.Graph, o Options) ([]Block, error) {
	g, err := pass.Analyse(teacher, o.Binding)
	if err != nil {
		return nil, fmt.Errorf("models: %w", err)
	}
	consumers := g.Consumers()
	var blocks []Block
	var names []string
	for _, n := range g.Nodes {
		if in := skipped(g, n, consumers); in != nil {
			blocks = append(blocks, Block{Name: pass.NodeName(n), In: in.Name, Out: n.Outputs[0].Name})
			names = append(names, in.Name, n.Outputs[0].Name)
		}
	}
	values, err := o.Activations(names)
	if err != nil {
		return nil, fmt.Errorf("models: activations: %w", err)
	}
	for i := range blocks {
		b := &blocks[i]
		x, y := values[b.In], values[b.Out]
		if x == nil || y == nil || x.Len() != y.Len() {
			return nil, fmt.Errorf("models: activations: none of %q and %q that can be compared", b.In, b.Out)
		}
		b.Disturbance = 1 - cosine(x.Values(), y.Values())
	}
	slices.SortStableFunc(blocks, func(a, b Block) int { return cmp.Compare(a.Disturbance, b.Disturbance) })
	return blocks, nil
}

// skipped gives what a node adds something to that is made of it alone, by linear ops among others; nil where it does not.
func skipped(g *graph.Graph, n *graph.Node, consumers map[*graph.Value][]*graph.Node) *graph.Value {
	if n.OpName() != "Add" || slices.Contains(g.Outputs, n.Outputs[0]) {
		return nil
	}
	for i, in := range n.Inputs {
		if in.Const == nil && in.Shape.Equal(n.Outputs[0].Shape) && branches(g, n, n.Inputs[1-i], in, consumers) {
			return in
		}
	}
	return nil
}

// branches says whether a value is made of another one alone, and for one reader alone.
func branches(g *graph.Graph, reader *graph.Node, from, root *graph.Value, consumers map[*graph.Value][]*graph.Node) bool {
	inside := map[*graph.Node]bool{}
	linear, reached := false, false
	for ahead := []*graph.Value{from}; len(ahead) > 0; {
		v := ahead[len(ahead)-1]
		ahead = ahead[:len(ahead)-1]
		switch n := v.Producer; {
		case v == root:
			reached = true
		case v.Const != nil || inside[n]:
		case n == nil:
			return false // an input of the graph
		default:
			inside[n] = true
			s := op.Of(n)
			linear = linear || s != nil && s.MACs != nil
			ahead = append(ahead, n.Reads()...)
		}
	}
	for n := range inside {
		for _, v := range n.Outputs {
			if v == nil {
				continue
			}
			if slices.Contains(g.Outputs, v) || slices.ContainsFunc(consumers[v], func(c *graph.Node) bool { return !inside[c] && c != reader }) {
				return false
			}
		}
	}
	return linear && reached
}

// cosine is that of the angle between two vectors; 0 where one has no length.
func cosine(x, y []float64) float64 {
	var xx, yy, xy float64
	for i := range x {
		xx, yy, xy = xx+x[i]*x[i], yy+y[i]*y[i], xy+x[i]*y[i]
	}
	if xx == 0 || yy == 0 {
		return 0
	}
	return xy / math.Sqrt(xx*yy)
}
