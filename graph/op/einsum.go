package op

import (
	"slices"
	"strings"

	"github.com/ildc/ildc/graph"
)

// Einsum sums products of elements over the labels that the equation's right side does not have: Inputs [...] → […]. It
// is broken down into products of two operands at a time, from the left, each a MatMul where labels are summed over,
// else a Mul. https://onnx.ai/onnx/operators/onnx__Einsum.html

// term is an operand with a label for each axis. The axes of an ellipsis are labelled from the last on, so that they
// are aligned as broadcasting does: with the runes below.
type term struct {
	value  *graph.Value
	labels []rune
}

// ellipsis is the label of the k-th axis, from the last, of what "..." stands for.
func ellipsis(k int) rune { return rune(0xE000 + k) }

func einsum(b *graph.Builder, n *graph.Node) []*graph.Value {
	terms, out, err := parseEinsum(n)
	if err != nil {
		b.Fail("%w", err)
		return nil
	}
	if terms == nil {
		return nil
	}
	e := einsumBuilder{b, n}
	for i, t := range terms {
		later := slices.Clone(out)
		for k, other := range terms {
			if k != i {
				later = append(later, other.labels...)
			}
		}
		if terms[i] = e.sumAlone(e.diagonal(t), later); b.Err() != nil {
			return nil
		}
	}
	t := terms[0]
	for i, u := range terms[1:] {
		later := slices.Clone(out)
		for _, other := range terms[i+2:] {
			later = append(later, other.labels...)
		}
		var ok bool
		if t, ok = e.multiply(t, u, later); !ok {
			return nil
		}
	}
	return []*graph.Value{e.arranged(t, out)}
}

// parseEinsum labels the inputs' axes and the output's; no terms where a rank is not known.
func parseEinsum(n *graph.Node) (terms []term, out []rune, err error) {
	equation := strings.ReplaceAll(n.String("equation", ""), " ", "")
	left, right, explicit := strings.Cut(equation, "->")
	parts := strings.Split(left, ",")
	if len(parts) != len(n.Inputs) {
		return nil, nil, Errorf(n, ErrMalformed, "equation %q for %d inputs", equation, len(n.Inputs))
	}
	count := map[rune]int{}
	widest := 0
	for i, part := range parts {
		v := n.Inputs[i]
		if v.Shape == nil {
			return nil, nil, nil
		}
		labels, dots := expandEllipsis(part, len(v.Shape)-len([]rune(strings.Replace(part, "...", "", 1))))
		if len(labels) != len(v.Shape) {
			return nil, nil, Errorf(n, ErrMalformed, "equation %q: %q for %v", equation, part, v.Shape)
		}
		widest = max(widest, dots)
		terms = append(terms, term{v, labels})
		for _, l := range labels {
			count[l]++
		}
	}
	if explicit {
		out, _ = expandEllipsis(right, widest)
	} else {
		out, _ = expandEllipsis("...", widest)
		var once []rune
		for l, c := range count {
			if c == 1 && l < ellipsis(0) {
				once = append(once, l)
			}
		}
		slices.Sort(once)
		out = append(out, once...)
	}
	for i, l := range out {
		if count[l] == 0 || slices.Contains(out[:i], l) {
			return nil, nil, Errorf(n, ErrMalformed, "equation %q: the output's labels", equation)
		}
	}
	return terms, out, nil
}

// expandEllipsis gives the labels of one operand, whose ellipsis stands for that many axes.
func expandEllipsis(part string, axes int) (labels []rune, dots int) {
	before, after, found := strings.Cut(part, "...")
	labels = []rune(before)
	if found {
		for k := axes - 1; k >= 0; k-- {
			labels = append(labels, ellipsis(k))
		}
		dots = max(0, axes)
	}
	return append(labels, []rune(after)...), dots
}

type einsumBuilder struct {
	*graph.Builder
	node *graph.Node
}

// diagonal joins axes that have the same label: what lies off their diagonal is masked, and one of them is summed over.
func (e einsumBuilder) diagonal(t term) term {
	for i := 0; i < len(t.labels); i++ {
		k := slices.Index(t.labels[i+1:], t.labels[i])
		if k < 0 {
			continue
		}
		k += i + 1
		rows, columns := t.value.Shape[i], t.value.Shape[k]
		if !rows.Known() || !columns.Known() || rows.Size != columns.Size || rows.Size > 1<<13 {
			e.Fail("%w", Errorf(e.node, ErrUnsupported, "the diagonal of axes %v and %v", rows, columns))
			return t
		}
		dims := slices.Repeat([]int{1}, len(t.labels))
		dims[i], dims[k] = rows.Size, rows.Size
		mask := make([]float64, rows.Size*rows.Size)
		for d := range rows.Size {
			mask[d*rows.Size+d] = 1
		}
		masked := e.Op("Mul", nil, t.value, e.Const("diagonal", graph.FromValues(t.value.DType, dims, mask)))
		t.value = e.Op("ReduceSum", graph.Attrs{"keepdims": int64(0)}, masked, e.Ints(int64(k)))
		t.labels = slices.Delete(slices.Clone(t.labels), k, k+1)
		i--
	}
	return t
}

