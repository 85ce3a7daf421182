package layermatch

import (
	"slices"

	"github.com/ildc/ildc/graph"
)

// Attention names the values of one layer of attention heads.
type Attention struct {
	Scores string `json:"scores"` // what the Softmax over keys reads: [N,heads,queries,keys]
	Values string `json:"values"` // what its result is multiplied by: [N,heads,keys,width]
}

// AttentionPair is an attention layer of the teacher and the one of the student that corresponds to it.
type AttentionPair struct {
	Teacher Attention `json:"teacher"`
	Student Attention `json:"student"`
}

// attending is a layer of attention heads: what its Softmax reads, and the product of that with values that depend on
// the input, too.
type attending struct {
	scores  *graph.Value
	product *graph.Node
}

func (a attending) names() Attention {
	return Attention{Scores: a.scores.Name, Values: a.product.Inputs[1].Name}
}

// findAttention finds the layers of attention heads, in order, and takes their maps out of the stages: heads, queries
// and keys are no channels and positions.
func (n *network) findAttention() {
	for _, node := range n.order {
		if node.Op != "Softmax" || len(node.Inputs[0].Shape) != 4 || !slices.Contains([]int64{-1, 3}, node.Int("axis", -1)) {
			continue
		}
		product := n.attendedTo(node.Outputs[0], 4)
		if product == nil {
			continue
		}
		n.attention = append(n.attention, attending{node.Inputs[0], product})
		n.setAside(product.Outputs[0])
		for v := node.Inputs[0]; v != nil; v = n.unmasked(v) {
			n.setAside(v)
		}
	}
}

func (n *network) setAside(v *graph.Value) {
	if c := n.chainOf[v]; c != nil {
		c.aside = true
	}
}

// unmasked is what a value of scores was made of by an op that scales or masks it; nil for the product of queries and
// keys.
func (n *network) unmasked(v *graph.Value) *graph.Value {
	if v.Producer == nil || v.Producer.Op == "MatMul" {
		return nil
	}
	i := slices.IndexFunc(v.Producer.Inputs, func(in *graph.Value) bool {
		return in != nil && n.fed[in] && in.Shape.Equal(v.Shape)
	})
	if i < 0 {
		return nil
	}
	return v.Producer.Inputs[i]
}

// attendedTo finds the product in which probabilities weigh values, behind ops that only mask them.
func (n *network) attendedTo(probabilities *graph.Value, steps int) *graph.Node {
	for _, reader := range n.readers[probabilities] {
		switch reader.Op {
		case "MatMul":
			if values := reader.Inputs[1]; reader.Inputs[0] == probabilities && n.fed[values] && len(values.Shape) == 4 {
				return reader
			}
		case "Identity", "Dropout", "Where", "Cast", "Mul":
			if steps > 0 && reader.Outputs[0].Shape.Equal(probabilities.Shape) {
				if product := n.attendedTo(reader.Outputs[0], steps-1); product != nil {
					return product
				}
			}
		}
	}
	return nil
}

// pairAttention pairs the student's attention layers with the teacher's: by lineage where it is known, else at even
// distances, each with the last of the teacher's layers that it stands for (Jiao et al. 2020, TinyBERT, section 3.2,
// the uniform strategy).
func pairAttention(t, s *network, lineage map[string]Source) []AttentionPair {
	teachers, students := t.attention, s.attention
	if len(teachers) < len(students) {
		return nil
	}
	var pairs []AttentionPair
	for i, own := range students {
		k := (i+1)*len(teachers)/len(students) - 1
		if source, ok := lineage[own.scores.Name]; ok {
			known := slices.IndexFunc(teachers, func(a attending) bool { return a.scores.Name == source.Teacher })
			if known >= 0 {
				k = known
			}
		}
		pairs = append(pairs, AttentionPair{teachers[k].names(), own.names()})
	}
	return pairs
}
