package golden

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path/filepath"
)

// Manifest is what manifest.json says of the cases beside it. A folder without one is checked with the default
// tolerance.
type Manifest struct {
	Version int     `json:"version"` // of this format: 1
	Model   string  `json:"model"`   // name of the model's file
	SHA256  string  `json:"sha256"`  // of that file, in hexadecimal
	Engine  string  `json:"engine"`  // what recorded the outputs
	RelTol  float64 `json:"rtol"`
	AbsTol  float64 `json:"atol"`
}

// Outputs x pass where |x − recorded| ≤ AbsTol + RelTol·|recorded|, as numpy.allclose has it.
// The defaults leave room for engines that add float32 numbers in another order.
const (
	DefaultRelTol = 1e-3
	DefaultAbsTol = 1e-5
)

const (
	manifestFile    = "manifest.json"
	manifestVersion = 1
	maxManifest     = 1 << 20 // bytes
)

// readManifest gives nil where there is no manifest.
func readManifest(dir string) (*Manifest, error) {
	data, err := readFile(filepath.Join(dir, manifestFile), maxManifest)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	m := &Manifest{}
	if err := json.Unmarshal(data, m); err != nil {
		return nil, fmt.Errorf("%s: %w", manifestFile, err)
	}
	if m.Version != manifestVersion {
		return nil, fmt.Errorf("%s: version %d: want %d", manifestFile, m.Version, manifestVersion)
	}
	return m, validTolerance(m.RelTol, m.AbsTol)
}

func validTolerance(rel, abs float64) error {
	for _, v := range []float64{rel, abs} {
		if !(v >= 0) || math.IsInf(v, 0) {
			return fmt.Errorf("a tolerance of %g: want a number from 0 up", v)
		}
	}
	return nil
}

// readFile refuses files that are too large for what they should be.
func readFile(path string, limit int64) ([]byte, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if info.Size() > limit {
		return nil, fmt.Errorf("%s: %d bytes: the limit is %d", path, info.Size(), limit)
	}
	return os.ReadFile(path)
}