// sumAlone sums over the labels that nothing later has.
func (e einsumBuilder) sumAlone(t term, later []rune) term {
	var axes []int64
	var left []rune
	for a, l := range t.labels {
		if slices.Contains(later, l) {
			left = append(left, l)
		} else {
			axes = append(axes, int64(a))
		}
	}
	if axes == nil {
		return t
	}
	return term{e.Op("ReduceSum", graph.Attrs{"keepdims": int64(0)}, t.value, e.Ints(axes...)), left}
}

// multiply joins two terms and sums over the labels of both that nothing later has; ok is false where extents that it
// must know are not known.
func (e einsumBuilder) multiply(t, u term, later []rune) (_ term, ok bool) {
	var batch, summed, left, right []rune
	for _, l := range t.labels {
		switch {
		case !slices.Contains(u.labels, l):
			left = append(left, l)
		case slices.Contains(later, l):
			batch = append(batch, l)
		default:
			summed = append(summed, l)
		}
	}
	for _, l := range u.labels {
		if !slices.Contains(t.labels, l) {
			right = append(right, l)
		}
	}
	if summed == nil {
		order := slices.Concat(batch, left, right)
		return term{e.Op("Mul", nil, e.spreadTo(t, order), e.spreadTo(u, order)), order}, true
	}
	if batch == nil && len(summed) == 1 && len(right) == 1 { // a matrix on the right serves any rank on the left
		return term{e.Op("MatMul", nil, e.arranged(t, slices.Concat(left, summed)),
			e.arranged(u, slices.Concat(summed, right))), slices.Concat(left, right)}, true
	}
	x, okX := e.joined(t, batch, left, summed)
	y, okY := e.joined(u, batch, summed, right)
	if !okX || !okY {
		return term{}, false
	}
	product := e.Op("MatMul", nil, x, y)
	leftDims, okLeft := e.extents(t, left)
	rightDims, okRight := e.extents(u, right)
	order := slices.Concat(batch, left, right)
	if len(left) == 1 && len(right) == 1 {
		return term{product, order}, true
	}
	shape := product.Shape[:len(batch)].Sizes()
	if !okLeft || !okRight || shape == nil && len(batch) > 0 {
		return term{}, false
	}
	return term{reshape(e.Builder, product, slices.Concat(shape, leftDims, rightDims)...), order}, true
}

// joined lays a term out as [batch…, rows, columns], with the labels of rows, and of columns, as one axis each.
func (e einsumBuilder) joined(t term, batch, rows, columns []rune) (*graph.Value, bool) {
	v := e.arranged(t, slices.Concat(batch, rows, columns))
	if len(rows) == 1 && len(columns) == 1 {
		return v, true
	}
	lead, okLead := e.extents(t, batch)
	r, okR := e.extents(t, rows)
	c, okC := e.extents(t, columns)
	if !okLead || !okR || !okC {
		return nil, false
	}
	return reshape(e.Builder, v, append(lead, graph.Product(r), graph.Product(c))...), true
}

// extents are those of a term's labels.
func (e einsumBuilder) extents(t term, labels []rune) ([]int, bool) {
	dims := []int{}
	for _, l := range labels {
		d := t.value.Shape[slices.Index(t.labels, l)]
		if !d.Known() {
			return nil, false
		}
		dims = append(dims, d.Size)
	}
	return dims, true
}

// arranged permutes a term's axes to an order of its labels.
func (e einsumBuilder) arranged(t term, order []rune) *graph.Value {
	perm := make([]int64, len(order))
	for i, l := range order {
		perm[i] = int64(slices.Index(t.labels, l))
	}
	if slices.IsSorted(perm) {
		return t.value
	}
	return e.Op("Transpose", graph.Attrs{"perm": perm}, t.value)
}

// spreadTo permutes a term's axes to an order of labels, with extents of 1 for those that it has not.
func (e einsumBuilder) spreadTo(t term, order []rune) *graph.Value {
	var own []rune
	var missing []int64
	for i, l := range order {
		if slices.Contains(t.labels, l) {
			own = append(own, l)
		} else {
			missing = append(missing, int64(i))
		}
	}
	v := e.arranged(t, own)
	if missing == nil {
		return v
	}
	return e.Op("Unsqueeze", nil, v, e.Ints(missing...))
}
