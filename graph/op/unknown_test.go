package op_test

import (
	"strings"
	"testing"

	"github.com/ildc/ildc/graph"
	"github.com/ildc/ildc/graph/op"
)

func TestUnknown(t *testing.T) {
	for _, c := range []struct{ domain, op, says string }{
		{"", "DequantizeLinear", "quantised"},
		{"com.microsoft", "QLinearAdd", "quantised"},
		{"ai.onnx.ml", "TreeEnsembleClassifier", "trees"},
		{"", "If", "subgraphs"},
		{"ai.onnx.contrib", "BertTokenizer", "text"},
		{"custom", "Magic", "what it computes is not known"},
		{"", "Det", "not known"},
	} {
		if why := op.Unknown(&graph.Node{Domain: c.domain, Op: c.op}); !strings.Contains(why, c.says) {
			t.Errorf("%s: %q, want %q", c.op, why, c.says)
		}
	}
}
