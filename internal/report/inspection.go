package report

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"
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
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\n", n.Name, n.Op, n.Shape,
			thousands(n.MACs), thousands(n.Params), yes[n.Runs], yes[n.Trains], yes[n.Shrink])
	}
	t.Flush()
	return s.String()
}

// Verdict is what can be done with a model: "plannable", "accepted" (it imports, and is declined for compression) or
// "declined".
type Verdict struct {
	Path    string `json:"path"`
	Verdict string `json:"verdict"`
	Why     string `json:"why,omitempty"` // of what is not plannable; what a plannable one reaches
}
