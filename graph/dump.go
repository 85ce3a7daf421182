package graph

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
)

// Dump writes the graph as text, one line per input, initializer, node and output. Tensors are shown by dtype and
// shape, small integer ones by their elements. Equal graphs give equal text.
func (g *Graph) Dump(w io.Writer) error {
	var s strings.Builder
	fmt.Fprintf(&s, "graph %q", g.Name)
	for _, domain := range slices.Sorted(maps.Keys(g.Opsets)) {
		fmt.Fprintf(&s, " %q=%d", domain, g.Opsets[domain])
	}
	s.WriteByte('\n')
	for _, v := range g.Inputs {
		fmt.Fprintf(&s, "input  %s\n", describe(v))
	}
	for _, v := range g.Initializers {
		fmt.Fprintf(&s, "const  %s%s\n", describe(v), elements(v.Const))
	}
	for _, n := range g.Nodes {
		outs := make([]string, len(n.Outputs))
		for i, v := range n.Outputs {
			outs[i] = describe(v)
		}
		ins := make([]string, len(n.Inputs))
		for i, v := range n.Inputs {
			ins[i] = "-"
			if v != nil {
				ins[i] = v.Name
			}
		}
		fmt.Fprintf(&s, "       %s = %s(%s)", strings.Join(outs, ", "), n.OpName(), strings.Join(ins, ", "))
		for _, name := range slices.Sorted(maps.Keys(n.Attrs)) {
			switch a := n.Attrs[name].(type) {
			case Opaque:
				fmt.Fprintf(&s, " %s=…", name)
			case *Tensor:
				fmt.Fprintf(&s, " %s=%v%s", name, a, elements(a))
			case string:
				fmt.Fprintf(&s, " %s=%q", name, a)
			default:
				fmt.Fprintf(&s, " %s=%v", name, a)
			}
		}
		for _, v := range n.Captures {
			fmt.Fprintf(&s, " captures %s", v.Name)
		}
		s.WriteByte('\n')
	}
	for _, v := range g.Outputs {
		fmt.Fprintf(&s, "output %s\n", v.Name)
	}
	_, err := io.WriteString(w, s.String())
	return err
}

func describe(v *Value) string {
	if v == nil {
		return "-"
	}
	return fmt.Sprintf("%s:%v%v", v.Name, v.DType, v.Shape)
}

// elements shows a small integer tensor's elements.
func elements(t *Tensor) string {
	if d := t.Int64s(); d != nil && len(d) <= 8 {
		return fmt.Sprintf("=%v", d)
	}
	return ""
}
