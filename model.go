package ildc

import (
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
	name   string       // for messages: the path, or "model"
	file   *graph.Graph // as imported
	whole  *graph.Graph // with float32 in the place of 16-bit floats
	graph  *graph.Graph // the part of it that can be run
	frozen []Reason     // the nodes that keep the rest from it
	bytes  int64
	sha256 string
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

func (m Model) load() (*loaded, error) {
	data, err := m.data()
	if err != nil {
		return nil, err
	}
	l, folder := &loaded{name: "model"}, ""
	if m.Path != "" {
		l.name, folder = m.Path, filepath.Dir(m.Path)
	}
	if l.file, err = importer.Import(data, importer.Options{Dir: folder}); err != nil {
		return nil, fmt.Errorf("%s: %w", l.name, err)
	}
	l.whole = pass.Widen(l.file)
	var unknown []*graph.Node
	l.graph, unknown = pass.Detach(l.whole)
	for _, n := range unknown {
		l.frozen = append(l.frozen, Reason{Node: pass.NodeName(n), Op: n.OpName(), Why: op.Unknown(n)})
	}
	l.bytes, l.sha256 = int64(len(data)), sum(data)
	return l, nil
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
	return pass.Attach(g, l.file)
}

// sum is the SHA-256 in hexadecimal.
func sum(data []byte) string { return fmt.Sprintf("%x", sha256.Sum256(data)) }
