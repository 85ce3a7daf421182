package importer

import (
	"fmt"
	"reflect"
	"slices"

	"github.com/ildc/ildc/graph"
)

// Verify reads a model that was exported from g back, and compares: ops, attributes, names, who reads what, every
// weight bit for bit, and the types of inputs and outputs. It is nil where they agree, and joins the differences where
// not.
func Verify(data []byte, o Options, g *graph.Graph) error {
	got, err := Import(data, o)
	if err != nil {
		return err
	}
	d := differ{}
	d.compareGraphs(got, g)
	if err := d.problems(); err != nil {
		return fmt.Errorf("importer: the model read back differs: %w", err)
	}
	return nil
}

// differ records how two graphs differ.
type differ struct{ reader }

func (d *differ) differs(format string, args ...any) {
	d.errs = append(d.errs, fmt.Errorf(format, args...))
}

func (d *differ) compareGraphs(got, want *graph.Graph) {
	if got.Name != want.Name {
		d.differs("graph: name %q, want %q", got.Name, want.Name)
	}
	if !reflect.DeepEqual(got.Opsets, want.Opsets) {
		d.differs("opsets %v, want %v", got.Opsets, want.Opsets)
	}
	d.compareValues("input", got.Inputs, want.Inputs)
	d.compareValues("output", got.Outputs, want.Outputs)
	if d.compareCount("initializers", len(got.Initializers), len(want.Initializers)) {
		for i, v := range want.Initializers {
			w := got.Initializers[i]
			if w.Name != v.Name {
				d.differs("initializer %d: %q, want %q", i, w.Name, v.Name)
			} else if !w.Const.Same(v.Const) {
				d.differs("initializer %q: %v, want %v, or other elements", v.Name, w.Const, v.Const)
			}
		}
	}
	if d.compareCount("nodes", len(got.Nodes), len(want.Nodes)) {
		for i, n := range want.Nodes {
			d.compareNodes(got.Nodes[i], n)
		}
	}
}

func (d *differ) compareCount(what string, got, want int) bool {
	if got != want {
		d.differs("%d %s, want %d", got, what, want)
	}
	return got == want
}

func (d *differ) compareValues(what string, got, want []*graph.Value) {
	if !d.compareCount(what+"s", len(got), len(want)) {
		return
	}
	for i, v := range want {
		// Types that were not declared may have been inferred.
		w := got[i]
		if w.Name != v.Name || w.DType != v.DType && v.DType != graph.Undefined ||
			v.Shape != nil && !slices.Equal(w.Shape, v.Shape) {
			d.differs("%s %d: %q %v%v, want %q %v%v", what, i, w.Name, w.DType, w.Shape, v.Name, v.DType, v.Shape)
		}
	}
}

func (d *differ) compareNodes(got, want *graph.Node) {
	what := fmt.Sprintf("node %q (%s)", want.Name, want.OpName())
	if got.Name != want.Name || got.OpName() != want.OpName() {
		d.differs("%s: is %q (%s)", what, got.Name, got.OpName())
		return
	}
	for _, list := range []struct {
		what      string
		got, want []*graph.Value
	}{{"reads", got.Inputs, want.Inputs}, {"captures", got.Captures, want.Captures},
		{"gives", got.Outputs, want.Outputs}} {
		if g, w := graph.Names(list.got), graph.Names(list.want); !slices.Equal(g, w) {
			d.differs("%s: %s %q, want %q", what, list.what, g, w)
		}
	}
	d.compareCount("attributes of "+what, len(got.Attrs), len(want.Attrs))
	for name, a := range want.Attrs {
		if !graph.Same(got.Attrs[name], a) {
			d.differs("%s: attribute %q: %v, want %v", what, name, got.Attrs[name], a)
		}
	}
}
