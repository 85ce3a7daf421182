// Package loss says what is minimised: every loss is a teacher-side transform, a student-side transform and a distance,
// emitted as ops of the step graph, which gives its gradient.
//
//	weights, err := loss.ParseWeights("kd,hint=2,at=0.5")
//	for _, l := range loss.Features() {
//		if why := l.Refuse(feature); weights[l.Name] > 0 && why == "" {
//			term := l.Term(emitter, feature, variance) // [1]
//		}
//	}
//
// Losses on outputs ([Outputs]) are kd, dkd, dist and ce; losses on feature maps ([Features]) are hint, at, fsp, ab and
// sp, and, on layers of attention, attn and relation. Each is a file, which cites its paper, and a line of the table in
// table.go.
//
// Shapes: feature maps are [N,C,H,W] (or [N,C,L]), sequences [N,T,C], vectors [N,C]; scores and values of attention
// have an axis of heads, see [Role]; logits are [N,K].
package loss
