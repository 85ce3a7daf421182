package importer

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"

	"github.com/ildc/ildc/internal/onnxpb"
)

// readExternal reads elements from a file in the model's folder: as raw data, location naming the file, offset and
// length in bytes.
func (r *reader) readExternal(p *onnxpb.TensorProto) (any, error) {
	want, err := p.RawLen()
	if err != nil {
		return nil, err
	}
	location, offset, length := "", int64(0), int64(want)
	for _, e := range p.GetExternalData() {
		var err error
		switch e.GetKey() {
		case "location":
			location = e.GetValue()
		case "offset":
			offset, err = strconv.ParseInt(e.GetValue(), 10, 64)
		case "length":
			length, err = strconv.ParseInt(e.GetValue(), 10, 64)
		}
		if err != nil || offset < 0 {
			return nil, fmt.Errorf("external data: %s %q: want a number of bytes: %w", e.GetKey(), e.GetValue(), ErrMalformed)
		}
	}
	switch {
	case length != int64(want):
		return nil, fmt.Errorf("external data: length %d for dims %v, want %d: %w", length, p.GetDims(), want, ErrMalformed)
	case !filepath.IsLocal(filepath.FromSlash(location)):
		return nil, fmt.Errorf("external data: location %q is not inside the model's folder: %w", location, ErrMalformed)
	case r.options.Dir == "":
		return nil, fmt.Errorf("external data in %q: the model's folder is not known, import the file: %w", location,
			ErrDeclined)
	case length > r.left:
		return nil, tooLarge(r.options)
	}
	r.left -= length
	raw, err := section(r.options.Dir, location, offset, length)
	if err != nil {
		return nil, fmt.Errorf("external data: %w", err)
	}
	return p.DecodeRaw(raw)
}

// missingFile is a file of external data that is not in the model's folder.
type missingFile struct{ location, dir string }

func (m *missingFile) Error() string {
	return fmt.Sprintf("the external data file %q is not in %s, put it there: %v", m.location, m.dir, ErrDeclined)
}

func (m *missingFile) Unwrap() error { return ErrDeclined }

// section reads a part of a file inside a folder. A link that leads out of the folder is not followed.
func section(dir, location string, offset, length int64) ([]byte, error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", err, ErrDeclined)
	}
	defer root.Close()
	name := filepath.FromSlash(location)
	info, err := root.Stat(name)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, &missingFile{location, dir}
	case err != nil:
		return nil, fmt.Errorf("%w: %w", err, ErrDeclined)
	case !info.Mode().IsRegular():
		return nil, fmt.Errorf("%q is not a file: %w", location, ErrDeclined)
	case offset > info.Size()-length:
		return nil, fmt.Errorf("%q has %d bytes, want %d from byte %d on: %w", location, info.Size(), length, offset,
			ErrMalformed)
	}
	f, err := root.Open(name)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", err, ErrDeclined)
	}
	defer f.Close()
	raw := make([]byte, length)
	if _, err := io.ReadFull(io.NewSectionReader(f, offset, length), raw); err != nil {
		return nil, fmt.Errorf("%q: %w: %w", location, err, ErrDeclined)
	}
	return raw, nil
}
