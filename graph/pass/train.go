package pass

import (
	"fmt"

	"github.com/ildc/ildc/graph"
	"github.com/ildc/ildc/graph/op"
)

// TrainingForm copies a specialised graph with each node in its training form where it has one (batch normalisation by
// batch statistics). next maps the initializers that are running state to the names of the values they take for the
// next step, which are outputs of the copy, after its own.
func TrainingForm(g *graph.Graph) (t *graph.Graph, next map[string]string, err error) {
	w := &work{graph: g, running: map[string]string{}}
	if err := w.run(training); err != nil {
		return nil, nil, err
	}
	return w.graph, w.running, nil
}

func train(w *work) error {
	var running []*graph.Value
	g, err := Rewrite(w.graph, func(b *graph.Builder, n *graph.Node) []*graph.Value {
		s := op.Of(n)
		if s == nil || s.Train == nil {
			return nil
		}
		for i := range n.Inputs {
			if root(n.Inputs[i]) == nil && i > 0 {
				return nil // its state is computed by the graph: it stays in inference form
			}
		}
		out, states := s.Train(b, n)
		for i := range n.Inputs { // in the order of inputs, for the same names each time
			if v := states[i]; v != nil {
				w.running[root(n.Inputs[i]).Name] = v.Name
				running = append(running, v)
			}
		}
		return out
	})
	if err != nil {
		return fmt.Errorf("pass: training form: %w", err)
	}
	g.Outputs = append(g.Outputs, running...)
	w.graph = g
	return nil
}

// root is the initializer that a value is, be it through nodes that pass on their only input; nil for any other value.
func root(v *graph.Value) *graph.Value {
	for v != nil && v.Const == nil {
		n := v.Producer
		if n == nil || len(n.Inputs) != 1 || !n.Inputs[0].Shape.Equal(v.Shape) {
			return nil
		}
		v = n.Inputs[0]
	}
	return v
}
