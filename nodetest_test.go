package ildc_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/ildc/ildc/distill/engine"
	"github.com/ildc/ildc/distill/engine/embedded"
	"github.com/ildc/ildc/distill/engine/enginetest"
	"github.com/ildc/ildc/distill/engine/ort"
	"github.com/ildc/ildc/distill/engine/ort/library"
	"github.com/ildc/ildc/graph"
	"github.com/ildc/ildc/graph/op"
	"github.com/ildc/ildc/graph/pass"
	"github.com/ildc/ildc/importer"
)

// nodeTests is where testdata/nodetest/generate.py has written the official node tests.
const nodeTests = ".cache/onnx/node"

// nodeAbsolute is the onnx package's own tolerance.
const nodeAbsolute = 1e-7

// nodeRelative is the onnx package's own tolerance, and two roundings of the 16-bit types, whose steps are larger: 2⁻¹⁰
// and 2⁻⁷ of a value.
func nodeRelative(t graph.DType) float64 {
	switch t {
	case graph.Float16:
		return 0x1p-9
	case graph.BFloat16:
		return 0x1p-6
	}
	return 1e-3
}

// The official node tests of every op that the table has: the reference evaluation and both engines. What is skipped,
// and why, stands in testdata/nodetest/skipped.txt; each line of it that matches a test must be needed.
func TestNodes(t *testing.T) {
	folders, err := filepath.Glob(filepath.Join(nodeTests, "*"))
	if err != nil || len(folders) == 0 {
		t.Skipf("no official node tests in %s: python testdata/nodetest/generate.py %s", nodeTests, nodeTests)
	}
	engines := []engine.Engine{enginetest.Reference{}, embedded.New()}
	if found, err := library.Find(""); err != nil {
		t.Log(err)
	} else if e, err := ort.New(found.Path); err != nil {
		t.Log(err)
	} else {
		engines = append(engines, e)
	}
	skips := readSkips(t)
	foreign := 0
	passed, skipped := map[string]int{}, map[string]int{}
	for _, folder := range folders {
		name := filepath.Base(folder)
		c, err := readNodeTest(folder)
		if errors.Is(err, errForeign) {
			foreign++
			continue
		}
		for _, e := range engines {
			skip := skips.find(name, e.Name())
			if skip != nil {
				skip.matched = true
			}
			problem := err
			if problem == nil {
				problem = c.run(e)
			}
			switch {
			case problem == nil:
				passed[e.Name()]++
			case skip != nil:
				skip.needed = true
				skipped[e.Name()]++
			default:
				t.Errorf("%s: %s: %v", e.Name(), name, problem)
			}
		}
	}
	for _, e := range engines {
		t.Logf("%s: %d passed, %d skipped, %d of ops that the table does not have",
			e.Name(), passed[e.Name()], skipped[e.Name()], foreign)
	}
	for _, s := range skips {
		if s.matched && !s.needed {
			t.Errorf("testdata/nodetest/skipped.txt: %s %s: nothing has to be skipped", s.engines, s.pattern)
		}
	}
}

// nodeSkip is a line of skipped.txt: the engines, "*" for all, a pattern of names, the reason.
type nodeSkip struct {
	engines, pattern, reason string
	matched, needed          bool
}

func (s *nodeSkip) of(engine string) bool {
	return s.engines == "*" || slices.Contains(strings.Split(s.engines, ","), engine)
}

type nodeSkips []*nodeSkip

func (s nodeSkips) find(name, engine string) *nodeSkip {
	for _, skip := range s {
		if ok, _ := filepath.Match(skip.pattern, name); ok && skip.of(engine) {
			return skip
		}
	}
	return nil
}

func readSkips(t *testing.T) (skips nodeSkips) {
	t.Helper()
	f, err := os.Open("testdata/nodetest/skipped.txt")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		line := strings.TrimSpace(lines.Text())
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		fields := strings.SplitN(line, " ", 3)
		if len(fields) < 3 {
			t.Fatalf("testdata/nodetest/skipped.txt: %q: want engines, a pattern and a reason", line)
		}
		skips = append(skips, &nodeSkip{engines: fields[0], pattern: fields[1], reason: fields[2]})
	}
	return skips
}

// nodeTest is one official test.
type nodeTest struct {
	graph *graph.Graph // as imported
	in    map[string]*graph.Tensor
	want  []*graph.Tensor
}

var errForeign = errors.New("it has an op that the table does not have")

