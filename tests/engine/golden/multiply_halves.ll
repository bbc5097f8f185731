; The block of multiply_halves.s: 18 instructions of a guest.
; x86-64-v3: 51 instructions before the first one that always jumps, 80 in all
; neoverse-n1: 40 instructions before the first one that always jumps, 63 in all

define preserve_nonecc void @multiply_halves(ptr %cpu, ptr %uop, i32 %eip, i64 %paid, ptr %tbl) #0 section ".multiply_halves" {
entry:
  br label %body0
body0:
  %budget0 = phi i64 [ %paid, %entry ]
  %t2 = getelementptr i8, ptr %cpu, i64 <regs + 20>
  %t3 = load i32, ptr %t2, !tbaa !11
  %t4 = add i32 %t3, 4294967272
  %t5 = zext i32 %t4 to i64
  %t6 = lshr i64 %t5, 12
  %t7 = getelementptr i64, ptr %tbl, i64 %t6
  %t8 = load i64, ptr %t7, !tbaa !12
  %t9 = and i64 %t8, 2
  %t10 = icmp ne i64 %t9, 0
  %t12 = and i64 %t5, 4095
  %t13 = icmp ule i64 %t12, 4060
  %t14 = and i1 %t10, %t13
  br i1 %t14, label %L11, label %W15, !prof !1
L11:
  %t25 = and i64 %t8, -4096
  %t26 = add i64 %t25, %t5
  %t28 = add i64 %t26, 8
  %t27 = inttoptr i64 %t28 to ptr
  %t1 = load i32, ptr %t27, align 1, !tbaa !13
  %t31 = add i64 %t26, 32
  %t30 = inttoptr i64 %t31 to ptr
  %t29 = load i32, ptr %t30, align 1, !tbaa !13
  %t32 = zext i32 %t1 to i64
  %t33 = shl i64 %t32, 1
  %t34 = lshr i64 %t33, 16
  %t35 = lshr i64 %t34, 1
  %t36 = trunc i64 %t35 to i32
  %t37 = sext i32 %t36 to i64
  %t38 = sext i32 %t29 to i64
  %t39 = mul i64 %t37, %t38
  %t40 = trunc i64 %t39 to i32
  %t41 = trunc i32 %t1 to i16
  %t42 = zext i16 %t41 to i64
  %t43 = mul i64 %t42, %t38
  %t44 = trunc i64 %t43 to i32
  %t45 = zext i32 %t44 to i64
  %t46 = shl i64 %t45, 1
  %t47 = lshr i64 %t46, 16
  %t48 = lshr i64 %t47, 1
  %t49 = trunc i64 %t48 to i32
  %t50 = add i32 %t40, %t49
  %t52 = add i64 %t26, 4
  %t51 = inttoptr i64 %t52 to ptr
  store i32 %t50, ptr %t51, align 1, !tbaa !13
  %t53 = icmp ult i32 %t50, %t49
  %t54 = and i32 %t29, 4294967040
  %t55 = zext i1 %t53 to i32
  %t56 = or i32 %t54, %t55
  %t57 = trunc i32 %t56 to i8
  %t58 = zext i8 %t57 to i32
  %t59 = select i1 %t53, i32 65536, i32 %t58
  %t60 = inttoptr i64 %t26 to ptr
  store i32 %t59, ptr %t60, align 1, !tbaa !13
  br label %J61
W15:
  %t16 = add i64 %t5, 35
  %t17 = and i64 %t16, 4294967295
  %t18 = lshr i64 %t17, 12
  %t23 = icmp eq i64 %t16, %t17
  %t24 = and i1 %t23, %t10
  %t19 = getelementptr i64, ptr %tbl, i64 %t18
  %t20 = load i64, ptr %t19, !tbaa !12
  %t21 = icmp eq i64 %t8, %t20
  %t22 = and i1 %t21, %t24
  br i1 %t22, label %L11, label %X0_0, !prof !1
