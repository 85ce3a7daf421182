package ildc_test

import (
	"fmt"
	"maps"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"
)

// What documents keep to: columns of prose, and README in one screen.
const (
	proseColumns = 100
	readmeLines  = 150
)

// document is a Markdown file: its lines of prose and its links, which code is no part of, and the anchors that its
// headings give.
type document struct {
	lines   int
	prose   map[int]string // by line, from 1; without tables
	links   map[int][]string
	anchors []string
}

func TestDocuments(t *testing.T) {
	documents := readDocuments(t)
	if n := documents["README.md"].lines; n > readmeLines {
		t.Errorf("README.md has %d lines: want at most %d, and the rest in docs", n, readmeLines)
	}
	for _, name := range slices.Sorted(maps.Keys(documents)) {
		d := documents[name]
		for _, line := range slices.Sorted(maps.Keys(d.prose)) {
			if n := utf8.RuneCountInString(d.prose[line]); n > proseColumns {
				t.Errorf("%s:%d: %d columns: want at most %d", name, line, n, proseColumns)
			}
		}
		for _, line := range slices.Sorted(maps.Keys(d.links)) {
			for _, link := range d.links[line] {
				if err := checkLink(documents, name, link); err != nil {
					t.Errorf("%s:%d: %v", name, line, err)
				}
			}
		}
	}
}

func TestParseDocument(t *testing.T) {
	d := parseDocument(strings.Join([]string{
		"# A `b` c, d?", "see [x](a.md#e) and `[y](no)`", "```sh", "[z](no)", "# no", "```", "    [code](no)",
		"| [t](b.md) |", "## A b c d", "[only](c.md)",
	}, "\n") + "\n")
	if want := []string{"a-b-c-d", "a-b-c-d-1"}; !slices.Equal(d.anchors, want) {
		t.Errorf("anchors %q, want %q", d.anchors, want)
	}
	if want := map[int][]string{2: {"a.md#e"}, 8: {"b.md"}, 10: {"c.md"}}; !maps.EqualFunc(d.links, want, slices.Equal) {
		t.Errorf("links %v, want %v", d.links, want)
	}
	if got, want := slices.Sorted(maps.Keys(d.prose)), []int{1, 2, 9}; !slices.Equal(got, want) || d.lines != 10 {
		t.Errorf("prose in lines %v of %d, want %v of 10", got, d.lines, want)
	}
	documents := map[string]document{"docs/a.md": d}
	for link, ok := range map[string]bool{
		"a.md": true, "#a-b-c-d-1": true, "a.md#no": false, "no.md": false, "../go.mod": true, "https://x": true,
	} {
		if err := checkLink(documents, "docs/a.md", link); (err == nil) != ok {
			t.Errorf("link %s: %v", link, err)
		}
	}
}

// readDocuments gives the repository's Markdown files by their paths.
func readDocuments(t *testing.T) map[string]document {
	t.Helper()
	documents := map[string]document{}
	for _, file := range filesOf(t, ".md") {
		text, err := os.ReadFile(filepath.FromSlash(file))
		if err != nil {
			t.Fatal(err)
		}
		documents[file] = parseDocument(string(text))
	}
	return documents
}

var (
	inlineCode   = regexp.MustCompile("`[^`]*`")
	markdownLink = regexp.MustCompile(`\]\(([^()\s]+)\)`)
	linkAlone    = regexp.MustCompile(`^([-*] )?!?\[[^\]]*\]\(\S+\)[.,;:]?$`)
)

func parseDocument(text string) document {
	d := document{prose: map[int]string{}, links: map[int][]string{}}
	seen := map[string]int{}
	code := false
	for line := range strings.SplitSeq(strings.TrimSuffix(text, "\n"), "\n") {
		d.lines++
		if strings.HasPrefix(strings.TrimSpace(line), "```") {
			code = !code
			continue
		}
		if code || strings.HasPrefix(line, "    ") || strings.HasPrefix(line, "\t") {
			continue
		}
		if title, ok := strings.CutPrefix(strings.TrimLeft(line, "#"), " "); ok && strings.HasPrefix(line, "#") {
			anchor := slug(title)
			if n := seen[anchor]; n > 0 {
				d.anchors = append(d.anchors, fmt.Sprintf("%s-%d", anchor, n))
			} else {
				d.anchors = append(d.anchors, anchor)
			}
			seen[anchor]++
		}
		for _, m := range markdownLink.FindAllStringSubmatch(inlineCode.ReplaceAllString(line, ""), -1) {
			d.links[d.lines] = append(d.links[d.lines], m[1])
		}
		if line = strings.TrimSpace(line); line != "" && line[0] != '|' && !linkAlone.MatchString(line) {
			d.prose[d.lines] = line
		}
	}
	return d
}

// slug is the anchor that GitHub gives a heading.
func slug(title string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == ' ':
			return '-'
		case unicode.IsLetter(r) || unicode.IsDigit(r) || r == '-' || r == '_':
			return unicode.ToLower(r)
		}
		return -1
	}, title)
}

// checkLink says what is wrong with a link in a document: a file that does not exist, or a heading that it does not
// have.
func checkLink(documents map[string]document, from, link string) error {
	if strings.Contains(link, "://") {
		return nil
	}
	file, anchor, _ := strings.Cut(link, "#")
	target := from
	if file != "" {
		target = path.Join(path.Dir(from), file)
	}
	d, parsed := documents[target]
	if _, err := os.Stat(filepath.FromSlash(target)); err != nil && !parsed {
		return fmt.Errorf("link %s: there is no %s", link, target)
	}
	if anchor != "" && !slices.Contains(d.anchors, anchor) {
		return fmt.Errorf("link %s: %s has no such heading, but %s", link, target, strings.Join(d.anchors, ", "))
	}
	return nil
}
