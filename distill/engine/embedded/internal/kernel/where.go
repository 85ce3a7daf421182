package kernel

const selectBlock = 8 // elements that selectAVX2 takes at a time

// Where takes from a where cond holds, else from b. w's operands are dst, cond, a and b; dst may be a or b itself.
func Where[T any](team *Team, w *Walk, dst []T, cond []bool, a, b []T) {
	w.run(team, func(_ *Scratch, n int, at []int) {
		d, c, x, y := at[0], at[1], at[2], at[3]
		d32, ok := any(dst).([]float32)
		if ok && fastest.tiles != nil && w.step[0] == 1 && w.step[1] == 1 && n >= selectBlock {
			a32, b32 := any(a).([]float32), any(b).([]float32)
			blocks := n / selectBlock
			selectRun(d32[d:d+n], cond[c:c+n], a32[x:], b32[y:], w.step[2], w.step[3], blocks)
			n -= blocks * selectBlock
			d += blocks * selectBlock
			c += blocks * selectBlock
			x += blocks * selectBlock * w.step[2]
			y += blocks * selectBlock * w.step[3]
		}
		for range n {
			if cond[c] {
				dst[d] = a[x]
			} else {
				dst[d] = b[y]
			}
			d += w.step[0]
			c += w.step[1]
			x += w.step[2]
			y += w.step[3]
		}
	})
}

// selectRun does blocks of elements; a and b are runs, or one number where the step is 0.
func selectRun(dst []float32, cond []bool, a, b []float32, stepA, stepB, blocks int) {
	var numbers [2][selectBlock]float32
	block := func(x []float32, step int, number *[selectBlock]float32) (*float32, int) {
		if step != 0 {
			return &x[0], selectBlock
		}
		for i := range number {
			number[i] = x[0]
		}
		return &number[0], 0
	}
	pa, sa := block(a, stepA, &numbers[0])
	pb, sb := block(b, stepB, &numbers[1])
	selectAVX2(&dst[0], &cond[0], pa, pb, sa, sb, blocks)
}
