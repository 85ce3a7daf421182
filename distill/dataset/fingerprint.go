package dataset

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"hash"
)

// fingerprinter is a dataset that knows a better fingerprint of its content than a look at some samples.
type fingerprinter interface {
	fingerprint(h hash.Hash) error
}

// sampled is how many samples stand for a dataset of somebody else's type.
const sampled = 256

// Fingerprint is a SHA-256 in hexadecimal that tells datasets apart: of the spec and the length, and of every element
// where the samples are in memory, of the files' names and sizes where they are decoded on demand, and of 256 samples
// evenly spaced where the type is not of this package. Where the files lie makes no difference.
func Fingerprint(ds Dataset) (string, error) {
	h := sha256.New()
	fmt.Fprintf(h, "%#v %d\n", ds.Spec(), ds.Len())
	if err := hashContent(h, ds); err != nil {
		return "", fmt.Errorf("dataset: fingerprint: %w", err)
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

func hashContent(h hash.Hash, ds Dataset) error {
	switch ds := ds.(type) {
	case fingerprinter:
		return ds.fingerprint(h)
	case *subset:
		fmt.Fprintln(h, ds.index)
		return hashContent(h, ds.Dataset)
	}
	n := ds.Len()
	for k := range min(n, sampled) {
		s, err := ds.Sample(k * n / min(n, sampled))
		if err != nil {
			return err
		}
		for _, t := range s.Features {
			if err := binary.Write(h, binary.LittleEndian, t.Data); err != nil {
				return err
			}
		}
		fmt.Fprintln(h, s.Label)
	}
	return nil
}
