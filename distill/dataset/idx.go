package dataset

import (
	"bufio"
	"compress/gzip"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/ildc/ildc/graph"
)

// idxTypes maps the third byte of an IDX file (LeCun, Cortes, Burges: The MNIST database) to the type of its elements.
var idxTypes = map[byte]graph.DType{
	0x08: graph.Uint8, 0x09: graph.Int8, 0x0b: graph.Int16, 0x0c: graph.Int32, 0x0d: graph.Float32, 0x0e: graph.Float64,
}

// isIDX tells by name, as in "train-images-idx3-ubyte.gz" or "digits.idx".
func isIDX(path string) bool {
	name := strings.TrimSuffix(strings.ToLower(filepath.Base(path)), ".gz")
	return strings.HasSuffix(name, "-ubyte") || strings.HasSuffix(name, ".ubyte") || strings.HasSuffix(name, ".idx")
}

// openIDX reads a file of images and, where there is one, the file of labels beside it.
func openIDX(path string, o Options) (*Memory, error) {
	images, err := openIDXFile(path, o.maxBytes())
	if err != nil {
		return nil, err
	}
	var labels []int
	if beside := idxLabels(path); beside != "" {
		t, err := openIDXFile(beside, o.maxBytes())
		if err == nil {
			labels, err = classes(t)
		}
		if err != nil {
			return nil, fmt.Errorf("labels %s: %w", beside, err)
		}
	}
	return fromArrays(labels, []Array{{"image", images}})
}

// idxLabels finds the labels of "…images-idx3-ubyte" in "…labels-idx1-ubyte", compressed or not; "" where there are
// none.
func idxLabels(path string) string {
	dir, name := filepath.Split(path)
	if !strings.Contains(name, "images") {
		return ""
	}
	name = strings.TrimSuffix(strings.Replace(name, "images", "labels", 1), ".gz")
	for _, images := range []string{"idx2", "idx3", "idx4"} {
		name = strings.Replace(name, images, "idx1", 1)
	}
	for _, ext := range []string{"", ".gz"} {
		if beside := filepath.Join(dir, name+ext); isFile(beside) {
			return beside
		}
	}
	return ""
}

func openIDXFile(path string, limit int64) (*graph.Tensor, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	r := bufio.NewReader(f)
	if !strings.HasSuffix(strings.ToLower(path), ".gz") {
		return readIDX(r, limit)
	}
	z, err := gzip.NewReader(r)
	if err != nil {
		return nil, err
	}
	return readIDX(z, limit)
}

// readIDX reads one IDX file: two zeros, a type, the rank, the extents and the elements, all big-endian.
func readIDX(r io.Reader, limit int64) (*graph.Tensor, error) {
	var magic [4]byte
	if _, err := io.ReadFull(r, magic[:]); err != nil {
		return nil, fmt.Errorf("no IDX header: %w", err)
	}
	dtype, known := idxTypes[magic[2]]
	if magic[0] != 0 || magic[1] != 0 || !known || magic[3] == 0 || magic[3] > 8 {
		return nil, fmt.Errorf("not an IDX file: it starts with % x", magic)
	}
	extents := make([]uint32, magic[3])
	if err := binary.Read(r, binary.BigEndian, extents); err != nil {
		return nil, fmt.Errorf("no IDX extents: %w", err)
	}
	dims := make([]int, len(extents))
	for i, e := range extents {
		dims[i] = int(e)
	}
	t, err := readTensor(r, dtype, dims, binary.BigEndian, limit)
	if err != nil {
		return nil, err
	}
	if n, _ := io.CopyN(io.Discard, r, 1); n != 0 {
		return nil, errors.New("it goes on after its last element")
	}
	return t, nil
}
