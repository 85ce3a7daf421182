package dataset

import (
	"archive/zip"
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/ildc/ildc/graph"
	"github.com/sbinet/npyio/npy"
)

// labelKey is the array of an .npz file that holds classes.
const labelKey = "label"

// npyTypes maps NumPy's type codes, without the byte order, to element types.
var npyTypes = map[string]graph.DType{
	"f2": graph.Float16, "f4": graph.Float32, "f8": graph.Float64, "b1": graph.Bool,
	"i1": graph.Int8, "i2": graph.Int16, "i4": graph.Int32, "i8": graph.Int64,
	"u1": graph.Uint8, "u2": graph.Uint16, "u4": graph.Uint32, "u8": graph.Uint64,
}

// openNPY reads one array [N,…], named after its file.
func openNPY(path string, o Options) (*Memory, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	t, err := readNPY(bufio.NewReader(f), o.maxBytes())
	if err != nil {
		return nil, err
	}
	return fromArrays(nil, []Array{{strings.TrimSuffix(filepath.Base(path), filepath.Ext(path)), t}})
}

// openNPZ reads a zip archive of .npy files.
func openNPZ(path string, o Options) (*Memory, error) {
	z, err := zip.OpenReader(path)
	if err != nil {
		return nil, err
	}
	defer z.Close()
	var arrays []Array
	var labels []int
	var errs []error
	left := o.maxBytes()
	seen := map[string]bool{}
	for _, f := range z.File {
		name, isArray := strings.CutSuffix(f.Name, ".npy")
		if !isArray {
			continue
		}
		if seen[name] {
			errs = append(errs, fmt.Errorf("array %q is there twice", name))
			continue
		}
		seen[name] = true
		t, err := readZipped(f, left)
		if err == nil && name == labelKey {
			labels, err = classes(t)
		} else if err == nil {
			arrays = append(arrays, Array{name, t})
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("array %q: %w", name, err))
			continue
		}
		left -= t.Bytes()
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	return fromArrays(labels, arrays)
}

func readZipped(f *zip.File, limit int64) (*graph.Tensor, error) {
	r, err := f.Open()
	if err != nil {
		return nil, err
	}
	defer r.Close()
	return readNPY(r, limit)
}

// maxNPYHeader bounds the text that describes an array.
const maxNPYHeader = 1 << 16

// readNPY reads one array in NumPy's format (NEP 1).
func readNPY(r io.Reader, limit int64) (*graph.Tensor, error) {
	h, err := readNPYHeader(r)
	if err != nil {
		return nil, err
	}
	var order binary.ByteOrder = binary.LittleEndian
	code := strings.TrimLeft(h.Type, "<>|=")
	if strings.HasPrefix(h.Type, ">") {
		order = binary.BigEndian
	}
	dtype, ok := npyTypes[code]
	if !ok {
		return nil, fmt.Errorf("elements of NumPy type %q: want a number or bool", h.Type)
	}
	if h.Fortran && len(h.Shape) > 1 {
		return nil, errors.New("it is in Fortran order: save numpy.ascontiguousarray(…)")
	}
	return readTensor(r, dtype, append([]int{}, h.Shape...), order, limit)
}

// npyHeader is what precedes the elements.
type npyHeader struct {
	Type    string
	Fortran bool
	Shape   []int
}

// readNPYHeader bounds the header, and turns the decoder's panics at malformed ones into errors.
func readNPYHeader(r io.Reader) (h npyHeader, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("malformed NumPy header: %v", p)
		}
	}()
	start := make([]byte, 8, 12) // magic, version
	if _, err := io.ReadFull(r, start); err != nil {
		return h, fmt.Errorf("no NumPy header: %w", err)
	}
	if string(start[:6]) != string(npy.Magic[:]) {
		return h, fmt.Errorf("not a NumPy array: it starts with % x", start[:6])
	}
	width := 2
	if start[6] > 1 {
		width = 4
	}
	start = start[:8+width]
	if _, err := io.ReadFull(r, start[8:]); err != nil {
		return h, fmt.Errorf("no NumPy header: %w", err)
	}
	size := uint32(binary.LittleEndian.Uint16(start[8:]))
	if width == 4 {
		size = binary.LittleEndian.Uint32(start[8:])
	}
	if size > maxNPYHeader {
		return h, fmt.Errorf("a NumPy header of %d bytes: the limit is %d", size, maxNPYHeader)
	}
	text := make([]byte, size)
	if _, err := io.ReadFull(r, text); err != nil {
		return h, fmt.Errorf("no NumPy header: %w", err)
	}
	decoder, err := npy.NewReader(strings.NewReader(string(start) + string(text)))
	if err != nil {
		return h, fmt.Errorf("malformed NumPy header: %w", err)
	}
	d := decoder.Header.Descr
	return npyHeader{d.Type, d.Fortran, d.Shape}, nil
}
