; The block of mix_words.s: 13 instructions of a guest.
; x86-64-v3: 50 instructions before the first one that always jumps, 76 in all
; neoverse-n1: 44 instructions before the first one that always jumps, 70 in all

define preserve_nonecc void @mix_words(ptr %cpu, ptr %uop, i32 %eip, i64 %paid, ptr %tbl) #0 section ".mix_words" {
entry:
  br label %body0
body0:
  %budget0 = phi i64 [ %paid, %entry ]
  %t2 = getelementptr i8, ptr %cpu, i64 <regs + 24>
  %t3 = load i32, ptr %t2, !tbaa !11
  %t4 = zext i32 %t3 to i64
  %t5 = lshr i64 %t4, 12
  %t6 = getelementptr i64, ptr %tbl, i64 %t5
  %t7 = load i64, ptr %t6, !tbaa !12
  %t8 = and i64 %t7, 1
  %t9 = icmp ne i64 %t8, 0
  %t11 = and i64 %t4, 4095
  %t12 = icmp ule i64 %t11, 4092
  %t13 = and i1 %t9, %t12
  br i1 %t13, label %L10, label %X0_0, !prof !1
L10:
  %t14 = and i64 %t7, -4096
  %t15 = add i64 %t14, %t4
  %t16 = inttoptr i64 %t15 to ptr
  %t1 = load i32, ptr %t16, align 1, !tbaa !13
  %t17 = call i32 @llvm.bswap.i32(i32 %t1)
  %t18 = getelementptr i8, ptr %cpu, i64 <regs + 28>
  %t19 = load i32, ptr %t18, !tbaa !11
  %t20 = zext i32 %t19 to i64
  %t21 = lshr i64 %t20, 12
  %t22 = getelementptr i64, ptr %tbl, i64 %t21
  %t23 = load i64, ptr %t22, !tbaa !12
  %t24 = and i64 %t23, 2
  %t25 = icmp ne i64 %t24, 0
  %t27 = and i64 %t20, 4095
  %t28 = icmp ule i64 %t27, 4092
  %t29 = and i1 %t25, %t28
  br i1 %t29, label %L26, label %X0_64, !prof !1
L26:
  %t30 = and i64 %t23, -4096
  %t31 = add i64 %t30, %t20
  %t32 = inttoptr i64 %t31 to ptr
  store i32 %t17, ptr %t32, align 1, !tbaa !13
  br label %J33
J33:
  %t34 = getelementptr i8, ptr %uop, i64 416
  %t35 = load ptr, ptr %t34, !tbaa !14
  %t36 = load i32, ptr %t35, !tbaa !14
  %t37 = zext i32 %t36 to i64
  %t38 = sub i64 %budget0, %t37
  %t39 = icmp slt i64 %t38, 0
  br i1 %t39, label %X0_384, label %L40, !prof !2
L40:
  %t41 = add i32 %eip, 34
  %t42 = getelementptr i8, ptr %cpu, i64 <regs + 12>
  %t43 = load i32, ptr %t42, !tbaa !11
  %t44 = shl i32 %t43, 5
  %t45 = lshr i32 %t43, 27
  %t46 = or i32 %t44, %t45
  %t47 = add i32 %t17, %t46
  %t48 = getelementptr i8, ptr %cpu, i64 <regs + 4>
  %t49 = load i32, ptr %t48, !tbaa !11
  %t50 = getelementptr i8, ptr %cpu, i64 <regs + 20>
  %t51 = load i32, ptr %t50, !tbaa !11
  %t52 = xor i32 %t49, %t51
  %t53 = and i32 %t52, %t43
  %t54 = xor i32 %t53, %t51
  %t55 = add i32 %t47, %t54
  %t56 = add i32 %t55, 1518500249
  %t58 = lshr i32 %t43, 1
  %t57 = trunc i32 %t58 to i1
  %t59 = zext i1 %t57 to i32
  %t60 = shl i32 %t59, 31
  %t61 = trunc i32 %t43 to i1
  %t62 = xor i1 %t57, %t61
  %t63 = xor i1 %t57, %t62
  %t64 = zext i1 %t63 to i32
  %t65 = shl i32 %t64, 30
  %t66 = or i32 %t60, %t65
  %t67 = lshr i32 %t43, 2
  %t68 = shl i32 %t43, 30
  %t69 = or i32 %t67, %t68
  store i32 %t56, ptr %cpu, !tbaa !11
  %t70 = getelementptr i8, ptr %cpu, i64 <regs + 8>
  store i32 %t54, ptr %t70, !tbaa !11
  %t71 = getelementptr i8, ptr %cpu, i64 <fl_aux>
  store i32 %t66, ptr %t71, !tbaa !11
  %t72 = getelementptr i8, ptr %cpu, i64 <fl_res>
  store i32 %t54, ptr %t72, !tbaa !11
  %t73 = getelementptr i8, ptr %cpu, i64 <regs + 12>
  store i32 %t69, ptr %t73, !tbaa !11
  %t74 = getelementptr i8, ptr %t35, i64 80
  %t75 = getelementptr i8, ptr %t35, i64 8
  %t76 = load ptr, ptr %t75, !tbaa !14
  musttail call preserve_nonecc void %t76(ptr %cpu, ptr %t74, i32 %t41, i64 %t38, ptr %tbl)
  ret void
