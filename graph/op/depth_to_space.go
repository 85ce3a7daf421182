package op

import (
	"github.com/ildc/ildc/graph"
)

// DepthToSpace moves blocks of channels to positions (Shi et al. 2016, section 2.2): [N,C·b²,H,W] → [N,C,H·b,W·b]; the
// channel of a block that position (i,j) takes is (i·b+j)·C + c in mode DCR, c·b² + i·b + j in mode CRD. SpaceToDepth
// is the inverse. https://onnx.ai/onnx/operators/onnx__DepthToSpace.html
func blocks() []*Spec {
	return []*Spec{
		composite(&Spec{Type: "DepthToSpace", Least: 1, Most: 1}, depthToSpace),
		composite(&Spec{Type: "SpaceToDepth", Least: 1, Most: 1}, spaceToDepth),
	}
}

// blockDims gives channels, height, width and blocksize; ok is false where they are not known, or refused.
func blockDims(b *graph.Builder, n *graph.Node) (c, h, w, size int64, ok bool) {
	x := n.Inputs[0]
	if x.Shape == nil {
		return
	}
	size = n.Int("blocksize", 0)
	if len(x.Shape) != 4 || size < 1 {
		b.Fail("%w", Errorf(n, ErrMalformed, "blocksize %d", size))
		return
	}
	dims := x.Shape[1:].Sizes()
	if dims == nil {
		return
	}
	return int64(dims[0]), int64(dims[1]), int64(dims[2]), size, true
}

// columnsFirst says whether the mode is CRD.
func columnsFirst(b *graph.Builder, n *graph.Node) bool {
	mode := n.String("mode", "DCR")
	if mode != "DCR" && mode != "CRD" {
		b.Fail("%w", Errorf(n, ErrMalformed, "mode %q", mode))
	}
	return mode == "CRD"
}

// rearrange reshapes, permutes and reshapes again; a leading 0 keeps the batch.
func rearrange(b *graph.Builder, x *graph.Value, apart, perm, together []int64) []*graph.Value {
	y := b.Op("Transpose", graph.Attrs{"perm": perm}, b.Op("Reshape", nil, x, b.Ints(apart...)))
	return []*graph.Value{b.Op("Reshape", nil, y, b.Ints(together...))}
}

func depthToSpace(b *graph.Builder, n *graph.Node) []*graph.Value {
	c, h, w, size, ok := blockDims(b, n)
	if !ok {
		return nil
	}
	if c%(size*size) != 0 {
		b.Fail("%w", Errorf(n, ErrMalformed, "%d channels for blocks of %d by %d", c, size, size))
		return nil
	}
	c /= size * size
	apart, perm := []int64{0, size, size, c, h, w}, []int64{0, 3, 4, 1, 5, 2}
	if columnsFirst(b, n) {
		apart, perm = []int64{0, c, size, size, h, w}, []int64{0, 1, 4, 2, 5, 3}
	}
	return rearrange(b, n.Inputs[0], apart, perm, []int64{0, c, h * size, w * size})
}

func spaceToDepth(b *graph.Builder, n *graph.Node) []*graph.Value {
	c, h, w, size, ok := blockDims(b, n)
	if !ok {
		return nil
	}
	if h%size != 0 || w%size != 0 {
		b.Fail("%w", Errorf(n, ErrMalformed, "%d by %d positions for blocks of %d by %d", h, w, size, size))
		return nil
	}
	h, w = h/size, w/size
	perm := []int64{0, 3, 5, 1, 2, 4}
	if columnsFirst(b, n) {
		perm = []int64{0, 1, 3, 5, 2, 4}
	}
	return rearrange(b, n.Inputs[0], []int64{0, c, h, size, w, size}, perm, []int64{0, c * size * size, h, w})
}
