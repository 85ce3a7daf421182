package main

import (
	"path/filepath"
	"regexp"
	"strconv"
	"testing"
)

// A step that needs more memory than there is is refused on either engine, with what it needs and the largest batch
// that fits, which then does, and one more does not.
func TestTooLittleMemory(t *testing.T) {
	refusal := regexp.MustCompile(`not enough memory: a training step of batch (\d+) needs about [\d.]+ MB, ` +
		`and 1\.0 MB are free: batches of (\d+) or less fit(?s:.*)what may help: --batch, --force`)
	eachEngine(t, func(t *testing.T, engine string) {
		for name, args := range map[string][]string{
			"compress": compressArgs(filepath.Join(t.TempDir(), "student.onnx"), "--steps", "1"),
			"bench":    {"bench", small, "--train", "--steps", "1"},
		} {
			refused := func(batch int) (largest int) {
				t.Helper()
				r := command("", append(args, "--engine", engine, "--memory", "1MB", "--batch", strconv.Itoa(batch))...)
				if r.code == exitDone {
					return batch
				}
				m := refusal.FindStringSubmatch(r.errors)
				if r.code != exitFailed || m == nil || m[1] != strconv.Itoa(batch) {
					t.Fatalf("%s with batch %d: exit code %d: %s", name, batch, r.code, r.errors)
				}
				largest, _ = strconv.Atoi(m[2])
				return largest
			}
			fits := refused(128)
			if one := refused(fits + 1); fits < 1 || fits >= 128 || one != fits || refused(fits) != fits {
				t.Errorf("%s: batches of %d are said to fit, and of %d where one more is asked for", name, fits, one)
			}
		}
	})
}
