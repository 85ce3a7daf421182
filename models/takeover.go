package models

import (
	"errors"
	"fmt"
	"slices"

	"github.com/ildc/ildc/graph"
	"github.com/ildc/ildc/graph/op"
	"github.com/ildc/ildc/graph/pass"
)

// maxFit is how many weights of one output are fitted at the most.
const maxFit = 1 << 10

// errUnfit says that a layer can't take the work of another one over.
var errUnfit = errors.New("no weights can be fitted")

// fit is how a layer's weights are fitted to another input: its features are windows, as of a convolution, or the last
// axis.
type fit struct {
	reader
	window bool
}

// newFit says whether a layer's weights can be fitted.
func newFit(g *graph.Graph, n *graph.Node, consumers map[*graph.Value][]*graph.Node) (fit, bool) {
	f := fit{reader: reader{node: n}}
	s := op.Of(n)
	if s == nil || s.Weights == nil || len(n.Inputs) < 2 {
		return f, false
	}
	x, w := n.Inputs[0], n.Inputs[1]
	var ok bool
	f.weight = w
	if f.out, f.window, ok = s.Weights(n); !ok || x.Const != nil || w.Const == nil || !w.DType.IsFloat() ||
		len(consumers[w]) != 1 || f.features() > maxFit {
		return f, false
	}
	f.findOffset(g, consumers)
	return f, f.offset != nil
}

// features is the number of weights of one output.
func (f fit) features() int { return f.weight.Shape.Elements() / f.weight.Shape[f.out].Size }

// takeOver fits, in place, the layers of a student that read what a part that is gone has read: y = W·φ(x) + b of the
// teacher becomes W′·φ(u) + b′, by least squares on the calibration batch, φ being the windows of a convolution:
//
//	W′ = C[y,φ(u)] · (C[φ(u),φ(u)] + λ·I)⁻¹,  b′ = b + mean(y − b) − W′·mean(φ(u))
//
// with λ as in [regress]. It is the reconstruction of He, Zhang, Sun 2017, Channel pruning, equation 1, over a layer
// that is gone with its activation.
func takeOver(student *graph.Graph, cuts []Cut, o Options) error {
	a, err := pass.Analyse(student, o.Binding)
	if err != nil {
		return fmt.Errorf("models: %w", err)
	}
	values, consumers := a.ByName(), a.Consumers()
	var fits []fit
	var names []string
	for _, c := range cuts {
		y := values[c.gives]
		if c.Into == "" || y == nil || y.Producer == nil {
			continue // a block that is gone as a whole had it
		}
		f, ok := newFit(a, y.Producer, consumers)
		if !ok {
			return fmt.Errorf("models: layer %q can't take the work of %q over", c.Into, c.Node)
		}
		fits = append(fits, f)
		names = append(names, f.node.Inputs[0].Name, c.gives)
	}
	if fits == nil {
		return nil
	}
	on, err := o.Activations(names)
	if err != nil {
		return fmt.Errorf("models: activations: %w", err)
	}
	own := student.ByName()
	for _, f := range fits {
		u, y := on[f.node.Inputs[0].Name], on[f.node.Outputs[0].Name]
		if u == nil || y == nil {
			return fmt.Errorf("models: %w: activations: none of %q and %q", errUnfit, f.node.Inputs[0].Name,
				f.node.Outputs[0].Name)
		}
		weight, offset, err := f.solve(u, y)
		if err != nil {
			return err
		}
		student.Fix(own[f.weight.Name], weight)
		student.Fix(own[f.offset.Name], offset)
	}
	return nil
}

