package ildc

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/ildc/ildc/graph"
	"github.com/ildc/ildc/graph/op"
	"github.com/ildc/ildc/graph/pass"
)

// Inspection is what there is to know of a model.
type Inspection struct {
	Side
	Inputs  []Tensor         `json:"inputs"`
	Outputs []Tensor         `json:"outputs"`
	Opsets  map[string]int64 `json:"opsets"`
	Nodes   []NodeInfo       `json:"nodes"`
}

// Tensor is an input or output.
type Tensor struct {
	Name  string `json:"name"`
	DType string `json:"dtype"`
	Shape string `json:"shape"`
}

// NodeInfo is a node: its cost, and what can be done with it.
type NodeInfo struct {
	Name   string `json:"name"`
	Op     string `json:"op"`
	Shape  string `json:"shape"` // of the first output
	MACs   int64  `json:"macs"`
	Params int64  `json:"params"`  // elements of the weights that it reads
	Runs   bool   `json:"runs"`    // it can be evaluated
	Trains bool   `json:"trains"`  // a gradient goes through it, or needs not to
	Shrink bool   `json:"shrinks"` // channels of its output can be removed
}

// Inspect describes a model. symbols are sizes of symbolic extents other than the batch, which counts as 1.
func Inspect(m Model, symbols map[string]int) (*Inspection, error) {
	l, err := m.load()
	if err != nil {
		return nil, err
	}
	bind := pass.Binding{Batch: 1, Symbols: symbols}
	if _, err := l.analyse(bind); err != nil {
		return nil, fmt.Errorf("%s: %w", l.name, err)
	}
	known := l.whole
	if l.unsupported != nil {
		known = l.graph
	}
	groups, err := pass.Channels(known, bind)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", l.name, err)
	}
	cost := pass.CostOf(groups.Graph)
	i := &Inspection{Opsets: l.file.Opsets,
		Side: Side{Path: m.Path, SHA256: l.sha256, Params: cost.Params, MACs: cost.MACs, Bytes: l.bytes}}
	for _, v := range l.file.Inputs {
		i.Inputs = append(i.Inputs, Tensor{v.Name, v.DType.String(), v.Shape.String()})
	}
	for _, v := range l.file.Outputs {
		i.Outputs = append(i.Outputs, Tensor{v.Name, v.DType.String(), v.Shape.String()})
	}
	shrinks := map[*graph.Value]bool{}
	for _, g := range groups.List {
		for _, a := range g.Axes {
			shrinks[a.Value] = true
		}
	}
	i.count(groups, cost.Nodes, shrinks)
	if known == l.graph {
		i.rest(l.whole, known)
	}
	return i, nil
}

// rest tells of the nodes that are not in the part that is known.
func (i *Inspection) rest(whole, known *graph.Graph) {
	there := map[string]bool{}
	for _, n := range known.Nodes {
		there[pass.NodeName(n)] = true
	}
	for _, n := range whole.Nodes {
		if name := pass.NodeName(n); !there[name] {
			info := NodeInfo{Name: name, Op: n.OpName()}
			if v := n.Output(0); v != nil {
				info.Shape = v.Shape.String()
			}
			i.Nodes = append(i.Nodes, info)
		}
	}
}

// count tells of each node of the file what normalisation has made of it: one node, or several of its own.
func (i *Inspection) count(groups *pass.Groups, nodes []pass.NodeCost, shrinks map[*graph.Value]bool) {
	ops := map[string]string{} // of the file's nodes, by name
	for _, n := range groups.Source.Nodes {
		ops[pass.NodeName(n)] = n.OpName()
	}
	at := map[string]int{}
	for _, n := range nodes {
		name := groups.NameOf(n.Node)
		k, seen := at[name]
		if !seen {
			k = len(i.Nodes)
			at[name] = k
			i.Nodes = append(i.Nodes, NodeInfo{Name: name, Op: cmp.Or(ops[name], n.Node.OpName()), Runs: true, Trains: true})
		}
		info, s := &i.Nodes[k], op.Of(n.Node)
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
}

// Text is the inspection as text.
func (i *Inspection) Text() string {
	var s strings.Builder
	for _, v := range i.Inputs {
		fmt.Fprintf(&s, "input   %s %s%s\n", v.Name, v.DType, v.Shape)
	}
	for _, v := range i.Outputs {
		fmt.Fprintf(&s, "output  %s %s%s\n", v.Name, v.DType, v.Shape)
	}
	for _, domain := range slices.Sorted(maps.Keys(i.Opsets)) {
		fmt.Fprintf(&s, "opset   %d %s\n", i.Opsets[domain], domain)
	}
	fmt.Fprintf(&s, "params  %s\nMACs    %s\nbytes   %s\n\n", thousands(i.Params), thousands(i.MACs), thousands(i.Bytes))
	t := tabwriter.NewWriter(&s, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "node\top\toutput\tMACs\tparams\truns\ttrains\tshrinks")
	yes := map[bool]string{true: "yes", false: "no"}
	for _, n := range i.Nodes {
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\n", n.Name, n.Op, n.Shape, thousands(n.MACs), thousands(n.Params), yes[n.Runs], yes[n.Trains], yes[n.Shrink])
	}
	t.Flush()
	return s.String()
}

// Verdict is what can be done with a model: "plannable", "accepted" (it imports, and is declined for compression) or "declined".
type Verdict struct {
	Path    string `json:"path"`
	Verdict string `json:"verdict"`
	Why     string `json:"why,omitempty"` // of what is not plannable; what a plannable one reaches
}

// Survey tells of each file what can be done with it at a budget. It goes on after a model that is declined.
func Survey(ctx context.Context, paths []string, budget string) []Verdict {
	var all []Verdict
	for _, path := range paths {
		v := Verdict{Path: path, Verdict: "plannable"}
		if _, err := File(path).load(); err != nil {
			v.Verdict, v.Why = "declined", err.Error()
		} else if r, err := Plan(ctx, Options{Teacher: File(path), Budget: budget}); err != nil {
			v.Verdict, v.Why = "accepted", err.Error()
		} else {
			v.Why = r.Budget.Reached
		}
		v.Why = strings.TrimPrefix(v.Why, path+": ")
		all = append(all, v)
	}
	return all
}
