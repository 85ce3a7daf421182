package kernel

import "unsafe"

// A tile is a block of sums of products, the unit of work of matrix products and convolutions:
//
//	y[i·pitch+j] = clamp(bias[i] + Σ_k w[k·step+i] · x[taps[k]+j] + add[i·pitch+j])
//
// The right factor is read where it lies, by a table of offsets: the rows of a matrix and the positions that a
// convolution's kernel reads are just other tables. Each sum runs over k in order, whatever the tile's extents, which
// makes results independent of how work is shared out. Assembly checks no bounds.
type tile struct {
	x     *float32
	taps  *int
	w     *float32
	step  int
	bias  *float32    // for each row
	add   *float32    // nil: nothing
	y     *float32    // may be add
	pitch int         // between rows of y and of add
	k     int         // number of taps
	last  *int32      // which lanes of the last vector there are, by lastOf
	clamp *[2]float32 // least and greatest result; nil: any
	n     int         // tiles, side by side
}

// run computes rows × cols sums, no more rows than a tile has. It changes t.
func (by *instructions) run(t *tile, rows, cols int) {
	columns := by.columns(rows)
	if whole := cols / columns; whole > 0 {
		t.n = whole
		by.tile(t, rows, columns)
		cols -= whole * columns
		if cols == 0 {
			return
		}
		t.x, t.y, t.add = beyond(t.x, whole*columns), beyond(t.y, whole*columns), further(t.add, whole*columns)
	}
	t.n = 1
	by.tile(t, rows, cols)
}

// tile computes t.n tiles of rows × cols sums.
func (by *instructions) tile(t *tile, rows, cols int) {
	vectors, last := by.lastOf(cols)
	t.last = last
	if by.tiles != nil {
		by.tiles[rows-1][vectors-1](t)
		return
	}
	for i := range t.n {
		t.runGo(i*cols, rows, cols)
	}
}

// runGo is what the assembly computes of one tile, but for the rounding of products.
func (t *tile) runGo(along, rows, cols int) {
	taps := unsafe.Slice(t.taps, t.k)
	var sums [2 * 2 * 8]float32
	for i := range rows {
		row := sums[:cols]
		fill(row, unsafe.Slice(t.bias, rows)[i])
		for k, tap := range taps {
			w := *beyond(t.w, k*t.step+i)
			x := unsafe.Slice(beyond(t.x, along+tap), cols)
			for j, v := range x {
				row[j] += w * v
			}
		}
		if t.add != nil {
			for j, v := range unsafe.Slice(beyond(t.add, along+i*t.pitch), cols) {
				row[j] += v
			}
		}
		if t.clamp != nil {
			Clip(t.clamp[0], t.clamp[1])(row, row)
		}
		copy(unsafe.Slice(beyond(t.y, along+i*t.pitch), cols), row)
	}
}

// beyond is the address of an element that lies n after p.
func beyond(p *float32, n int) *float32 { return (*float32)(unsafe.Add(unsafe.Pointer(p), 4*n)) }

// noBias is the bias of as many rows as a tile may have.
var noBias [12]float32
