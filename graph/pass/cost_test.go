package pass_test

import (
	"testing"

	"github.com/ildc/ildc/graph/op"
	"github.com/ildc/ildc/graph/pass"
)

func TestCost(t *testing.T) {
	m := newModel(op.Opset)
	x := m.relu(m.norm(m.conv(m.image(3), 8))) // [1,8,4,4]
	m.Output(m.gemm(m.Op("Flatten", nil, x), 10))
	c := pass.CostOf(m.Graph())
	if want := int64(8*4*4*3*9 + 128*10); c.MACs != want {
		t.Errorf("%d MACs, want %d", c.MACs, want)
	}
	if want := int64(8*3*9 + 8 + 4*8 + 128*10 + 10); c.Params != want {
		t.Errorf("%d params, want %d", c.Params, want)
	}
	if len(c.Nodes) != 5 || c.Nodes[0].MACs != 8*4*4*3*9 {
		t.Errorf("nodes cost %+v", c.Nodes)
	}
	if want := int64(4 * c.Params); pass.ConstantBytes(m.Graph()) != want {
		t.Errorf("%d bytes of constants, want %d", pass.ConstantBytes(m.Graph()), want)
	}
}

func TestCostOfUnknown(t *testing.T) {
	m := newPlain(op.Opset)
	x := m.Op("Conv", nil, m.image(3), m.weight("w", 8, 3, 3, 3))
	x = m.Op("some.domain.Mystery", nil, x)
	m.Output(m.Op("Conv", nil, x, m.weight("w", 8, 8, 3, 3)))
	a, err := pass.Analyse(m.Graph(), pass.Binding{})
	if err != nil {
		t.Fatal(err)
	}
	c := pass.CostOf(a)
	if c.MACs != 8*2*2*3*9 || c.Params != 8*3*9+8*8*9 || len(c.Uncounted) != 2 {
		t.Errorf("cost %+v", c)
	}
}

// The cost model and the sliced graph tell the same.
func TestCostModel(t *testing.T) {
	for _, c := range topologies {
		t.Run(c.name, func(t *testing.T) {
			m := newModel(op.Opset)
			c.build(m)
			gs, err := pass.Channels(m.Graph(), pass.Binding{})
			if err != nil {
				t.Fatal(err)
			}
			keep := halves(gs)
			widths := make([]int, len(keep))
			for i := range keep {
				widths[i] = len(keep[i])
			}
			s, err := gs.Slice(keep)
			if err != nil {
				t.Fatal(err)
			}
			a, err := pass.Analyse(s.Graph, pass.Binding{})
			if err != nil {
				t.Fatal(err)
			}
			got, want := gs.CostModel().Cost(widths), pass.CostOf(a)
			if got.MACs != want.MACs || got.Params != want.Params {
				t.Errorf("the model says %d MACs, %d params; the student has %d, %d",
					got.MACs, got.Params, want.MACs, want.Params)
			}
		})
	}
}