func readNodeTest(folder string) (*nodeTest, error) {
	g, err := importer.File(filepath.Join(folder, "model.onnx"))
	if err != nil {
		return nil, err
	}
	for _, n := range g.Nodes {
		if op.Of(n) == nil {
			return nil, errForeign
		}
	}
	in, err := readTensors(folder, "input")
	if err != nil {
		return nil, err
	}
	want, err := readTensors(folder, "output")
	if err != nil {
		return nil, err
	}
	if len(in) > len(g.Inputs) || len(want) != len(g.Outputs) {
		return nil, fmt.Errorf("%d inputs and %d outputs for %d and %d", len(in), len(want), len(g.Inputs), len(g.Outputs))
	}
	c := &nodeTest{graph: g, in: map[string]*graph.Tensor{}}
	for i, t := range in {
		c.in[g.Inputs[i].Name] = declared(t, g.Inputs[i])
	}
	for i, t := range want {
		c.want = append(c.want, declared(t, g.Outputs[i]))
	}
	return c, nil
}

// declared is a tensor in the type that the model states: onnx 1.12 writes bfloat16 as the uint16 of its bits.
func declared(t *graph.Tensor, v *graph.Value) *graph.Tensor {
	if t.DType == graph.Uint16 && v.DType == graph.BFloat16 {
		return &graph.Tensor{DType: v.DType, Dims: t.Dims, Data: t.Data}
	}
	return t
}

func readTensors(folder, kind string) (all []*graph.Tensor, err error) {
	for {
		data, err := os.ReadFile(filepath.Join(folder, "test_data_set_0", fmt.Sprintf("%s_%d.pb", kind, len(all))))
		if errors.Is(err, fs.ErrNotExist) {
			return all, nil
		}
		if err != nil {
			return nil, err
		}
		_, t, err := importer.Tensor(data)
		if err != nil {
			return nil, err
		}
		all = append(all, t)
	}
}

// run compares what an engine gives with what is wanted. Where the shapes depend on the elements of inputs, those
// behind the first are constants, or all of them.
func (c *nodeTest) run(e engine.Engine) error {
	g, in, err := c.specialised(len(c.in))
	for fed := 1; err != nil && fed >= 0; fed-- {
		g, in, err = c.specialised(fed)
	}
	if err != nil {
		return err
	}
	if g, err = pass.Lower(g, e.Native()); err != nil {
		return err
	}
	program, err := e.Compile(context.Background(), &engine.Step{Graph: g}, engine.Options{Threads: 1})
	if err != nil {
		return err
	}
	defer program.Close()
	got, err := program.Run(context.Background(), in)
	if err != nil {
		return err
	}
	for i, v := range g.Outputs {
		if err := nearTensor(got[v.Name], c.want[i]); err != nil {
			return fmt.Errorf("output %d: %w", i, err)
		}
	}
	return nil
}

// specialised is the graph in the table's forms and with static shapes, that many inputs of which are fed and the
// others constants; and what to feed.
func (c *nodeTest) specialised(fed int) (*graph.Graph, map[string]*graph.Tensor, error) {
	g, _ := c.graph.Clone()
	in := maps.Clone(c.in)
	var inputs []*graph.Value
	for i, v := range g.Inputs {
		t := in[v.Name]
		if t == nil {
			continue // an initializer gives its default
		}
		v.DType, v.Shape = t.DType, t.Shape()
		if i >= fed {
			v.Const = t
			g.Initializers = append(g.Initializers, v)
			delete(in, v.Name)
			continue
		}
		inputs = append(inputs, v)
	}
	g.Inputs = inputs
	for _, n := range g.Nodes {
		for _, v := range n.Outputs {
			if v != nil {
				v.Shape = nil // what is declared names symbols of its own
			}
		}
	}
	n, err := pass.Normalise(g)
	if err != nil {
		return nil, nil, err
	}
	s, err := pass.Specialise(n, pass.Binding{})
	return s, in, err
}

func nearTensor(got, want *graph.Tensor) error {
	if got == nil || got.DType != want.DType || !slices.Equal(got.Dims, want.Dims) {
		return fmt.Errorf("it is %v, want %v", got, want)
	}
	if s, ok := want.Data.([]string); ok {
		if !slices.Equal(got.Data.([]string), s) {
			return fmt.Errorf("it is %q, want %q", got.Data, s)
		}
		return nil
	}
	g, w := got.Values(), want.Values()
	for i := range w {
		near := math.Abs(g[i]-w[i]) <= nodeAbsolute+nodeRelative(want.DType)*math.Abs(w[i])
		if g[i] != w[i] && !near && !(math.IsNaN(g[i]) && math.IsNaN(w[i])) {
			return fmt.Errorf("element %d is %v, want %v", i, g[i], w[i])
		}
	}
	return nil
}
