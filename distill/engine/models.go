package engine

import (
	"context"
	"time"

	"github.com/ildc/ildc/graph"
)

// ModelRunner runs an ONNX model as its bytes are. An engine that can, such as *ort.Engine, shows what others will make
// of an exported file.
type ModelRunner interface {
	// Version names what runs it, for example "onnxruntime 1.30.0, revision 1, amd64 with blocks of 16".
	Version() string
	// RunModel takes all inputs by their names, and gives the outputs that are named.
	RunModel(ctx context.Context, model []byte, in map[string]*graph.Tensor,
		outputs ...string) (map[string]*graph.Tensor, error)
}

// ModelTimer measures ONNX models as their bytes are, such as *ort.Engine.
type ModelTimer interface {
	// TimeModels runs models in turns, and gives the median time of a run of each. in has the inputs of each by their
	// names, outputs the names of its outputs.
	TimeModels(ctx context.Context, models [][]byte, in []map[string]*graph.Tensor, outputs [][]string,
		o Options) ([]time.Duration, error)
}
