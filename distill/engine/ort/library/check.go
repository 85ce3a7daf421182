package library

import (
	"bytes"
	"cmp"
	"debug/elf"
	"debug/macho"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
)

// entry is the one function by which ONNX Runtime gives all others.
const entry = "OrtGetApiBase"

// errTruncated says that a library is not whole. The system's loader does not check that: the process would be killed
// by a signal when it touches what is missing.
var errTruncated = errors.New("it is truncated")

// Check says why a file can't be this platform's ONNX Runtime; nil where it can. The file is not loaded.
func Check(path string) error {
	goos, goarch := host()
	if err := check(path, goos, goarch); err != nil {
		return fmt.Errorf("library: %w", err)
	}
	return nil
}

func check(path, goos, goarch string) error {
	if err := isFile(path); err != nil {
		return err
	}
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	if err := checkFormat(f, info.Size(), goos, goarch); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return nil
}

// object is what is asked of a shared library, whatever its format.
type object struct {
	format  string // "ELF", "Mach-O" or "PE"
	machine string // in Go's words; "" where it is none of those that are known
	shared  bool   // a shared library, not a program
	end     int64  // where the last segment ends, in bytes
	exports []string
}

// checkFormat says why a file of size bytes is no library for a platform.
func checkFormat(r io.ReaderAt, size int64, goos, goarch string) error {
	if size == 0 {
		return errors.New("it is empty")
	}
	magic := make([]byte, 4)
	if _, err := r.ReadAt(magic, 0); err != nil && err != io.EOF {
		return err
	}
	var parse func(io.ReaderAt, string) (object, error)
	switch {
	case string(magic) == elf.ELFMAG:
		parse = parseELF
	case binary.LittleEndian.Uint32(magic) == macho.Magic64, binary.BigEndian.Uint32(magic) == macho.MagicFat:
		parse = parseMachO
	case bytes.HasPrefix(magic, []byte("MZ")):
		parse = parsePE
	default:
		return errors.New("it is no shared library")
	}
	o, err := parse(r, goarch)
	want := cmp.Or(map[string]string{"windows": "PE", "darwin": "Mach-O"}[goos], "ELF")
	switch {
	case o.format != want:
		return fmt.Errorf("it is of another operating system: its format is %s, and that of %s is %s", o.format, goos, want)
	case errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || err == nil && o.end > size:
		return errTruncated
	case err != nil:
		return fmt.Errorf("it is truncated or damaged: %w", err)
	case o.machine != goarch:
		return fmt.Errorf("it is for another processor: %s, where this is %s", cmp.Or(o.machine, "one that is not known"),
			goarch)
	case !o.shared:
		return errors.New("it is a program, and no shared library")
	case !slices.Contains(o.exports, entry):
		return fmt.Errorf("it is no ONNX Runtime: it does not export %s", entry)
	}
	return nil
}
