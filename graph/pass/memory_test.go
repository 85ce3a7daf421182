package pass_test

import (
	"testing"

	"github.com/ildc/ildc/graph"
	"github.com/ildc/ildc/graph/op"
	"github.com/ildc/ildc/graph/pass"
)

func TestMemory(t *testing.T) {
	const image = 4 * 3 * 4 * 4 // bytes of [1,3,4,4]
	for _, c := range []struct {
		name  string
		build func(m *model)
		want  pass.Memory
	}{
		{"a chain holds two values at a time", func(m *model) {
			x := m.image(3)
			for range 5 {
				x = m.relu(x)
			}
			m.Output(x)
		}, pass.Memory{Inputs: image, Live: 2 * image}},
		{"what is read later stays", func(m *model) {
			first := m.relu(m.image(3))
			x := first
			for range 5 {
				x = m.relu(x)
			}
			m.Output(m.Op("Add", nil, x, first))
		}, pass.Memory{Inputs: image, Live: 3 * image}},
		{"an output stays", func(m *model) {
			x := m.relu(m.image(3))
			m.Output(x)
			for range 5 {
				x = m.relu(x)
			}
			m.Output(x)
		}, pass.Memory{Inputs: image, Live: 3 * image}},
		{"what nothing reads goes at once", func(m *model) {
			x := m.image(3)
			for range 5 {
				m.relu(x)
			}
			m.Output(m.relu(x))
		}, pass.Memory{Inputs: image, Live: image}},
		{"a value that is read twice is held once", func(m *model) {
			x := m.relu(m.image(3))
			m.Output(m.relu(m.relu(m.Op("Add", nil, x, x))))
		}, pass.Memory{Inputs: image, Live: 2 * image}},
		{"constants are counted apart", func(m *model) {
			m.Output(m.conv(m.image(3), 8))
		}, pass.Memory{Constants: 4 * (8*3*9 + 8), Inputs: image, Live: 4 * 8 * 4 * 4}},
		{"shapes that are not known count nothing", func(m *model) {
			m.Output(m.relu(m.Input("x", graph.Float32, graph.Shape{graph.Sym("batch"), graph.D(4)})))
		}, pass.Memory{}},
	} {
		t.Run(c.name, func(t *testing.T) {
			m := newModel(op.Opset)
			c.build(m)
			if err := m.Err(); err != nil {
				t.Fatal(err)
			}
			if got := pass.MemoryOf(m.Graph()); got != c.want {
				t.Errorf("%+v, want %+v", got, c.want)
			}
		})
	}
}
