; The block of rep_copy.s: 3 instructions of a guest.
; x86-64-v3: 15 instructions before the first one that always jumps, 16 in all
; neoverse-n1: 9 instructions before the first one that always jumps, 10 in all

define preserve_nonecc void @rep_copy(ptr %cpu, ptr %uop, i32 %eip, i64 %paid, ptr %tbl) #0 section ".rep_copy" {
entry:
  br label %body0
body0:
  %budget0 = phi i64 [ %paid, %entry ]
  br label %X0_64
X0_64:
  %t1 = getelementptr i8, ptr %cpu, i64 <regs + 4>
  %t2 = load i32, ptr %t1, !tbaa !11
  %t3 = zext i32 %t2 to i64
  %t4 = shl i64 %t3, 1
  %t5 = lshr i64 %t4, 2
  %t6 = lshr i64 %t5, 1
  %t7 = trunc i64 %t6 to i32
  %t9 = lshr i32 %t2, 1
  %t8 = trunc i32 %t9 to i1
  %t10 = zext i1 %t8 to i32
  %t11 = shl i32 %t10, 31
  %t12 = shl i32 %t10, 30
  %t13 = or i32 %t11, %t12
  %t14 = getelementptr i8, ptr %cpu, i64 <regs + 8>
  store i32 %t2, ptr %t14, !tbaa !11
  %t15 = getelementptr i8, ptr %cpu, i64 <fl_res>
  store i32 %t7, ptr %t15, !tbaa !11
  %t16 = getelementptr i8, ptr %cpu, i64 <fl_aux>
  store i32 %t13, ptr %t16, !tbaa !11
  %t17 = getelementptr i8, ptr %cpu, i64 <regs + 4>
  store i32 %t7, ptr %t17, !tbaa !11
  %t18 = getelementptr i8, ptr %uop, i64 64
  %t19 = load ptr, ptr %t18, !tbaa !14
  musttail call preserve_nonecc void %t19(ptr %cpu, ptr %t18, i32 %eip, i64 %budget0, ptr %tbl)
  ret void
}
