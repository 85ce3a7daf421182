package graph

// Function is an op that a model defines by other ops.
type Function struct {
	Domain, Name    string
	Inputs, Outputs []string // by position; a node may leave out trailing inputs
	Defaults        Attrs    // of the attributes that a node may leave out
	Opsets          map[string]int64
	Nodes           []FunctionNode // in topological order
}

// FunctionNode is a node of a function. Values are names, "" where one is absent; an attribute may be a [Ref].
type FunctionNode struct {
	Name, Op, Domain string
	Attrs            Attrs
	Inputs, Outputs  []string
}

// Ref is an attribute within a function that has the value of an attribute of the node that calls it.
type Ref struct{ Name string }

// FunctionOf finds the function that a node calls, nil where its op is none of the model's own.
func (g *Graph) FunctionOf(n *Node) *Function {
	for _, f := range g.Functions {
		if f.Name == n.Op && f.Domain == n.Domain {
			return f
		}
	}
	return nil
}
