package dataset

import "math/rand/v2"

// The streams that are not a sample's take the place of an epoch.
const (
	splitStream     = -1
	shuffleStream   = -2
	syntheticStream = -3
	mixupStream     = -4
)

// stream is the random stream of one sample in one epoch.
func stream(seed uint64, epoch, index int) *rand.Rand {
	return rand.New(rand.NewPCG(mix(mix(seed)^uint64(epoch)), mix(mix(seed+1)^uint64(index))))
}

// mix is the output function of SplitMix64 (Steele, Lea, Flood 2014), a bijection in which every input bit reaches
// every output bit.
func mix(z uint64) uint64 {
	z += 0x9e3779b97f4a7c15
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	return z ^ z>>31
}