// solve gives the weights and the offset that make y of u.
func (f fit) solve(u, y *graph.Tensor) (weight, offset *graph.Tensor, err error) {
	features, outputs, err := f.samples(u, y)
	if err != nil {
		return nil, nil, err
	}
	means, inputs := centre(outputs), centre(features)
	alpha := f.node.Float("alpha", 1)
	coefficients := ridge(features, outputs)
	data := make([]float64, f.weight.Const.Len())
	shift := f.offset.Const.Values()
	own := make([]float64, len(outputs)) // what the node adds itself
	if bias := f.node.Input(2); bias != nil {
		for o, b := range bias.Const.Values() {
			own[o] = b * f.node.Float("beta", 1)
		}
	}
	for o, row := range coefficients {
		if row == nil {
			return nil, nil, fmt.Errorf("models: %w: layer %q: its input says nothing of its output", errUnfit,
				pass.NodeName(f.node))
		}
		rest := means[o] - own[o]
		for i, b := range row {
			at := o*len(row) + i
			if f.out == 1 {
				at = i*len(outputs) + o
			}
			data[at] = b / alpha
			rest -= b * inputs[i]
		}
		shift[o] += rest * f.factor / alpha
	}
	return graph.FromValues(f.weight.DType, f.weight.Const.Dims, data),
		graph.FromValues(f.offset.DType, f.offset.Const.Dims, shift), nil
}

// centre takes the means off rows, and gives them.
func centre(rows [][]float64) []float64 {
	means := make([]float64, len(rows))
	for i, row := range rows {
		for _, v := range row {
			means[i] += v / float64(len(row))
		}
		for k := range row {
			row[k] -= means[i]
		}
	}
	return means
}

// samples gives, at some positions of y, the features of u there and the elements of y: [features][samples] and
// [outputs][samples].
func (f fit) samples(u, y *graph.Tensor) (features, outputs [][]float64, err error) {
	features, outputs = make([][]float64, f.features()), make([][]float64, f.weight.Shape[f.out].Size)
	us, ys := u.Values(), y.Values()
	if !f.window {
		in, out := len(features), len(outputs)
		rows := len(us) / in
		if rows*in != len(us) || rows*out != len(ys) {
			return nil, nil, fmt.Errorf("models: activations of layer %q: %v and %v", pass.NodeName(f.node), u.Dims, y.Dims)
		}
		step := stride(rows, 1)
		for r := 0; r < rows; r += step {
			for i := range features {
				features[i] = append(features[i], us[r*in+i])
			}
			for o := range outputs {
				outputs[o] = append(outputs[o], ys[r*out+o])
			}
		}
		return features, outputs, nil
	}
	w, err := op.WindowOf(f.node, u.Dims[2:], f.weight.Const.Dims[2:])
	if err != nil {
		return nil, nil, err
	}
	if !slices.Equal(w.Out, y.Dims[2:]) || u.Dims[0] != y.Dims[0] {
		return nil, nil, fmt.Errorf("models: activations of layer %q: %v and %v", pass.NodeName(f.node), u.Dims, y.Dims)
	}
	kernel, in, out := graph.Product(w.Kernel), graph.Product(w.In), graph.Product(w.Out)
	step := stride(y.Dims[0]*out, out)
	for p := 0; p < y.Dims[0]*out; p += step {
		n, position := p/out, p%out
		for o := range outputs {
			outputs[o] = append(outputs[o], ys[(n*len(outputs)+o)*out+position])
		}
		for k := range kernel {
			at := reads(w, position, k)
			for c := range u.Dims[1] {
				v := 0.0
				if at >= 0 {
					v = us[(n*u.Dims[1]+c)*in+at]
				}
				features[c*kernel+k] = append(features[c*kernel+k], v)
			}
		}
	}
	return features, outputs, nil
}

// reads is the position of a map that a window reads at one of its offsets, both counted in row-major order; −1 where
// that is padding.
func reads(w op.Window, position, offset int) int {
	at, size := 0, 1
	for i := len(w.In) - 1; i >= 0; i-- {
		o, k := position%w.Out[i], offset%w.Kernel[i]
		position, offset = position/w.Out[i], offset/w.Kernel[i]
		p := o*w.Strides[i] + k*w.Dilations[i] - w.Begin[i]
		if p < 0 || p >= w.In[i] {
			return -1
		}
		at += p * size
		size *= w.In[i]
	}
	return at
}
