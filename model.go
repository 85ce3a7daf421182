package ildc

import (
	"cmp"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/ildc/ildc/graph"
	"github.com/ildc/ildc/graph/op"
	"github.com/ildc/ildc/graph/pass"
	"github.com/ildc/ildc/importer"
)

// Model says where an ONNX model is: exactly one field is set. See [File], [Bytes] and [Reader].
type Model struct {
	Path   string    // external data is read from its folder
	Bytes  []byte    `json:"-"`
	Reader io.Reader `json:"-"`
}

// File is the model in a file.
func File(path string) Model { return Model{Path: path} }

// Bytes is the model in memory.
func Bytes(data []byte) Model { return Model{Bytes: data} }

// Reader is the model that a reader gives.
func Reader(r io.Reader) Model { return Model{Reader: r} }

func (m Model) given() bool { return m.Path != "" || m.Bytes != nil || m.Reader != nil }

// loaded is an imported model.
type loaded struct {
	name        string       // for messages: the path, or "model"
	file        *graph.Graph // as imported
	whole       *graph.Graph // with float32 in the place of 16-bit floats
	graph       *graph.Graph // the part of it that can be run
	frozen      []Reason     // the nodes that keep the rest from it
	unsupported []string     // those of them whose op is known, but not as they use it; by name
	bytes       int64
	sha256      string
}

// data reads the model.
func (m Model) data() ([]byte, error) {
	switch {
	case m.Path != "" && m.Bytes == nil && m.Reader == nil:
		return os.ReadFile(m.Path)
	case m.Path == "" && m.Bytes != nil && m.Reader == nil:
		return m.Bytes, nil
	case m.Path == "" && m.Bytes == nil && m.Reader != nil:
		return io.ReadAll(m.Reader)
	}
	return nil, errors.New("ildc: a model is given by one of path, bytes and reader")
}

// load imports the model. The nodes that are named are known to be unsupported.
func (m Model) load(unsupported ...string) (*loaded, error) {
	data, err := m.data()
	if err != nil {
		return nil, err
	}
	l, folder := &loaded{name: "model", unsupported: unsupported}, ""
	if m.Path != "" {
		l.name, folder = m.Path, filepath.Dir(m.Path)
	}
	if l.file, err = importer.Import(data, importer.Options{Dir: folder}); err != nil {
		return nil, fmt.Errorf("%s: %w", l.name, err)
	}
	l.whole = pass.Widen(l.file)
	l.detach(nil)
	l.bytes, l.sha256 = int64(len(data)), sum(data)
	return l, nil
}

// detach finds the part of the model that can be run. A node that is unsupported cannot, and why tells it.
func (l *loaded) detach(why map[string]string) {
	l.frozen = nil
	var unknown []*graph.Node
	l.graph, unknown = pass.Detach(l.whole, l.unsupported...)
	for _, n := range unknown {
		name := pass.NodeName(n)
		l.frozen = append(l.frozen, Reason{Node: name, Op: n.OpName(), Why: cmp.Or(why[name], op.Unknown(n))})
	}
}

// analyse is [pass.Analyse] of the part of the model that can be run, without the nodes that turn out to be unsupported.
func (l *loaded) analyse(bind pass.Binding) (*graph.Graph, error) {
	why := map[string]string{}
	for {
		g, err := pass.Analyse(l.graph, bind)
		var at *pass.NodeError
		var what *op.Error
		if err == nil || !errors.Is(err, op.ErrUnsupported) || !errors.As(err, &at) || !errors.As(err, &what) || why[at.Node] != "" {
			return g, err
		}
		why[at.Node] = what.Why
		l.unsupported = append(l.unsupported, at.Node)
		l.detach(why)
	}
}

// narrow gives a model that was made of this one's graph the types of its file.
func (l *loaded) narrow(g *graph.Graph) *graph.Graph {
	if l.whole == l.file {
		return g
	}
	return pass.Narrow(g, l.file)
}

// complete gives a model that was made of this one's graph the types of its file, and what stays as it is.
func (l *loaded) complete(g *graph.Graph) *graph.Graph {
	g = l.narrow(g)
	if l.frozen == nil {
		return g
	}
	return pass.Attach(g, l.file, l.unsupported...)
}

// sum is the SHA-256 in hexadecimal.
func sum(data []byte) string { return fmt.Sprintf("%x", sha256.Sum256(data)) }
