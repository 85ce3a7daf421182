package importer

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/ildc/ildc/graph"
	"github.com/ildc/ildc/internal/onnxpb"
)

// Errors that callers tell apart. One error may be both, since it reports every problem of a model.
var (
	ErrMalformed = onnxpb.ErrMalformed // the model contradicts the format

	// ErrDeclined: the model may be valid, and cannot be taken. External data is absent, a limit is passed.
	ErrDeclined = errors.New("declined")
)

// Options say where external data lies, and how much is read.
type Options struct {
	Dir      string // the model's folder; where it is "", a model with external data is declined
	MaxBytes int64  // of the model and its external data together; 0 is 4 GiB
}

func (o Options) maxBytes() int64 {
	if o.MaxBytes > 0 {
		return o.MaxBytes
	}
	return 4 << 30
}

// File reads the model in a file, and its external data from the same folder.
func File(path string) (*graph.Graph, error) {
	o := Options{Dir: filepath.Dir(path)}
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("importer: %w", err)
	}
	defer f.Close()
	data, err := readAll(f, o)
	if err != nil {
		return nil, fmt.Errorf("importer: %s: %w", path, err)
	}
	g, err := imported(data, o)
	if err != nil {
		return nil, fmt.Errorf("importer: %s: %w", path, err)
	}
	return g, nil
}

// Read reads the model that r gives, to its end.
func Read(r io.Reader, o Options) (*graph.Graph, error) {
	data, err := readAll(r, o)
	if err != nil {
		return nil, fmt.Errorf("importer: %w", err)
	}
	return Import(data, o)
}

// Import reads a model. Its error joins everything that is wrong with the model.
func Import(data []byte, o Options) (*graph.Graph, error) {
	g, err := imported(data, o)
	if err != nil {
		return nil, fmt.Errorf("importer: %w", err)
	}
	return g, nil
}

// Tensor reads a tensor from a file of its own, as ONNX's test data has them ("input_0.pb").
func Tensor(data []byte) (name string, t *graph.Tensor, err error) {
	var m onnxpb.TensorProto
	if err := onnxpb.Unmarshal(data, &m, onnxpb.Limits{}); err != nil {
		return "", nil, fmt.Errorf("importer: %w", declined(err))
	}
	t, err = (&reader{}).tensor(&m)
	if err != nil {
		return "", nil, fmt.Errorf("importer: tensor %q: %w", m.GetName(), err)
	}
	return m.GetName(), t, nil
}

func readAll(r io.Reader, o Options) ([]byte, error) {
	data, err := io.ReadAll(io.LimitReader(r, o.maxBytes()+1))
	if err == nil && int64(len(data)) > o.maxBytes() {
		err = tooLarge(o)
	}
	return data, err
}

func tooLarge(o Options) error {
	return fmt.Errorf("the model and its external data take more than %d bytes: raise Options.MaxBytes: %w", o.maxBytes(),
		ErrDeclined)
}

// declined marks what a limit refused.
func declined(err error) error {
	if errors.Is(err, onnxpb.ErrTooLarge) {
		return fmt.Errorf("%w: %w", err, ErrDeclined)
	}
	return err
}

func imported(data []byte, o Options) (*graph.Graph, error) {
	if int64(len(data)) > o.maxBytes() {
		return nil, tooLarge(o)
	}
	var m onnxpb.ModelProto
	if err := onnxpb.Unmarshal(data, &m, onnxpb.Limits{}); err != nil {
		return nil, declined(err)
	}
	if m.Graph == nil {
		return nil, fmt.Errorf("there is no graph in it, it is not an ONNX model: %w", ErrMalformed)
	}
	r := &reader{options: o, left: o.maxBytes() - int64(len(data)), values: map[string]*graph.Value{},
		missing: map[string][]string{}}
	g := r.model(&m)
	if err := r.problems(); err != nil {
		return nil, err
	}
	if err := g.Check(); err != nil {
		return nil, fmt.Errorf("%w: %w", err, ErrMalformed)
	}
	return g, nil
}
