package kernel

// rowCopy copies rows of each channel, or every other element of them, and puts rows of zeros before and after. Of the
// first and the last vector of a row only some lanes are read, the others become zeros. What is written past a row's
// end must be written again, or be nobody's. The assembly checks no bounds.
type rowCopy struct {
	to, from               *float32
	at                     int // of the first row from there on, which may lie before it
	rows, vectors          int
	toStep, fromStep       int    // between rows
	first, last            *int32 // lanes of the first vector, which may be the last one, and of the last
	firstHigh, lastHigh    *int32 // of every other element: lanes of the second half of what is read for a vector
	even                   *int32
	before, after          int // rows of zeros
	channels               int
	toChannel, fromChannel int // between channels
}

// spill is how many elements a copy of rows may write past its end.
const spill = maxLanes - 1

// lanesBetween are [from, to) of a vector, where these lie in it.
func lanesBetween(from, to int) *int32 {
	from, to = min(max(from, 0), maxLanes), min(max(to, 0), maxLanes)
	return &laneRuns[from][to][0]
}

var laneRuns = func() (all [maxLanes + 1][maxLanes + 1][maxLanes]int32) {
	for from := range all {
		for to := range all[from] {
			for i := from; i < to; i++ {
				all[from][to][i] = -1
			}
		}
	}
	return all
}()

// evens are the even elements of two vectors.
var evens = func() (even [maxLanes]int32) {
	for i := range even {
		even[i] = int32(2 * i)
	}
	return even
}()
