package layermatch_test

import (
	"cmp"
	"fmt"
	"hash/fnv"
	"math"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"text/tabwriter"

	"github.com/ildc/ildc/graph"
	"github.com/ildc/ildc/graph/pass"
	"github.com/ildc/ildc/importer"
	"github.com/ildc/ildc/internal/shared"
	"github.com/ildc/ildc/layermatch"
)

// teachers are trained by others, all of different architecture.
var teachers = []string{
	"models/antispoof_bin_128/AntiSpoofing_bin_128.onnx",
	"models/dnsmos_model_v8/model_v8.onnx",
	"models/ece_v4_fp32/model_fp32.onnx",
	"models/light_resnet50/light_resnet50.onnx",
	"models/light_shufflenet/light_shufflenet.onnx",
	"models/light_squeezenet/light_squeezenet.onnx",
	"models/mobilenetv3_small_imagenet/mobilenetv3_small.onnx",
	"models/ultraface_rfb320/Ultraface.version-RFB-320.onnx",
	"models/vnn21_cifar10_resnet_4b/resnet_4b.onnx",
	"models/vnn21_marabou_cifar10_medium/cifar10_medium.onnx",
	"models/vnn21_mnistfc_256x6/mnist-net_256x6.onnx",
	"models/vnn22_sri_resnet_a/resnet_3b2_bn_mixup_adv_4.0_bs128_lr-1.onnx",
	"models/vnn23_tinyyolo/TinyYOLO.onnx",
	"models/yunet_s_320/yunet_s_320_320.onnx",
	"teachers/resnet20_cifar10.onnx",
}

// large are those of teachers that take longer than all others together.
var large = []string{"models/light_resnet50/light_resnet50.onnx"}

// TestLineageIsRecovered hides where a student came from, and counts how much of it the matcher finds. A student has
// channels removed at random, differently many in each group, is renamed and put into another topological order, and
// one of the two has batch normalisation where the other has it folded.
func TestLineageIsRecovered(t *testing.T) {
	var table strings.Builder
	tw := tabwriter.NewWriter(&table, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(tw, "teacher\tpairs\trecovered\tby position\tgroups\tnormalised\t")
	var all, recovered, positional, count int
	for _, path := range teachers {
		t.Run(filepath.Base(path), func(t *testing.T) {
			shared.Long(t)
			if slices.Contains(large, path) && !shared.All() {
				t.Skip("takes long: CI=true does not leave it out")
			}
			c := newTwins(t, path)
			a, err := layermatch.Align(c.teacher, c.student, layermatch.Options{})
			if err != nil {
				t.Fatal(err)
			}
			inTeacher := map[string]bool{}
			for _, v := range a.Teacher {
				inTeacher[v.Name] = true
			}
			pairs, found := 0, 0
			for _, v := range a.Student {
				if inTeacher[c.old[v.Name]] {
					pairs++
				}
			}
			for _, p := range a.Pairs {
				if c.old[p.Student.Name] == p.Teacher.Name {
					found++
				}
			}
			at := c.byPosition(a)
			fmt.Fprintf(tw, "%s\t%d\t%d\t%d\t%d\t%s\t\n", filepath.Base(path), pairs, found, at, c.groups, c.normalised)
			all, recovered, positional, count = all+pairs, recovered+found, positional+at, count+1
			if pairs < 3 || float64(found) < 0.95*float64(pairs) {
				var s strings.Builder
				if err := a.Table(&s, true); err != nil {
					t.Fatal(err)
				}
				t.Errorf("%d of %d pairs recovered\n%s", found, pairs, s.String())
			}
		})
	}
	tw.Flush()
	t.Logf("%d teachers, %d pairs, %d recovered, %d by position\n%s", count, all, recovered, positional, table.String())
	if count > 0 && (count < 10 || float64(recovered) < 0.95*float64(all)) {
		t.Errorf("%d of %d pairs recovered on %d teachers", recovered, all, count)
	}
}

// twins are a teacher and a student of it that does not look like one.
type twins struct {
	teacher, student *graph.Graph
	old              map[string]string // the student's names → those of the teacher's values they came from
	groups           int               // of channels that shrank
	normalised       string            // which of the two has batch normalisation
}

func newTwins(t *testing.T, path string) twins {
	t.Helper()
	h := fnv.New64a()
	h.Write([]byte(path))
	random := rand.New(rand.NewPCG(h.Sum64(), 1))
	source := importShared(t, path)
	groups, err := pass.Channels(source, pass.Binding{Batch: 1})
	if err != nil {
		t.Fatal(err)
	}
	c := twins{groups: len(groups.List), normalised: "teacher"}
	keep := make([][]int, len(groups.List))
	for i, g := range groups.List {
		n := g.Channels/4 + random.IntN(g.Channels-g.Channels/4) + 1
		keep[i] = random.Perm(g.Channels)[:n]
		slices.Sort(keep[i])
	}
	sliced, err := groups.Slice(keep)
	if err != nil {
		t.Fatal(err)
	}
	c.teacher, c.student = specialise(t, source), specialise(t, sliced.Graph)
	normalised, folded := c.teacher, c.student
	if random.IntN(2) == 0 {
		normalised, folded, c.normalised = folded, normalised, "student"
	}
	pass.FoldBatchNorm(folded)
	moments := map[*graph.Value]pass.Moments{}
	for _, v := range pass.Unfoldable(normalised) {
		channels := v.Shape[1].Size
		m := pass.Moments{Mean: make([]float64, channels), Variance: make([]float64, channels)}
		for i := range channels {
			m.Variance[i] = 1
		}
		moments[v] = m
	}
	pass.UnfoldBatchNorm(normalised, moments)
	c.student, c.old = disguise(c.student, random)
	return c
}

// byPosition counts the pairs that are recovered by pairing candidates at the same place in the file, rescaled to the
// number of candidates.
func (c twins) byPosition(a *layermatch.Alignment) int {
	inFile := func(g *graph.Graph, candidates []layermatch.Candidate) []string {
		at := map[string]int{}
		for i, n := range g.Nodes {
			for _, v := range n.Outputs {
				if v != nil {
					at[v.Name] = i
				}
			}
		}
		names := make([]string, len(candidates))
		for i, v := range candidates {
			names[i] = v.Name
		}
		slices.SortFunc(names, func(v, w string) int { return cmp.Compare(at[v], at[w]) })
		return names
	}
	t, s := inFile(c.teacher, a.Teacher), inFile(c.student, a.Student)
	found := 0
	for i, name := range s {
		k := math.Round(float64(i) * float64(len(t)-1) / math.Max(1, float64(len(s)-1)))
		if c.old[name] == t[int(k)] {
			found++
		}
	}
	return found
}

func importShared(t *testing.T, path string) *graph.Graph {
	t.Helper()
	g, err := importer.File(shared.File(t, path))
	if err != nil {
		t.Fatal(err)
	}
	return g
}

// specialise brings a graph to the form that is aligned: op forms of one opset, static shapes.
func specialise(t *testing.T, g *graph.Graph) *graph.Graph {
	t.Helper()
	n, err := pass.Normalise(g)
	if err != nil {
		t.Fatal(err)
	}
	if n, err = pass.Specialise(n, pass.Binding{Batch: 1}); err != nil {
		t.Fatal(err)
	}
	return n
}
