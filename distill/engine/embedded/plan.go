package embedded

import (
	"cmp"
	"reflect"
	"slices"

	"github.com/ildc/ildc/graph"
)

// A plan says which memory every value of a graph lives in. Values that never live at the same time share memory,
// views of a value and results that are computed in place take that value's.
type plan struct {
	tensors map[*graph.Value]*graph.Tensor
	bytes   int64 // of all memory but the initializers
}

// storage is memory and the time, in positions of nodes, that it is in use.
type storage struct {
	dtype    graph.DType
	elements int
	from, to int
	fixed    bool // holds an input, an initializer or state, which no instruction writes
	memory   any
}

// forever is the time after the last node.
const forever = int(^uint(0) >> 1)

func newPlan(g *graph.Graph) *plan {
	at := map[*graph.Value]*storage{}
	p := &plan{tensors: map[*graph.Value]*graph.Tensor{}}
	lastUse := lastUses(g)
	var owned []*storage
	for _, v := range g.Initializers {
		at[v] = &storage{fixed: true, to: forever, memory: v.Const.Data}
	}
	for _, v := range g.Inputs {
		at[v] = &storage{dtype: v.DType, elements: v.Shape.Elements(), from: -1, to: forever, fixed: true}
		owned = append(owned, at[v])
	}
	for i, n := range g.Nodes {
		for k, v := range n.Outputs {
			if v == nil {
				continue
			}
			s := shared(n, i, k, at)
			if s == nil {
				s = &storage{dtype: v.DType, elements: v.Shape.Elements(), from: i}
				owned = append(owned, s)
			}
			at[v], s.to = s, max(s.to, i, lastUse[v])
		}
	}
	p.bytes = assign(owned)
	for v, s := range at {
		p.tensors[v] = &graph.Tensor{DType: v.DType, Dims: v.Shape.Sizes(), Data: first(s.memory, v.Shape.Elements())}
	}
	return p
}

func lastUses(g *graph.Graph) map[*graph.Value]int {
	last := map[*graph.Value]int{}
	for i, n := range g.Nodes {
		for _, v := range n.Reads() {
			last[v] = i
		}
	}
	for _, v := range g.Outputs {
		last[v] = forever
	}
	return last
}

// isView says whether a node only gives its first input another shape.
func isView(n *graph.Node) bool {
	return operationOf(n).view && !slices.ContainsFunc(n.Outputs[1:], func(v *graph.Value) bool { return v != nil })
}

// shared gives the storage of an input whose memory output k of node i takes, nil where it needs memory of its own.
func shared(n *graph.Node, i, k int, at map[*graph.Value]*storage) *storage {
	v := n.Outputs[k]
	switch {
	case k > 0:
		return nil
	case isView(n):
		return at[n.Inputs[0]]
	case operationOf(n).inPlace == nil:
		return nil
	}
	uses := map[*storage]int{}
	for _, x := range n.Reads() {
		uses[at[x]]++
	}
	for input, x := range n.Inputs {
		if x == nil || !operationOf(n).inPlace(input) || x.DType != v.DType || !x.Shape.Equal(v.Shape) {
			continue
		}
		if s := at[x]; !s.fixed && s.to == i && uses[s] == 1 {
			return s
		}
	}
	return nil
}

// assign gives every storage memory, the largest first, each the smallest memory that is free for its time. It
// returns the bytes that were allocated.
func assign(all []*storage) int64 {
	type slab struct {
		memory *graph.Tensor
		users  []*storage
	}
	slabs := map[graph.DType][]*slab{}
	var bytes int64
	order := slices.Clone(all)
	slices.SortStableFunc(order, func(a, b *storage) int { return cmp.Compare(b.elements, a.elements) })
	for _, s := range order {
		var in *slab
		for i := len(slabs[s.dtype]) - 1; i >= 0 && in == nil; i-- {
			candidate := slabs[s.dtype][i]
			if !slices.ContainsFunc(candidate.users, func(u *storage) bool { return u.from <= s.to && s.from <= u.to }) {
				in = candidate
			}
		}
		if in == nil {
			in = &slab{memory: graph.NewTensor(s.dtype, s.elements)}
			slabs[s.dtype] = append(slabs[s.dtype], in)
			bytes += in.memory.Bytes()
		}
		in.users = append(in.users, s)
		s.memory = in.memory.Data
	}
	return bytes
}

// first gives the first n elements of a slice.
func first(slice any, n int) any { return reflect.ValueOf(slice).Slice(0, n).Interface() }

// copyData copies the elements of a slice to another of its type.
func copyData(dst, src any) { reflect.Copy(reflect.ValueOf(dst), reflect.ValueOf(src)) }