X0_0:
  %t77 = load ptr, ptr %uop, !tbaa !14
  musttail call preserve_nonecc void %t77(ptr %cpu, ptr %uop, i32 %eip, i64 %budget0, ptr %tbl)
  ret void
X0_64:
  store i32 %t17, ptr %cpu, !tbaa !11
  %t78 = getelementptr i8, ptr %uop, i64 64
  %t79 = load ptr, ptr %t78, !tbaa !14
  musttail call preserve_nonecc void %t79(ptr %cpu, ptr %t78, i32 %eip, i64 %budget0, ptr %tbl)
  ret void
X0_384:
  %t80 = getelementptr i8, ptr %cpu, i64 <regs + 12>
  %t81 = load i32, ptr %t80, !tbaa !11
  %t82 = shl i32 %t81, 5
  %t83 = lshr i32 %t81, 27
  %t84 = or i32 %t82, %t83
  %t85 = add i32 %t17, %t84
  %t86 = getelementptr i8, ptr %cpu, i64 <regs + 4>
  %t87 = load i32, ptr %t86, !tbaa !11
  %t88 = getelementptr i8, ptr %cpu, i64 <regs + 20>
  %t89 = load i32, ptr %t88, !tbaa !11
  %t90 = xor i32 %t87, %t89
  %t91 = and i32 %t90, %t81
  %t92 = xor i32 %t91, %t89
  %t93 = add i32 %t85, %t92
  %t94 = add i32 %t93, 1518500249
  %t96 = lshr i32 %t81, 1
  %t95 = trunc i32 %t96 to i1
  %t97 = zext i1 %t95 to i32
  %t98 = shl i32 %t97, 31
  %t99 = trunc i32 %t81 to i1
  %t100 = xor i1 %t95, %t99
  %t101 = xor i1 %t95, %t100
  %t102 = zext i1 %t101 to i32
  %t103 = shl i32 %t102, 30
  %t104 = or i32 %t98, %t103
  %t105 = lshr i32 %t81, 2
  %t106 = shl i32 %t81, 30
  %t107 = or i32 %t105, %t106
  store i32 %t94, ptr %cpu, !tbaa !11
  %t108 = getelementptr i8, ptr %cpu, i64 <regs + 8>
  store i32 %t92, ptr %t108, !tbaa !11
  %t109 = getelementptr i8, ptr %cpu, i64 <fl_aux>
  store i32 %t104, ptr %t109, !tbaa !11
  %t110 = getelementptr i8, ptr %cpu, i64 <fl_res>
  store i32 %t92, ptr %t110, !tbaa !11
  %t111 = getelementptr i8, ptr %cpu, i64 <regs + 12>
  store i32 %t107, ptr %t111, !tbaa !11
  %t112 = getelementptr i8, ptr %uop, i64 384
  %t113 = load ptr, ptr %t112, !tbaa !14
  musttail call preserve_nonecc void %t113(ptr %cpu, ptr %t112, i32 %eip, i64 %budget0, ptr %tbl)
  ret void
}
