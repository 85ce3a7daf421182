package pipeline

import (
	"cmp"
	"fmt"

	"github.com/ildc/ildc/graph"
	"github.com/ildc/ildc/graph/op"
	"github.com/ildc/ildc/graph/pass"
	"github.com/ildc/ildc/internal/report"
)

// Inspect describes a model. symbols are sizes of symbolic extents other than the batch, which counts as 1.
func Inspect(s Source, symbols map[string]int) (*report.Inspection, error) {
	m, err := Load(s)
	if err != nil {
		return nil, err
	}
	bind := pass.Binding{Batch: 1, Symbols: symbols}
	if m, err = m.Analyse(bind); err != nil {
		return nil, err
	}
	known := m.Whole
	if m.unsupported != nil {
		known = m.Graph
	}
	groups, err := pass.Channels(known, bind)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", m.Name, err)
	}
	cost := pass.CostOf(groups.Graph)
	i := &report.Inspection{Side: m.side, Inputs: tensors(m.File.Inputs), Outputs: tensors(m.File.Outputs),
		Opsets: m.File.Opsets, Nodes: nodes(groups, cost.Nodes)}
	i.Params, i.MACs = cost.Params, cost.MACs
	if known == m.Graph {
		i.Nodes = append(i.Nodes, unknownNodes(m.Whole, known)...)
	}
	return i, nil
}

func tensors(values []*graph.Value) (all []report.Tensor) {
	for _, v := range values {
		all = append(all, report.Tensor{Name: v.Name, DType: v.DType.String(), Shape: v.Shape.String()})
	}
	return all
}

// unknownNodes tells of the nodes that are not in the part that is known.
func unknownNodes(whole, known *graph.Graph) (all []report.NodeInfo) {
	there := map[string]bool{}
	for _, n := range known.Nodes {
		there[pass.NodeName(n)] = true
	}
	for _, n := range whole.Nodes {
		if name := pass.NodeName(n); !there[name] {
			info := report.NodeInfo{Name: name, Op: n.OpName()}
			if v := n.Output(0); v != nil {
				info.Shape = v.Shape.String()
			}
			all = append(all, info)
		}
	}
	return all
}

// nodes tells of each node of the file what normalisation has made of it: one node, or several of its own.
func nodes(groups *pass.Groups, costs []pass.NodeCost) (all []report.NodeInfo) {
	shrinks := map[*graph.Value]bool{}
	for _, g := range groups.List {
		for _, a := range g.Axes {
			shrinks[a.Value] = true
		}
	}
	ops := map[string]string{} // of the file's nodes, by name
	for _, n := range groups.Source.Nodes {
		ops[pass.NodeName(n)] = n.OpName()
	}
	at := map[string]int{}
	for _, n := range costs {
		name := groups.NameOf(n.Node)
		k, seen := at[name]
		if !seen {
			k = len(all)
			at[name] = k
			all = append(all, report.NodeInfo{Name: name, Op: cmp.Or(ops[name], n.Node.OpName()), Runs: true, Trains: true})
		}
		info, s := &all[k], op.Of(n.Node)
		info.MACs += n.MACs
		for _, v := range n.Node.Inputs {
			if v != nil && v.Const != nil && v.DType.IsFloat() && len(v.Shape) > 0 {
				info.Params += int64(v.Const.Len())
			}
		}
		if v := n.Node.Output(0); v != nil {
			info.Shape, info.Shrink = v.Shape.String(), info.Shrink || shrinks[v]
		}
		info.Runs = info.Runs && s != nil && s.Eval != nil
		info.Trains = info.Trains && s != nil && (s.Grad != nil || s.NoGrad)
	}
	return all
}
