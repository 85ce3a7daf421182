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

// attention finds the layers of attention heads, in order: a Softmax over the last axis, and a product of its result with values that depend on
// the input, too.
func (n *network) attention() []Attention {
	var all []Attention
	for _, node := range n.order {
		if node.Op != "Softmax" || len(node.Inputs[0].Shape) != 4 || !slices.Contains([]int64{-1, 3}, node.Int("axis", -1)) {
			continue
		}
		if values := n.attendedTo(node.Outputs[0], 4); values != nil {
			all = append(all, Attention{Scores: node.Inputs[0].Name, Values: values.Name})
		}
	}
	return all
}

// attendedTo finds the values that probabilities weigh, through ops that only mask them.
func (n *network) attendedTo(probabilities *graph.Value, steps int) *graph.Value {
	for _, reader := range n.readers[probabilities] {
		switch reader.Op {
		case "MatMul":
			if values := reader.Inputs[1]; reader.Inputs[0] == probabilities && n.fed[values] && len(values.Shape) == 4 {
				return values
			}
		case "Identity", "Dropout", "Where", "Cast", "Mul":
			if steps > 0 && reader.Outputs[0].Shape.Equal(probabilities.Shape) {
				if values := n.attendedTo(reader.Outputs[0], steps-1); values != nil {
					return values
				}
			}
		}
	}
	return nil
}

// pairAttention pairs the student's attention layers with the teacher's: by lineage where it is known, else at even distances, each with the last of the
// teacher's layers that it stands for (Jiao et al. 2020, TinyBERT, section 3.2, the uniform strategy).
func pairAttention(t, s *network, lineage map[string]Source) []AttentionPair {
	teachers, students := t.attention(), s.attention()
	if len(teachers) < len(students) {
		return nil
	}
	var pairs []AttentionPair
	for i, own := range students {
		k := (i+1)*len(teachers)/len(students) - 1
		if source, ok := lineage[own.Scores]; ok {
			if known := slices.IndexFunc(teachers, func(a Attention) bool { return a.Scores == source.Teacher }); known >= 0 {
				k = known
			}
		}
		pairs = append(pairs, AttentionPair{teachers[k], own})
	}
	return pairs
}
