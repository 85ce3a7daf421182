package exporter

import (
	"bufio"
	"crypto/rand"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/ildc/ildc/graph"
)

// File writes a graph as a model, replacing a file that is there. Where it fails, nothing is left and nothing has
// changed. With external data there are two files: both are written whole, then the data file takes its name, then the
// model.
func File(path string, g *graph.Graph, o Options) (err error) {
	defer func() {
		if err != nil {
			err = fmt.Errorf("exporter: %s: %w", path, err)
		}
	}()
	o.Dir = filepath.Dir(path)
	e := &encoder{options: o}
	model, err := newDraft(path)
	if err != nil {
		return err
	}
	defer model.discard()
	var data *draft
	if o.External {
		if data, err = newDraft(path + ".data"); err != nil {
			return err
		}
		defer data.discard()
		e.data = &dataFile{location: filepath.Base(data.path), w: data}
	}
	encoded, err := marshal(g, e)
	if err != nil {
		return err
	}
	if _, err := model.Write(encoded); err != nil {
		return err
	}
	if err := model.flush(); err != nil {
		return err
	}
	if data == nil {
		return model.publish()
	}
	if err := data.flush(); err != nil {
		return err
	}
	if err := data.publish(); err != nil {
		return err
	}
	return model.publish()
}

// Write writes a file of any kind, replacing one that is there, in one move: a crash, or an error of write, leaves the
// old one.
func Write(path string, write func(io.Writer) error) error {
	d, err := newDraft(path)
	if err != nil {
		return err
	}
	defer d.discard()
	if err := write(d); err != nil {
		return err
	}
	if err := d.flush(); err != nil {
		return err
	}
	return d.publish()
}

// draft is a file under a temporary name in the folder that it belongs in.
type draft struct {
	path string
	file *os.File
	buf  *bufio.Writer
}

func newDraft(path string) (*draft, error) {
	if info, err := os.Stat(path); err == nil && info.IsDir() {
		return nil, fmt.Errorf("%s is a folder", path)
	}
	name := filepath.Join(filepath.Dir(path), "."+filepath.Base(path)+"."+rand.Text()+".tmp")
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o666)
	if err != nil {
		return nil, err
	}
	return &draft{path: path, file: f, buf: bufio.NewWriterSize(f, 1<<16)}, nil
}

var _ io.Writer = (*draft)(nil)

func (d *draft) Write(b []byte) (int, error) { return d.buf.Write(b) }

// flush brings all that was written to the disk.
func (d *draft) flush() error {
	if err := d.buf.Flush(); err != nil {
		return err
	}
	if err := d.file.Sync(); err != nil {
		return err
	}
	return d.file.Close()
}

// publish gives the file its name.
func (d *draft) publish() error {
	if err := os.Rename(d.file.Name(), d.path); err != nil {
		return err
	}
	d.file = nil
	if dir, err := os.Open(filepath.Dir(d.path)); err == nil {
		_ = dir.Sync() // so that the name survives a power cut; not every file system can
		dir.Close()
	}
	return nil
}

// discard removes a file that was not published.
func (d *draft) discard() {
	if d.file != nil {
		d.file.Close()
		os.Remove(d.file.Name())
	}
}
