package ildc

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/ildc/ildc/graph"
	"github.com/ildc/ildc/importer"
)

// Model says where an ONNX model is: exactly one field is set. See [File], [Bytes] and [Reader].
type Model struct {
	Path   string // external data is read from its folder
	Bytes  []byte
	Reader io.Reader
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
	name   string // for messages: the path, or "model"
	graph  *graph.Graph
	bytes  int64
	sha256 string
}

func (m Model) load() (*loaded, error) {
	l := &loaded{name: "model"}
	data, folder := m.Bytes, ""
	var err error
	switch {
	case m.Path != "" && m.Bytes == nil && m.Reader == nil:
		l.name, folder = m.Path, filepath.Dir(m.Path)
		data, err = os.ReadFile(m.Path)
	case m.Path == "" && m.Bytes != nil && m.Reader == nil:
	case m.Path == "" && m.Bytes == nil && m.Reader != nil:
		data, err = io.ReadAll(m.Reader)
	default:
		err = errors.New("ildc: a model is given by one of path, bytes and reader")
	}
	if err != nil {
		return nil, err
	}
	if l.graph, err = importer.Import(data, importer.Options{Dir: folder}); err != nil {
		return nil, fmt.Errorf("%s: %w", l.name, err)
	}
	l.bytes, l.sha256 = int64(len(data)), sum(data)
	return l, nil
}

// sum is the SHA-256 in hexadecimal.
func sum(data []byte) string { return fmt.Sprintf("%x", sha256.Sum256(data)) }
