#include "go_asm.h"
#include "textflag.h"

// R8…R11 point to the rows of a, R12…R15 to the parts of b, DX and BX walk ak and bk, CX counts k down.
// Y0…Y7 hold the sums, row by row: parts 0 and 1 in the even, 2 and 3 in the odd register.

#define POINT(to, base, field) \
	MOVQ field(DI), to; \
	LEAQ (base)(to*4), to

#define ROW(ptr, left, right) \
	VBROADCASTSS (ptr)(SI*4), Y10; \
	VFMADD231PS  Y8, Y10, left; \
	VFMADD231PS  Y9, Y10, right

#define ADD(part, sumX) \
	VADDPS  (AX)(part*4), sumX, X11; \
	VMOVUPS X11, (AX)(part*4)

#define STORE(row, left, leftX, right, rightX) \
	POINT(AX, SI, (tile_ci+row*8)); \
	ADD(R12, leftX); \
	VEXTRACTF128 $1, left, leftX; \
	ADD(R13, leftX); \
	ADD(R14, rightX); \
	VEXTRACTF128 $1, right, rightX; \
	ADD(R15, rightX)

// func runAVX2(t *tile)
TEXT ·runAVX2(SB), NOSPLIT, $0-8
	MOVQ t+0(FP), DI

	MOVQ tile_a(DI), SI
	POINT(R8, SI, (tile_ai+0))
	POINT(R9, SI, (tile_ai+8))
	POINT(R10, SI, (tile_ai+16))
	POINT(R11, SI, (tile_ai+24))

	MOVQ tile_b(DI), SI
	POINT(R12, SI, (tile_bj+0))
	POINT(R13, SI, (tile_bj+8))
	POINT(R14, SI, (tile_bj+16))
	POINT(R15, SI, (tile_bj+24))

	MOVQ tile_ak(DI), DX
	MOVQ tile_bk(DI), BX
	MOVQ (tile_bk+8)(DI), CX

	VXORPS Y0, Y0, Y0
	VXORPS Y1, Y1, Y1
	VXORPS Y2, Y2, Y2
	VXORPS Y3, Y3, Y3
	VXORPS Y4, Y4, Y4
	VXORPS Y5, Y5, Y5
	VXORPS Y6, Y6, Y6
	VXORPS Y7, Y7, Y7

	TESTQ CX, CX
	JE    store

loop:
	MOVQ        (DX), SI
	MOVQ        (BX), AX
	VMOVUPS     (R12)(AX*4), X8
	VMOVUPS     (R14)(AX*4), X9
	VINSERTF128 $1, (R13)(AX*4), Y8, Y8
	VINSERTF128 $1, (R15)(AX*4), Y9, Y9
	ROW(R8, Y0, Y1)
	ROW(R9, Y2, Y3)
	ROW(R10, Y4, Y5)
	ROW(R11, Y6, Y7)
	ADDQ        $8, DX
	ADDQ        $8, BX
	DECQ        CX
	JNE         loop

store:
	MOVQ tile_c(DI), SI
	MOVQ (tile_cj+0)(DI), R12
	MOVQ (tile_cj+8)(DI), R13
	MOVQ (tile_cj+16)(DI), R14
	MOVQ (tile_cj+24)(DI), R15
	STORE(0, Y0, X0, Y1, X1)
	STORE(1, Y2, X2, Y3, X3)
	STORE(2, Y4, X4, Y5, X5)
	STORE(3, Y6, X6, Y7, X7)
	VZEROUPPER
	RET
