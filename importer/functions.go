package importer

import (
	"fmt"

	"github.com/ildc/ildc/graph"
	"github.com/ildc/ildc/internal/onnxpb"
)

// readFunctions reads the ops that the model defines itself. Only those that nodes call are of interest, but all are
// kept, since they call each other.
func (r *reader) readFunctions(g *graph.Graph, m *onnxpb.ModelProto) {
	for i, p := range m.GetFunctions() {
		f := &graph.Function{Domain: domain(p.GetDomain()), Name: p.GetName(), Inputs: p.GetInput(), Outputs: p.GetOutput(),
			Opsets: map[string]int64{}}
		what := fmt.Sprintf("function %d (%s.%s)", i, f.Domain, f.Name)
		if f.Name == "" || g.FunctionOf(&graph.Node{Op: f.Name, Domain: f.Domain}) != nil {
			r.refuse(ErrMalformed, "%s: a name that is empty or given twice", what)
			continue
		}
		for _, o := range p.GetOpsetImport() {
			f.Opsets[domain(o.GetDomain())] = o.GetVersion()
		}
		if _, ok := f.Opsets[""]; !ok {
			f.Opsets[""] = g.Opsets[""]
		}
		f.Defaults = r.attributes(&onnxpb.NodeProto{Attribute: p.GetAttributeProto()}, what)
		given := map[string]bool{}
		for _, name := range p.GetInput() {
			given[name] = true
		}
		for k, n := range p.GetNode() {
			node := what + ": " + described(n, k)
			for _, name := range n.GetInput() {
				if name != "" && !given[name] {
					r.refuse(ErrMalformed, "%s reads %q, which nothing before it gives", node, name)
				}
			}
			for _, name := range n.GetOutput() {
				given[name] = true
			}
			attrs := r.attributes(n, node)
			for _, a := range n.GetAttribute() {
				if ref := a.GetRefAttrName(); ref != "" {
					attrs[a.GetName()] = graph.Ref{Name: ref}
				}
			}
			f.Nodes = append(f.Nodes, graph.FunctionNode{Name: n.GetName(), Op: n.GetOpType(), Domain: domain(n.GetDomain()),
				Attrs: attrs, Inputs: n.GetInput(), Outputs: n.GetOutput()})
		}
		for _, name := range p.GetOutput() {
			if !given[name] {
				r.refuse(ErrMalformed, "%s: output %q: nothing gives it", what, name)
			}
		}
		g.Functions = append(g.Functions, f)
	}
}
