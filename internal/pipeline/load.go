package pipeline

import (
	"cmp"
	"crypto/sha256"
	"errors"
	"fmt"
	"path/filepath"
	"slices"

	"github.com/ildc/ildc/graph"
	"github.com/ildc/ildc/graph/op"
	"github.com/ildc/ildc/graph/pass"
	"github.com/ildc/ildc/importer"
	"github.com/ildc/ildc/internal/report"
	"github.com/ildc/ildc/models"
)

// Model is an imported model.
type Model struct {
	Name   string          // for messages: the path, or "model"
	File   *graph.Graph    // as imported
	Whole  *graph.Graph    // with float32 in the place of 16-bit floats
	Graph  *graph.Graph    // the part of it that can be run
	Frozen []models.Reason // the nodes that keep the rest from it

	Analysed *graph.Graph // Graph with shapes, of one sample; nil before [Model.Analyse]

	unsupported []string    // those of them whose op is known, but not as they use it; by name
	side        report.Side // of the file; its cost is that of Analysed
}

// Load imports a model.
func Load(s Source) (*Model, error) { return load(s) }

// load imports a model. The nodes that are named are known to be unsupported.
func load(s Source, unsupported ...string) (*Model, error) {
	data, err := s.Read()
	if err != nil {
		return nil, err
	}
	m := Model{Name: "model", side: report.Side{Path: s.Path, SHA256: sum(data), Bytes: int64(len(data))}}
	folder := ""
	if s.Path != "" {
		m.Name, folder = s.Path, filepath.Dir(s.Path)
	}
	if m.File, err = importer.Import(data, importer.Options{Dir: folder}); err != nil {
		return nil, fmt.Errorf("%s: %w", m.Name, err)
	}
	m.Whole = pass.Widen(m.File)
	return m.without(unsupported, nil), nil
}

// without is the model whose part that can be run has none of the nodes that are unsupported; why tells of each.
func (m Model) without(unsupported []string, why map[string]string) *Model {
	m.unsupported, m.Frozen = unsupported, nil
	var unknown []*graph.Node
	m.Graph, unknown = pass.Detach(m.Whole, unsupported...)
	for _, n := range unknown {
		name := pass.NodeName(n)
		m.Frozen = append(m.Frozen, models.Reason{Node: name, Op: n.OpName(), Why: cmp.Or(why[name], op.Unknown(n))})
	}
	return &m
}

// Analyse gives the model with shapes and cost, without the nodes that turned out to be unsupported.
func (m *Model) Analyse(bind pass.Binding) (*Model, error) {
	why := map[string]string{}
	for {
		g, err := pass.Analyse(m.Graph, bind)
		var at *pass.NodeError
		var what *op.Error
		if err == nil {
			cost := pass.CostOf(g)
			known := *m
			known.Analysed, known.side.Params, known.side.MACs = g, cost.Params, cost.MACs
			return &known, nil
		}
		if !errors.Is(err, op.ErrUnsupported) || !errors.As(err, &at) || !errors.As(err, &what) || why[at.Node] != "" {
			return nil, fmt.Errorf("%s: %w", m.Name, err)
		}
		why[at.Node] = what.Why
		m = m.without(append(slices.Clone(m.unsupported), at.Node), why)
	}
}

// narrow gives a model that was made of this one's graph the types of its file.
func (m *Model) narrow(g *graph.Graph) *graph.Graph {
	if m.Whole == m.File {
		return g
	}
	return pass.Narrow(g, m.File)
}

// complete gives a model that was made of this one's graph the types of its file, and what stays as it is.
func (m *Model) complete(g *graph.Graph) *graph.Graph {
	g = m.narrow(g)
	if m.Frozen == nil {
		return g
	}
	return pass.Attach(g, m.File, m.unsupported...)
}

// sum is the SHA-256 in hexadecimal.
func sum(data []byte) string { return fmt.Sprintf("%x", sha256.Sum256(data)) }
