package golden

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/ildc/ildc/graph"
)

const casePrefix = "test_data_set_"

// maxTensorFile bounds an input or output file, in bytes.
const maxTensorFile = 1 << 30

// goldenCase is what lies in one case's folder.
type goldenCase struct {
	name    string
	inputs  map[string]*graph.Tensor
	outputs []namedTensor
}

type namedTensor struct {
	name   string
	tensor *graph.Tensor
}

// caseFolders lists the cases in order of their numbers; none is no error.
func caseFolders(dir string) ([]string, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	numbers := map[int]string{}
	for _, e := range entries {
		number, named := strings.CutPrefix(e.Name(), casePrefix)
		if n, err := strconv.ParseUint(number, 10, 31); err == nil && named && e.IsDir() {
			numbers[int(n)] = filepath.Join(dir, e.Name())
		}
	}
	var folders []string
	for _, n := range slices.Sorted(maps.Keys(numbers)) {
		folders = append(folders, numbers[n])
	}
	if _, err := os.Stat(filepath.Join(dir, "input_0.pb")); len(folders) == 0 && err == nil {
		return []string{dir}, nil
	}
	return folders, nil
}

// readCase reads a case for a model. Tensors that bear the names of the model's inputs or outputs are taken by name,
// else by number.
func readCase(dir string, g *graph.Graph) (*goldenCase, error) {
	c := &goldenCase{name: filepath.Base(dir), inputs: map[string]*graph.Tensor{}}
	inputs, err := readTensors(dir, "input", g.Inputs)
	if err != nil {
		return nil, err
	}
	for _, in := range inputs {
		c.inputs[in.name] = in.tensor
	}
	if c.outputs, err = readTensors(dir, "output", g.Outputs); err != nil {
		return nil, err
	}
	if len(c.outputs) == 0 {
		return nil, fmt.Errorf("%s: no output_0.pb", dir)
	}
	return c, nil
}

// readTensors reads kind_0.pb, kind_1.pb, … up to the first that is not there.
func readTensors(dir, kind string, values []*graph.Value) ([]namedTensor, error) {
	var read []namedTensor
	byName := true
	for {
		path := filepath.Join(dir, fmt.Sprintf("%s_%d.pb", kind, len(read)))
		data, err := readFile(path, maxTensorFile)
		if errors.Is(err, fs.ErrNotExist) {
			break
		}
		if err != nil {
			return nil, err
		}
		name, t, err := decodeTensor(data)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		byName = byName && slices.ContainsFunc(values, func(v *graph.Value) bool { return v.Name == name }) &&
			!slices.ContainsFunc(read, func(r namedTensor) bool { return r.name == name })
		read = append(read, namedTensor{name, t})
	}
	if len(read) > len(values) {
		return nil, fmt.Errorf("%s: %d %ss are recorded, the model has %d", dir, len(read), kind, len(values))
	}
	if !byName {
		for i := range read {
			read[i].name = values[i].Name
		}
	}
	return read, nil
}

// writeCase writes a case into a folder that is there.
func writeCase(dir string, g *graph.Graph, in, out map[string]*graph.Tensor) error {
	if err := writeTensors(dir, "input", g.Inputs, in); err != nil {
		return err
	}
	return writeTensors(dir, "output", g.Outputs, out)
}

func writeTensors(dir, kind string, values []*graph.Value, tensors map[string]*graph.Tensor) error {
	for i, v := range values {
		t := tensors[v.Name]
		if t == nil {
			return fmt.Errorf("%s %q: the run does not give it", kind, v.Name)
		}
		data, err := encodeTensor(v.Name, t)
		if err == nil {
			err = writeFile(filepath.Join(dir, fmt.Sprintf("%s_%d.pb", kind, i)), data)
		}
		if err != nil {
			return fmt.Errorf("%s %q: %w", kind, v.Name, err)
		}
	}
	return nil
}
