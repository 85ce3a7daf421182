package library

import (
	"archive/tar"
	"archive/zip"
	"compress/gzip"
	"fmt"
	"io"
	"os"
	"path"
	"strings"
)

// The formats of packages.
const (
	tarball = "\x1f\x8b" // gzip
	zipped  = "PK\x03\x04"
)

// packFormat tells a package's format by its first bytes; "" is another file.
func packFormat(file string) (string, error) {
	f, err := os.Open(file)
	if err != nil {
		return "", err
	}
	defer f.Close()
	start := make([]byte, 4)
	if _, err := io.ReadFull(f, start); err != nil && err != io.EOF && err != io.ErrUnexpectedEOF {
		return "", fmt.Errorf("%s: %w", file, err)
	}
	for _, format := range []string{tarball, zipped} {
		if strings.HasPrefix(string(start), format) {
			return format, nil
		}
	}
	return "", nil
}

// eachFile calls f for the regular files of a package, with their cleaned paths, until it gives false or fails. Paths
// are what the package says; nothing may be written to them.
func eachFile(file string, f func(path string, r io.Reader) (bool, error)) error {
	format, err := packFormat(file)
	if err != nil {
		return err
	}
	if format == zipped {
		return eachZipped(file, f)
	}
	return eachTarred(file, f)
}

func eachTarred(file string, f func(path string, r io.Reader) (bool, error)) error {
	r, err := os.Open(file)
	if err != nil {
		return err
	}
	defer r.Close()
	unzipped, err := gzip.NewReader(r)
	if err != nil {
		return err
	}
	for archive := tar.NewReader(unzipped); ; {
		h, err := archive.Next()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		if h.Typeflag != tar.TypeReg {
			continue
		}
		if more, err := f(path.Clean(h.Name), archive); err != nil || !more {
			return err
		}
	}
}

func eachZipped(file string, f func(path string, r io.Reader) (bool, error)) error {
	archive, err := zip.OpenReader(file)
	if err != nil {
		return err
	}
	defer archive.Close()
	for _, z := range archive.File {
		if !z.Mode().IsRegular() {
			continue
		}
		r, err := z.Open()
		if err != nil {
			return err
		}
		more, err := f(path.Clean(z.Name), r)
		r.Close()
		if err != nil || !more {
			return err
		}
	}
	return nil
}
