package op

import (
	"slices"
	"strings"

	"github.com/ildc/ildc/graph"
)

const quantised = "the model is quantised: compress the float model that it was made of, and quantise the student"

// Ops that the table does not have on purpose, by why.
var declinedOps = []struct {
	why string
	ops []string // names, or beginnings of names with a "*"
}{
	{quantised, []string{
		"QuantizeLinear", "DequantizeLinear", "DynamicQuantize*", "QLinear*", "QGemm", "QAttention", "ConvInteger",
		"MatMulInteger*", "MatMulNBits", "GatherBlockQuantized",
		"Quant", "BipolarQuant", "Trunc", "Requant*"}},
	{"trees have no weights that a gradient reaches", []string{"TreeEnsemble*"}},
	{"its subgraphs are not looked into", []string{"If", "Loop", "Scan", "BeamSearch", "GreedySearch", "Sampling"}},
	{"it works on sequences or optional values, and a student on tensors", []string{"Sequence*", "ConcatFromSequence",
		"SplitToSequence", "Optional*", "ZipMap", "DictVectorizer"}},
	{"the shape of its result depends on the data", []string{"NonZero", "NonMaxSuppression", "Compress", "Unique"}},
	{"it draws random numbers", []string{"Random*", "Bernoulli", "Multinomial"}},
	{"it works on text or files, and no gradient goes through it", []string{"String*", "RegexFullMatch",
		"TfIdfVectorizer", "DecodeImage", "EncodeImage", "ImageDecoder", "*Tokenizer"}},
}

// Unknown says why the table does not have a node's op.
func Unknown(n *graph.Node) string {
	for _, d := range declinedOps {
		if slices.ContainsFunc(d.ops, func(name string) bool {
			begin, prefix := strings.CutSuffix(name, "*")
			end, suffix := strings.CutPrefix(name, "*")
			return name == n.Op || prefix && strings.HasPrefix(n.Op, begin) || suffix && strings.HasSuffix(n.Op, end)
		}) {
			return d.why
		}
	}
	if n.Domain != "" {
		return "what it computes is not known"
	}
	return "the op is not known"
}

// Quantised says whether a node computes with quantised numbers, in an op that the table does not have.
func Quantised(n *graph.Node) bool { return Of(n) == nil && Unknown(n) == quantised }
