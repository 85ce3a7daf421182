package ildc

import (
	"errors"
	"fmt"
	"io"

	"github.com/ildc/ildc/internal/pipeline"
)

// Model says where an ONNX model is: exactly one field is set. See [File], [Bytes] and [Reader].
type Model struct {
	Path   string // external data is read from its folder
	Bytes  []byte
	Reader io.Reader // is read once
}

// File is the model in a file.
func File(path string) Model { return Model{Path: path} }

// Bytes is the model in memory.
func Bytes(data []byte) Model { return Model{Bytes: data} }

// Reader is the model that a reader gives.
func Reader(r io.Reader) Model { return Model{Reader: r} }

func (m Model) given() bool { return m.Path != "" || m.Bytes != nil || m.Reader != nil }

// source reads what can be read once only, and checks that there is one model.
func (m Model) source() (pipeline.Source, error) {
	switch {
	case m.Path != "" && m.Bytes == nil && m.Reader == nil, m.Path == "" && m.Bytes != nil && m.Reader == nil:
		return pipeline.Source{Path: m.Path, Bytes: m.Bytes}, nil
	case m.Path == "" && m.Bytes == nil && m.Reader != nil:
		data, err := io.ReadAll(m.Reader)
		if err != nil {
			return pipeline.Source{}, fmt.Errorf("ildc: model: %w", err)
		}
		return pipeline.Source{Bytes: data}, nil
	}
	return pipeline.Source{}, errors.New("ildc: a model is given by one of path, bytes and reader")
}