J61:
  %t62 = getelementptr i8, ptr %uop, i64 576
  %t63 = load ptr, ptr %t62, !tbaa !14
  %t64 = load i32, ptr %t63, !tbaa !14
  %t65 = zext i32 %t64 to i64
  %t66 = sub i64 %budget0, %t65
  %t67 = icmp slt i64 %t66, 0
  br i1 %t67, label %X0_544, label %L68, !prof !2
L68:
  %t69 = add i32 %eip, 52
  %t70 = sub i32 %t50, %t49
  %t71 = xor i32 %t50, 4294967295
  %t72 = and i32 %t71, %t49
  %t73 = xor i32 %t50, %t49
  %t74 = xor i32 %t73, 4294967295
  %t75 = and i32 %t74, %t70
  %t76 = or i32 %t72, %t75
  %t77 = and i32 %t76, 3221225480
  store i32 %t50, ptr %cpu, !tbaa !11
  %t78 = getelementptr i8, ptr %cpu, i64 <regs + 4>
  store i32 %t59, ptr %t78, !tbaa !11
  %t79 = getelementptr i8, ptr %cpu, i64 <regs + 8>
  store i32 65536, ptr %t79, !tbaa !11
  %t80 = getelementptr i8, ptr %cpu, i64 <fl_res>
  store i32 %t70, ptr %t80, !tbaa !11
  %t81 = getelementptr i8, ptr %cpu, i64 <fl_aux>
  store i32 %t77, ptr %t81, !tbaa !11
  %t82 = getelementptr i8, ptr %cpu, i64 <regs + 24>
  store i32 %t44, ptr %t82, !tbaa !11
  %t83 = getelementptr i8, ptr %cpu, i64 <regs + 28>
  store i32 %t49, ptr %t83, !tbaa !11
  %t84 = getelementptr i8, ptr %t63, i64 80
  %t85 = getelementptr i8, ptr %t63, i64 8
  %t86 = load ptr, ptr %t85, !tbaa !14
  musttail call preserve_nonecc void %t86(ptr %cpu, ptr %t84, i32 %t69, i64 %t66, ptr %tbl)
  ret void
X0_0:
  %t87 = load ptr, ptr %uop, !tbaa !14
  musttail call preserve_nonecc void %t87(ptr %cpu, ptr %uop, i32 %eip, i64 %budget0, ptr %tbl)
  ret void
X0_544:
  %t88 = sub i32 %t50, %t49
  %t89 = xor i32 %t50, 4294967295
  %t90 = and i32 %t89, %t49
  %t91 = xor i32 %t50, %t49
  %t92 = xor i32 %t91, 4294967295
  %t93 = and i32 %t92, %t88
  %t94 = or i32 %t90, %t93
  %t95 = and i32 %t94, 3221225480
  store i32 %t50, ptr %cpu, !tbaa !11
  %t96 = getelementptr i8, ptr %cpu, i64 <regs + 4>
  store i32 %t59, ptr %t96, !tbaa !11
  %t97 = getelementptr i8, ptr %cpu, i64 <regs + 8>
  store i32 65536, ptr %t97, !tbaa !11
  %t98 = getelementptr i8, ptr %cpu, i64 <fl_res>
  store i32 %t88, ptr %t98, !tbaa !11
  %t99 = getelementptr i8, ptr %cpu, i64 <fl_aux>
  store i32 %t95, ptr %t99, !tbaa !11
  %t100 = getelementptr i8, ptr %cpu, i64 <regs + 24>
  store i32 %t44, ptr %t100, !tbaa !11
  %t101 = getelementptr i8, ptr %cpu, i64 <regs + 28>
  store i32 %t49, ptr %t101, !tbaa !11
  %t102 = getelementptr i8, ptr %uop, i64 544
  %t103 = load ptr, ptr %t102, !tbaa !14
  musttail call preserve_nonecc void %t103(ptr %cpu, ptr %t102, i32 %eip, i64 %budget0, ptr %tbl)
  ret void
}
