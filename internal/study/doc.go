// Package study compares ways to train a student, the arms, each with several seeds and all with the same steps and
// data. Results lie in a folder, by everything that they depend on, so that a study that was stopped goes on, and arms
// can be added later.
//
//	s, err := study.Run(ctx, study.Plan{Job: job, Arms: arms, Seeds: 3, Folder: "teacher.study"})
package study
