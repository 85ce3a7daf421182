// Package layermatch aligns the intermediate values of a teacher with those of a student, by shape and depth.
// It needs neither names nor lineage, so it works for a student that someone else exported.
package layermatch
