#include "go_asm.h"
#include "textflag.h"

// R8…R11 point to the rows of a, R12 and R13 to the halves of b, DX and BX walk ak and bk, CX counts k down.
// Y0…Y7 hold the sums, row by row, two halves each.

#define ROW(ptr, left, right) \
	VBROADCASTSS (ptr)(SI*4), Y10; \
	VFMADD231PS  Y8, Y10, left; \
	VFMADD231PS  Y9, Y10, right

#define STORE(row, left, right) \
	MOVQ    (tile_ci+row*8)(DI), AX; \
	LEAQ    (SI)(AX*4), AX; \
	VADDPS  (AX)(R8*4), left, left; \
	VMOVUPS left, (AX)(R8*4); \
	VADDPS  (AX)(R9*4), right, right; \
	VMOVUPS right, (AX)(R9*4)

// func runAVX2(t *tile)
TEXT ·runAVX2(SB), NOSPLIT, $0-8
	MOVQ t+0(FP), DI

	MOVQ tile_a(DI), SI
	MOVQ (tile_ai+0)(DI), R8
	MOVQ (tile_ai+8)(DI), R9
	MOVQ (tile_ai+16)(DI), R10
	MOVQ (tile_ai+24)(DI), R11
	LEAQ (SI)(R8*4), R8
	LEAQ (SI)(R9*4), R9
	LEAQ (SI)(R10*4), R10
	LEAQ (SI)(R11*4), R11

	MOVQ tile_b(DI), SI
	MOVQ (tile_bj+0)(DI), R12
	MOVQ (tile_bj+8)(DI), R13
	LEAQ (SI)(R12*4), R12
	LEAQ (SI)(R13*4), R13

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
	MOVQ    (DX), SI
	MOVQ    (BX), AX
	VMOVUPS (R12)(AX*4), Y8
	VMOVUPS (R13)(AX*4), Y9
	ROW(R8, Y0, Y1)
	ROW(R9, Y2, Y3)
	ROW(R10, Y4, Y5)
	ROW(R11, Y6, Y7)
	ADDQ    $8, DX
	ADDQ    $8, BX
	DECQ    CX
	JNE     loop

store:
	MOVQ tile_c(DI), SI
	MOVQ (tile_cj+0)(DI), R8
	MOVQ (tile_cj+8)(DI), R9
	STORE(0, Y0, Y1)
	STORE(1, Y2, Y3)
	STORE(2, Y4, Y5)
	STORE(3, Y6, Y7)
	VZEROUPPER
	RET
