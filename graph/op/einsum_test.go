package op_test

import (
	"testing"

	"github.com/ildc/ildc/graph"
	"github.com/ildc/ildc/graph/op"
)

func equation(s string) graph.Attrs { return graph.Attrs{"equation": s} }

func TestEinsumGradients(t *testing.T) {
	for _, c := range []struct {
		equation string
		in       []*graph.Tensor
	}{
		{"ij,jk->ik", one(random(1, 2, 3), random(2, 3, 4))},
		{"bshd,hdm->bsm", one(random(1, 2, 3, 2, 2), random(2, 2, 2, 5))},
		{"bqhd,bkhd->bhqk", one(random(1, 2, 3, 2, 4), random(2, 2, 5, 2, 4))},
		{"...ij,...jk", one(random(1, 2, 3, 4), random(2, 2, 4, 2))},
		{"i,j->ij", one(random(1, 3), random(2, 2))},
		{"...ii->...i", one(random(1, 2, 3, 3))},
		{"ij,jk,kl->il", one(random(1, 2, 3), random(2, 3, 4), random(3, 4, 2))},
		{"ijk->ki", one(random(1, 2, 3, 4))},
	} {
		checkGrads(t, []gradCase{{name: c.equation, op: "Einsum", attrs: equation(c.equation), in: c.in}})
	}
}

func TestEinsum(t *testing.T) {
	x := f32([]int{2, 2}, 1, 2, 3, 4)
	checkEvals(t, []evalCase{
		{"a product", "Einsum", equation("ij,jk->ik"), one(x, x), one(f32([]int{2, 2}, 7, 10, 15, 22))},
		{"implicit, in the order of letters", "Einsum", equation("ba"), one(x), one(f32([]int{2, 2}, 1, 3, 2, 4))},
		{"a trace", "Einsum", equation("ii->"), one(x), one(f32(nil, 5))},
		{"a sum", "Einsum", equation("i j -> j"), one(x), one(vector(4, 6))},
	})
	checkInfers(t, []inferCase{
		{"a symbolic batch", "Einsum", equation("bij,jk->bik"), values(fed("N,4,3"), fed("3,5")), "[N,4,5]", nil},
		{"unknown rank", "Einsum", equation("ij->i"), values(unranked), "[?…]", nil},
		{"too few inputs", "Einsum", equation("ij,jk->ik"), values(fed("2,3")), "", op.ErrMalformed},
		{"a label from nowhere", "Einsum", equation("ij->k"), values(fed("2,3")), "", op.ErrMalformed},
		{"too few labels", "Einsum", equation("i->i"), values(fed("2,3")), "", op.ErrMalformed},
	})
}
