package layermatch

import (
	"fmt"
	"io"
	"text/tabwriter"
)

// Table writes pairs as aligned text, one a line: both values, their shapes and depths, the score and its terms, how
// shapes are bridged, what lineage says, and why a pair was chosen. With all, pairs that were not chosen are there,
// too.
func (a *Alignment) Table(w io.Writer, all bool) error {
	pairs := a.Chosen()
	if all {
		pairs = a.Pairs
	}
	lineage, similarity := false, false
	for _, p := range pairs {
		lineage, similarity = lineage || p.Lineage != "", similarity || p.Terms.CKA != 0
	}
	tw := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	column := func(shown bool, format string, v any) {
		if shown {
			fmt.Fprintf(tw, format+"\t", v)
		}
	}
	fmt.Fprint(tw, "teacher\tshape\tdepth\tstudent\tshape\tdepth\tscore\tspatial\tdepth\tkind\tchannels\t")
	column(similarity, "%s", "CKA")
	fmt.Fprint(tw, "bridge\t")
	column(lineage, "%s", "lineage")
	fmt.Fprintln(tw, "chosen")
	for _, p := range pairs {
		t := p.Terms
		fmt.Fprintf(tw, "%s\t%v\t%.2f\t%s\t%v\t%.2f\t", p.Teacher.Name, p.Teacher.Shape, p.Teacher.Depth, p.Student.Name,
			p.Student.Shape, p.Student.Depth)
		fmt.Fprintf(tw, "%.2f\t%.2f\t%.2f\t%.2f\t%.2f\t", p.Score, t.Spatial, t.Depth, t.Kind, t.Channels)
		column(similarity, "%.2f", t.CKA)
		fmt.Fprintf(tw, "%s\t", p.Bridge)
		column(lineage, "%s", p.Lineage)
		fmt.Fprintln(tw, p.Chosen)
	}
	return tw.Flush()
}
