package exporter

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"strconv"

	"github.com/ildc/ildc/graph"
	"github.com/ildc/ildc/internal/onnxpb"
)

// Tensors of smallest bytes and more go to a data file, each at a multiple of page bytes, so that readers can map it
// into memory.
const (
	smallest = 1 << 10
	page     = 4 << 10
)

// dataFile gathers the external data of one model.
type dataFile struct {
	location string
	w        io.Writer
	offset   int64
}

// take moves a weight's elements to the data file, where they are large. A nil file takes none.
func (d *dataFile) take(m *onnxpb.TensorProto, t *graph.Tensor) (*onnxpb.TensorProto, error) {
	if d == nil || t.Data == nil || t.Bytes() < smallest {
		return m, nil
	}
	raw, err := onnxpb.EncodeRaw(t.Data)
	if err != nil {
		return nil, err
	}
	if gap := -d.offset & (page - 1); gap > 0 {
		if err := d.write(make([]byte, gap)); err != nil {
			return nil, err
		}
	}
	m = onnxpb.Shallow(m)
	if err := m.SetElements(t.Data, false); err != nil {
		return nil, err
	}
	m.RawData = nil
	m.DataLocation = new(onnxpb.TensorProto_EXTERNAL)
	for _, e := range []struct{ key, value string }{
		{"location", d.location},
		{"offset", strconv.FormatInt(d.offset, 10)},
		{"length", strconv.Itoa(len(raw))},
	} {
		m.ExternalData = append(m.ExternalData, &onnxpb.StringStringEntryProto{Key: new(e.key), Value: new(e.value)})
	}
	return m, d.write(raw)
}

func (d *dataFile) write(b []byte) error {
	n, err := d.w.Write(b)
	d.offset += int64(n)
	return err
}

// keeps says whether the folder of the new model holds the tensor's elements where the tensor says.
func (e *encoder) keeps(m *onnxpb.TensorProto, t *graph.Tensor) bool {
	if e.options.Dir == "" || e.options.External {
		return false
	}
	location, offset := "", int64(0)
	for _, p := range m.GetExternalData() {
		switch p.GetKey() {
		case "location":
			location = p.GetValue()
		case "offset":
			offset, _ = strconv.ParseInt(p.GetValue(), 10, 64) // it was imported, so it is a number
		}
	}
	want, err := onnxpb.EncodeRaw(t.Data)
	if err != nil {
		return false
	}
	root, err := os.OpenRoot(e.options.Dir)
	if err != nil {
		return false
	}
	defer root.Close()
	name := filepath.FromSlash(location)
	if info, err := root.Stat(name); err != nil || !info.Mode().IsRegular() {
		return false
	}
	f, err := root.Open(name)
	if err != nil {
		return false
	}
	defer f.Close()
	have := make([]byte, len(want))
	_, err = io.ReadFull(io.NewSectionReader(f, offset, int64(len(have))), have)
	return err == nil && bytes.Equal(have, want)
}
