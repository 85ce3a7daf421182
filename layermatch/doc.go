// Package layermatch aligns the intermediate values of a teacher with those of a student, by shape and depth.
// It needs neither names nor lineage, so it works for a student that someone else exported.
//
// A [Candidate] is a value that carries features: the end of a chain such as Conv, BatchNormalization, Relu. What is
// shape arithmetic, layout or a folded constant is no candidate, so that two exports of one network have the same ones.
// Candidates stand in a total order that follows from structure: by depth, counted in nodes that have MACs, then by
// steps since the last of them, then by the order of operands. A [Stage] is a run of equal resolution in it, with a
// first value, a last value and the pre-activation of the last.
//
// Each pair of candidates is scored by resolution, depth, kind and width ([Terms]). [Align] finds the order-preserving
// assignment with the greatest sum of scores by dynamic programming, explains each [Pair], and chooses the few that are
// worth distilling from: the last value of each stage, and the last map before global pooling.
//
//	a, err := layermatch.Align(teacher, student, layermatch.Options{})
//	if err != nil { … }
//	a.Table(os.Stdout, false) // the chosen pairs, explained
//	for _, p := range a.Chosen() {
//		fmt.Println(p.Teacher.Name, p.Student.Name, p.Bridge)
//	}
//
// Lineage, where it is known, checks the pairs and says which of the teacher's channels the student has. Activations on
// a calibration batch, where they are given, add linear CKA. Pairs can be asked for and excluded by name.
package layermatch
