package dataset

import (
	"fmt"
	"slices"

	"github.com/ildc/ildc/graph"
)

// Dataset is a fixed collection of samples. It is safe for concurrent use.
type Dataset interface {
	// Len is the number of samples.
	Len() int
	// Spec describes the samples; it never changes.
	Spec() Spec
	// Sample gives sample i, 0 ≤ i < Len, the same one each time. Its tensors are only read.
	Sample(i int) (Sample, error)
}

// Spec describes the samples of a dataset.
type Spec struct {
	Features   []Feature
	Classes    int      // labels are 0 … Classes−1; 0 where there are no labels
	ClassNames []string // nil where the classes have no names
	Synthetic  bool     // the inputs are made up
}

// Feature is one tensor of every sample.
type Feature struct {
	Name  string
	DType graph.DType
	Dims  []int // without a batch axis
	Image bool  // Dims are [H,W,C], which can be augmented and laid out as a model wants it
}

func (f Feature) String() string {
	return fmt.Sprintf("%q %v%v", f.Name, f.DType, graph.Dims(f.Dims...))
}

func (f Feature) equal(g Feature) bool {
	return f.Name == g.Name && f.DType == g.DType && f.Image == g.Image && slices.Equal(f.Dims, g.Dims)
}

// Sample is one sample as it is stored, before augmentation and preprocessing.
type Sample struct {
	Features []*graph.Tensor // one per Feature of the Spec, of its DType and Dims
	Label    int             // the class; NoLabel where the sample has none
}

// NoLabel is the label of a sample without one.
const NoLabel = -1
