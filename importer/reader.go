package importer

import (
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/ildc/ildc/graph"
	"github.com/ildc/ildc/internal/onnxpb"
)

// onnxDomain is the long form of the domain "".
const onnxDomain = "ai.onnx"

func domain(d string) string {
	if d == onnxDomain {
		return ""
	}
	return d
}

// reader turns one model into a graph.
type reader struct {
	options Options
	left    int64 // bytes that may still be read
	values  map[string]*graph.Value
	errs    []error
	missing map[string][]string // files of external data that are not there, and what lies in them
}

// refuse records a problem.
func (r *reader) refuse(kind error, format string, args ...any) {
	r.errs = append(r.errs, fmt.Errorf("%s: %w", fmt.Sprintf(format, args...), kind))
}

// refuseTensor records what is wrong with a tensor. Of a missing file there is one problem, whatever the number of
// tensors in it.
func (r *reader) refuseTensor(what string, err error) {
	var file *missingFile
	if errors.As(err, &file) {
		r.missing[file.location] = append(r.missing[file.location], what)
		return
	}
	r.errs = append(r.errs, fmt.Errorf("%s: %w", what, err))
}

// problems joins what was refused; of very many the first.
func (r *reader) problems() error {
	const most = 50
	errs := slices.Clone(r.errs)
	for _, location := range slices.Sorted(maps.Keys(r.missing)) {
		of := r.missing[location]
		more := ""
		if len(of) > 1 {
			more = fmt.Sprintf(" and %d more", len(of)-1)
		}
		errs = append(errs, fmt.Errorf("%s%s: %w", of[0], more, &missingFile{location, r.options.Dir}))
	}
	if more := len(errs) - most; more > 0 {
		errs = append(errs[:most:most], fmt.Errorf("and %d problems more", more))
	}
	return errors.Join(errs...)
}

func (r *reader) model(m *onnxpb.ModelProto) *graph.Graph {
	g := graph.New(m.Graph.GetName())
	g.Origin = m
	r.readOpsets(g, m)
	r.readInitializers(g, m.Graph)
	r.readInputs(g, m.Graph)
	r.readNodes(g, m.Graph)
	r.readFunctions(g, m)
	for _, info := range m.Graph.GetOutput() {
		if v := r.values[info.GetName()]; v != nil {
			g.Outputs = append(g.Outputs, v)
		} else {
			r.refuse(ErrMalformed, "output %q: nothing gives it", info.GetName())
		}
	}
	if r.problems() == nil {
		var cycle error
		if g.Nodes, cycle = sorted(g.Nodes); cycle != nil {
			r.refuse(ErrMalformed, "%v", cycle)
		}
	}
	return g
}

func (r *reader) readOpsets(g *graph.Graph, m *onnxpb.ModelProto) {
	for _, o := range m.GetOpsetImport() {
		d, version := domain(o.GetDomain()), o.GetVersion()
		if old, twice := g.Opsets[d]; twice && old != version {
			r.refuse(ErrMalformed, "domain %q is imported with opsets %d and %d: keep the one that its ops are of", d, old,
				version)
		}
		g.Opsets[d] = version
	}
	if len(m.GetOpsetImport()) == 0 && m.GetIrVersion() < 3 {
		g.Opsets[""] = 1 // before opsets were named
	}
}

// define gives a name its value. Names are given once.
func (r *reader) define(v *graph.Value, what string) {
	switch {
	case v.Name == "":
		r.refuse(ErrMalformed, "%s has no name", what)
	case r.values[v.Name] != nil:
		r.refuse(ErrMalformed, "%s %q: the name is given twice", what, v.Name)
	default:
		r.values[v.Name] = v
	}
}

func (r *reader) readInitializers(g *graph.Graph, m *onnxpb.GraphProto) {
	add := func(name string, t *graph.Tensor, err error) {
		if err != nil {
			r.refuseTensor(fmt.Sprintf("initializer %q", name), err)
			t = &graph.Tensor{} // so that its readers are no problems too
		}
		v := &graph.Value{Name: name, DType: t.DType, Shape: t.Shape(), Const: t}
		g.Initializers = append(g.Initializers, v)
		r.define(v, "initializer")
	}
	for _, p := range m.GetInitializer() {
		t, err := r.tensor(p)
		add(p.GetName(), t, err)
	}
	for _, p := range m.GetSparseInitializer() {
		t, err := sparse(p)
		add(p.GetValues().GetName(), t, err)
	}
}

