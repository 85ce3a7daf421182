package graph

import (
	"encoding/json"
	"slices"
	"strconv"
	"strings"
)

// Dim is one extent of a shape: a known size, or a symbol for one that is bound later.
// The symbol "?" stands for an extent of which nothing is known; it equals no other, not even itself.
type Dim struct {
	Size   int
	Symbol string
}

// Unknown is an extent of which nothing is known.
var Unknown = Dim{Symbol: "?"}

// D is the known extent n.
func D(n int) Dim { return Dim{Size: n} }

// Sym is the symbolic extent of that name.
func Sym(name string) Dim { return Dim{Symbol: name} }

// Known says whether the size is known.
func (d Dim) Known() bool { return d.Symbol == "" }

// Is says whether the size is known and equals n.
func (d Dim) Is(n int) bool { return d.Known() && d.Size == n }

// Equal says whether two extents are surely equal.
func (d Dim) Equal(e Dim) bool { return d == e && d.Symbol != Unknown.Symbol }

func (d Dim) String() string {
	if d.Known() {
		return strconv.Itoa(d.Size)
	}
	return d.Symbol
}

// MarshalJSON writes a known size as a number and a symbol as a string.
func (d Dim) MarshalJSON() ([]byte, error) {
	if d.Known() {
		return json.Marshal(d.Size)
	}
	return json.Marshal(d.Symbol)
}

// Shape lists the extents of a tensor, outermost first. A nil Shape has unknown rank; a scalar's is empty and not nil.
type Shape []Dim

// Dims is the shape of these known sizes.
func Dims(sizes ...int) Shape {
	s := make(Shape, len(sizes))
	for i, n := range sizes {
		s[i] = D(n)
	}
	return s
}

// Rank is the number of extents, -1 where it is unknown.
func (s Shape) Rank() int {
	if s == nil {
		return -1
	}
	return len(s)
}

// Static says whether every extent is known.
func (s Shape) Static() bool {
	return s != nil && !slices.ContainsFunc(s, func(d Dim) bool { return !d.Known() })
}

// Sizes gives the extents of a static shape, nil for any other.
func (s Shape) Sizes() []int {
	if !s.Static() {
		return nil
	}
	sizes := make([]int, len(s))
	for i, d := range s {
		sizes[i] = d.Size
	}
	return sizes
}

// Elements is the number of elements of a static shape, -1 for any other.
func (s Shape) Elements() int {
	if !s.Static() {
		return -1
	}
	return Product(s.Sizes())
}

// Equal says whether two shapes are surely equal.
func (s Shape) Equal(t Shape) bool {
	return s != nil && t != nil && slices.EqualFunc(s, t, Dim.Equal)
}

// Clone copies the shape.
func (s Shape) Clone() Shape { return slices.Clone(s) }

// Axis resolves a possibly negative axis of a shape of that rank; ok is false where it lies outside.
func Axis(axis int64, rank int) (a int, ok bool) {
	if axis < 0 {
		axis += int64(rank)
	}
	return int(axis), axis >= 0 && axis < int64(rank)
}

// Product is the product of sizes, 1 for none.
func Product(sizes []int) int {
	n := 1
	for _, s := range sizes {
		n *= s
	}
	return n
}

// Strides gives the distances of elements along the axes of row-major dims, aligned to the last axes of out: 0 along
// those that dims is broadcast over.
func Strides(dims, out []int) []int {
	s := make([]int, len(out))
	step := 1
	for i := len(dims) - 1; i >= 0; i-- {
		if dims[i] != 1 {
			s[len(out)-len(dims)+i] = step
		}
		step *= dims[i]
	}
	return s
}

func (s Shape) String() string {
	if s == nil {
		return "[?…]"
	}
	parts := make([]string, len(s))
	for i, d := range s {
		parts[i] = d.String()
	}
	return "[" + strings.Join(parts, ",") + "]"
}
