#include "textflag.h"

// func selectAVX2(dst *float32, cond *bool, a, b *float32, stepA, stepB, blocks int)
TEXT ·selectAVX2(SB), NOSPLIT, $0-56
	MOVQ   dst+0(FP), DI
	MOVQ   cond+8(FP), SI
	MOVQ   a+16(FP), R8
	MOVQ   b+24(FP), R9
	MOVQ   stepA+32(FP), R10
	MOVQ   stepB+40(FP), R11
	MOVQ   blocks+48(FP), CX
	VPXOR  Y0, Y0, Y0
	TESTQ  CX, CX
	JE     done

blend:
	VPMOVZXBD (SI), Y1
	VPCMPEQD  Y0, Y1, Y1
	VMOVUPS   (R8), Y2
	VBLENDVPS Y1, (R9), Y2, Y2
	VMOVUPS   Y2, (DI)
	ADDQ      $32, DI
	ADDQ      $8, SI
	LEAQ      (R8)(R10*4), R8
	LEAQ      (R9)(R11*4), R9
	DECQ      CX
	JNE       blend

done:
	VZEROUPPER
	RET
