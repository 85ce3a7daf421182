package pipeline

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/ildc/ildc/exporter"
	"github.com/ildc/ildc/graph"
	"github.com/ildc/ildc/graph/pass"
	"github.com/ildc/ildc/importer"
)

// File is the student as ONNX.
type File struct {
	Graph    *graph.Graph // what of it can be run, as it is written
	Bytes    []byte
	SHA256   string
	Metadata map[string]string // what it says of its making

	of *Model
}

// Export folds the batch norm that was added for training, encodes the student, and reads it back.
func Export(j Job, d Decision, t *Trained) (*File, error) {
	student, _ := t.Student.Clone()
	if t.Unfolded {
		pass.FoldBatchNorm(student)
	}
	f := &File{Graph: student, Metadata: j.metadata(d), of: d.Student.Of}
	whole := f.of.complete(student)
	var err error
	if f.Bytes, err = exporter.Marshal(whole, exporter.Options{Metadata: f.Metadata}); err != nil {
		return nil, err
	}
	if err := importer.Verify(f.Bytes, importer.Options{}, whole); err != nil {
		return nil, fmt.Errorf("ildc: the exported student does not read back as it was trained: %w", err)
	}
	f.SHA256 = sum(f.Bytes)
	return f, nil
}

// metadata is what the student's file says of its making.
func (j Job) metadata(d Decision) map[string]string {
	pre := j.Data.Preprocess
	if j.Data.Student != nil {
		pre = *j.Data.Student
	}
	return map[string]string{"ildc.teacher_sha256": d.Teacher.side.SHA256, "ildc.budget": d.Student.Budget.Asked,
		"ildc.preprocess": pre.String()}
}

// load reads the exported bytes as a user would.
func (f *File) load() (*Model, error) { return load(Source{Bytes: f.Bytes}, f.of.unsupported...) }

// runnable is the exported student without the nodes that stay as they are, whose ops an engine need not have.
func (f *File) runnable() ([]byte, error) {
	if f.of.Frozen == nil {
		return f.Bytes, nil
	}
	return exporter.Marshal(f.of.narrow(f.Graph), exporter.Options{})
}

// Write writes the student to its file, if there is to be one.
func (f *File) Write(path string) error {
	if path == "" {
		return nil
	}
	return exporter.File(path, f.of.complete(f.Graph), exporter.Options{Metadata: f.Metadata})
}

// checkOutput finds out before hours of training whether an output can be written.
func checkOutput(path string, overwrite bool) error {
	if path == "" {
		return nil
	}
	if info, err := os.Stat(path); err == nil && info.IsDir() {
		return fmt.Errorf("ildc: output %s is a folder: name a file", path)
	} else if err == nil && !overwrite {
		return fmt.Errorf("ildc: output %s exists: name another one, or ask for it to be overwritten", path)
	} else if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("ildc: output: %w", err)
	}
	f, err := os.CreateTemp(filepath.Dir(path), ".ildc-*")
	if err != nil {
		return fmt.Errorf("ildc: output %s cannot be written: %w", path, err)
	}
	return errors.Join(f.Close(), os.Remove(f.Name()))
}