func (r *reader) readInputs(g *graph.Graph, m *onnxpb.GraphProto) {
	listed := map[string]bool{}
	for _, info := range m.GetInput() {
		name := info.GetName()
		if v := r.values[name]; v != nil && v.Const != nil && !listed[name] {
			listed[name] = true
			continue
		}
		v := &graph.Value{Name: name}
		r.declare(v, info)
		r.define(v, "input")
		g.Inputs = append(g.Inputs, v)
	}
}

func (r *reader) readNodes(g *graph.Graph, m *onnxpb.GraphProto) {
	declared := map[string]*onnxpb.ValueInfoProto{}
	for _, list := range [][]*onnxpb.ValueInfoProto{m.GetOutput(), m.GetValueInfo()} {
		for _, info := range list {
			if declared[info.GetName()] == nil {
				declared[info.GetName()] = info
			}
		}
	}
	for i, p := range m.GetNode() {
		what := described(p, i)
		n := &graph.Node{Name: p.GetName(), Op: p.GetOpType(), Domain: domain(p.GetDomain()), Attrs: r.attributes(p, what),
			Origin: p}
		if n.Op == "" {
			r.refuse(ErrMalformed, "%s has no op", what)
		}
		n.Outputs = make([]*graph.Value, len(p.GetOutput()))
		for k, name := range p.GetOutput() {
			if name == "" {
				continue
			}
			v := &graph.Value{Name: name, Producer: n}
			if info := declared[name]; info != nil {
				r.declare(v, info)
			}
			r.define(v, what+": output")
			n.Outputs[k] = v
		}
		g.Nodes = append(g.Nodes, n)
	}
	for i, p := range m.GetNode() {
		n := g.Nodes[i]
		n.Inputs = make([]*graph.Value, len(p.GetInput()))
		for k, name := range p.GetInput() {
			if name != "" {
				n.Inputs[k] = r.read(name, "reads", p, i)
			}
		}
		for _, name := range p.Captures() {
			n.Captures = append(n.Captures, r.read(name, "has a subgraph that reads", p, i))
		}
	}
	if _, ok := g.Opsets[""]; !ok {
		for i, n := range g.Nodes {
			if n.Domain == "" {
				r.refuse(ErrMalformed, "%s: the model does not say of which opset its ops are", described(m.Node[i], i))
				break
			}
		}
	}
}

func (r *reader) read(name, how string, p *onnxpb.NodeProto, i int) *graph.Value {
	v := r.values[name]
	if v == nil {
		r.refuse(ErrMalformed, "%s %s %q, which nothing gives", described(p, i), how, name)
	}
	return v
}

func (r *reader) attributes(p *onnxpb.NodeProto, what string) graph.Attrs {
	attrs := graph.Attrs{}
	for _, a := range p.GetAttribute() {
		name := a.GetName()
		if name == "" || attrs[name] != nil {
			r.refuse(ErrMalformed, "%s: attribute %q: a name that is empty or given twice", what, name)
			continue
		}
		for t := range a.NestedTensors() {
			if t.External() {
				r.refuse(ErrDeclined, "%s: attribute %q: tensor %q of a subgraph lies in external data: store the model without",
					what, name, t.GetName())
			}
		}
		switch v := a.Value().(type) {
		case nil:
			attrs[name] = graph.Opaque{Origin: a}
		case *onnxpb.TensorProto:
			t, err := r.tensor(v)
			if err != nil {
				r.refuseTensor(fmt.Sprintf("%s: attribute %q", what, name), err)
				continue
			}
			attrs[name] = t
		default:
			attrs[name] = v
		}
	}
	return attrs
}

// described names a node, by its position in the file where it has no name.
func described(p *onnxpb.NodeProto, i int) string {
	op := p.GetOpType()
	if d := domain(p.GetDomain()); d != "" {
		op = d + "." + op
	}
	if p.GetName() == "" {
		return fmt.Sprintf("node %d (%s)", i, op)
	}
	return fmt.Sprintf("node %q (%s)", p.GetName(), op)
}
