package exporter

import (
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/ildc/ildc/graph"
	"github.com/ildc/ildc/internal/onnxpb"
)

// irVersion and producer are those of a model that was not imported.
const (
	irVersion = 8
	producer  = "ildc"
)

// Options say what goes into a model beside its graph.
type Options struct {
	Metadata map[string]string // entries of metadata_props that are added or replaced

	// Dir is the folder that the model will lie in, where external data may be already; "" embeds all. File sets it.
	Dir string

	External bool // File writes tensors of 1 KiB and more to "<file>.data" beside the model
}

// Marshal encodes a graph as a model. The bytes are the same for equal graphs.
func Marshal(g *graph.Graph, o Options) ([]byte, error) {
	if o.External {
		return nil, errors.New("exporter: external data needs a file beside it: use File")
	}
	data, err := marshal(g, &encoder{options: o})
	if err != nil {
		return nil, fmt.Errorf("exporter: %w", err)
	}
	return data, nil
}

// encoder writes one graph.
type encoder struct {
	options Options
	data    *dataFile // where large weights go; nil for the model itself
	errs    []error
}

func (e *encoder) fail(format string, args ...any) {
	e.errs = append(e.errs, fmt.Errorf(format, args...))
}

func marshal(g *graph.Graph, e *encoder) ([]byte, error) {
	if err := g.Check(); err != nil {
		return nil, err
	}
	m := e.model(g)
	if err := errors.Join(e.errs...); err != nil {
		return nil, err
	}
	return onnxpb.Marshal(m)
}

func (e *encoder) model(g *graph.Graph) *onnxpb.ModelProto {
	origin, _ := g.Origin.(*onnxpb.ModelProto)
	m := onnxpb.Shallow(origin)
	if origin == nil {
		m.IrVersion, m.ProducerName = new(int64(irVersion)), new(producer)
	}
	m.OpsetImport = opsets(origin.GetOpsetImport(), g.Opsets, origin != nil)
	m.MetadataProps = metadata(origin.GetMetadataProps(), e.options.Metadata)
	m.Graph = e.graph(g, origin.GetGraph(), m.GetIrVersion())
	return m
}

func (e *encoder) graph(g *graph.Graph, origin *onnxpb.GraphProto, ir int64) *onnxpb.GraphProto {
	m := onnxpb.Shallow(origin)
	if origin == nil || origin.GetName() != g.Name {
		m.Name = &g.Name
	}
	m.Node = e.nodes(g, origin)
	e.encodeInitializers(m, g, origin)
	d := newDeclarations(g, origin)
	m.Input = d.inputs(ir)
	m.Output = d.list(g.Outputs, origin.GetOutput())
	m.ValueInfo = d.valueInfo()
	return m
}

// onnxDomain is the long form of the domain "".
const onnxDomain = "ai.onnx"

func domain(d string) string {
	if d == onnxDomain {
		return ""
	}
	return d
}

// opsets keeps imports in their order, with those that are new behind.
func opsets(origin []*onnxpb.OperatorSetIdProto, want map[string]int64, imported bool) []*onnxpb.OperatorSetIdProto {
	if imported && len(origin) == 0 && len(want) == 1 && want[""] == 1 {
		return nil // a file from before opsets were named
	}
	var list []*onnxpb.OperatorSetIdProto
	there := map[string]bool{}
	for _, o := range origin {
		version, ok := want[domain(o.GetDomain())]
		if !ok {
			continue
		}
		there[domain(o.GetDomain())] = true
		if o.GetVersion() != version {
			o = onnxpb.Shallow(o)
			o.Version = &version
		}
		list = append(list, o)
	}
	for _, d := range slices.Sorted(maps.Keys(want)) {
		if !there[d] {
			list = append(list, &onnxpb.OperatorSetIdProto{Domain: new(d), Version: new(want[d])})
		}
	}
	return list
}

// metadata replaces entries where they stand, with those that are new behind.
func metadata(origin []*onnxpb.StringStringEntryProto, set map[string]string) []*onnxpb.StringStringEntryProto {
	var list []*onnxpb.StringStringEntryProto
	there := map[string]bool{}
	for _, p := range origin {
		if value, ok := set[p.GetKey()]; ok {
			there[p.GetKey()] = true
			p = onnxpb.Shallow(p)
			p.Value = &value
		}
		list = append(list, p)
	}
	for _, key := range slices.Sorted(maps.Keys(set)) {
		if !there[key] {
			list = append(list, &onnxpb.StringStringEntryProto{Key: new(key), Value: new(set[key])})
		}
	}
	return list
}
