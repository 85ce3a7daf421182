// Package models makes students: a teacher and a budget give a smaller model of the same architecture.
//
// Channels are removed by groups, see [pass.Channels]: the channels of a residual stage, say, that can only shrink
// together. Each channel has an importance: the norm of the weights that would go with it, or, where
// [Options.Activations] is given, what it does on data. Widths are found on the cost model so that the student meets
// the budget as closely as it can; the most important channels of each group stay, with the teacher's weights. With
// activations, the layers behind make up for what is gone.
//
//	budget, err := models.ParseBudget("macs=0.5x,bytes=1MB")
//	student, err := models.Generate(teacher, budget, models.Options{Binding: pass.Binding{Batch: 1}})
//	for _, g := range student.Groups { fmt.Println(g.Name, g.Before, g.After) }
//
// The student is the teacher's own graph with parts removed. Its [Lineage] says where each of its values came from, and
// [Student.Untouched] what was left alone, and why.
package models
