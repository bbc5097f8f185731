; The block of flag_chain.s: 13 instructions of a guest.
; x86-64-v3: 42 instructions before the first one that always jumps, 79 in all
; neoverse-n1: 33 instructions before the first one that always jumps, 62 in all

define preserve_nonecc void @flag_chain(ptr %cpu, ptr %uop, i32 %eip, i64 %paid, ptr %tbl) #0 section ".flag_chain" {
entry:
  br label %body0
body0:
  %budget0 = phi i64 [ %paid, %entry ]
  br label %J1
J1:
  %t2 = getelementptr i8, ptr %uop, i64 448
  %t3 = load ptr, ptr %t2, !tbaa !14
  %t4 = load i32, ptr %t3, !tbaa !14
  %t5 = zext i32 %t4 to i64
  %t6 = sub i64 %budget0, %t5
  %t7 = icmp slt i64 %t6, 0
  br i1 %t7, label %X0_416, label %L8, !prof !2
L8:
  %t9 = add i32 %eip, 31
  %t10 = getelementptr i8, ptr %cpu, i64 <regs + 8>
  %t11 = load i32, ptr %t10, !tbaa !11
  %t12 = getelementptr i8, ptr %cpu, i64 <regs + 4>
  %t13 = load i32, ptr %t12, !tbaa !11
  %t14 = add i32 %t11, %t13
  %t15 = load i32, ptr %cpu, !tbaa !11
  %t16 = getelementptr i8, ptr %cpu, i64 <regs + 12>
  %t17 = load i32, ptr %t16, !tbaa !11
  %t18 = add i32 %t15, %t17
  %t19 = icmp ult i32 %t18, %t15
  %t20 = zext i1 %t19 to i32
  %t21 = add i32 %t14, %t20
  %t22 = getelementptr i8, ptr %cpu, i64 <regs + 24>
  %t23 = load i32, ptr %t22, !tbaa !11
  %t24 = and i32 %t11, %t13
  %t25 = or i32 %t11, %t13
  %t26 = xor i32 %t21, 4294967295
  %t27 = and i32 %t25, %t26
  %t28 = or i32 %t24, %t27
  %t29 = icmp slt i32 %t28, 0
  %t30 = zext i1 %t29 to i32
  %t31 = add i32 %t23, %t30
  %t32 = xor i32 %t31, 4294967295
  %t33 = and i32 %t23, %t32
  %t34 = icmp slt i32 %t33, 0
  %t35 = zext i1 %t34 to i64
  %t36 = shl i64 %t35, 32
  %t37 = getelementptr i8, ptr %cpu, i64 <regs + 28>
  %t38 = load i32, ptr %t37, !tbaa !11
  %t39 = zext i32 %t38 to i64
  %t40 = or i64 %t36, %t39
  %t41 = shl i64 %t40, 1
  %t42 = lshr i64 %t40, 32
  %t43 = or i64 %t41, %t42
  %t44 = trunc i64 %t43 to i32
  %t45 = icmp slt i32 %t38, 0
  %t46 = zext i1 %t45 to i32
  %t47 = sub i32 0, %t46
  %t48 = sub i32 0, %t47
  %t49 = icmp slt i32 %t48, 0
  %t50 = select i1 %t49, i32 %t18, i32 %t17
  %t51 = and i32 %t13, 4294967040
  %t52 = xor i32 %t47, 4294967295
  %t53 = and i32 %t52, %t48
  %t54 = or i32 %t47, %t53
  %t55 = icmp slt i32 %t54, 0
  %t56 = zext i1 %t55 to i32
  %t57 = or i32 %t51, %t56
  %t58 = and i32 %t57, 4294902015
  %t59 = icmp slt i32 %t21, 0
  %t60 = icmp eq i32 %t21, 0
  %t61 = or i1 %t59, %t60
  %t62 = zext i1 %t61 to i32
  %t63 = shl i32 %t62, 8
  %t64 = or i32 %t58, %t63
  %t65 = getelementptr i8, ptr %cpu, i64 <fl_res>
  store i32 0, ptr %t65, !tbaa !11
  %t66 = getelementptr i8, ptr %cpu, i64 <fl_aux>
  store i32 0, ptr %t66, !tbaa !11
  store i32 0, ptr %cpu, !tbaa !11
  %t67 = getelementptr i8, ptr %cpu, i64 <regs + 8>
  store i32 %t21, ptr %t67, !tbaa !11
  %t68 = getelementptr i8, ptr %cpu, i64 <regs + 24>
  store i32 %t31, ptr %t68, !tbaa !11
  %t69 = getelementptr i8, ptr %cpu, i64 <regs + 28>
  store i32 %t44, ptr %t69, !tbaa !11
  %t70 = getelementptr i8, ptr %cpu, i64 <regs + 20>
  store i32 %t48, ptr %t70, !tbaa !11
  %t71 = getelementptr i8, ptr %cpu, i64 <regs + 12>
  store i32 %t50, ptr %t71, !tbaa !11
  %t72 = getelementptr i8, ptr %cpu, i64 <regs + 4>
  store i32 %t64, ptr %t72, !tbaa !11
  %t73 = getelementptr i8, ptr %t3, i64 80
  %t74 = getelementptr i8, ptr %t3, i64 8
  %t75 = load ptr, ptr %t74, !tbaa !14
  musttail call preserve_nonecc void %t75(ptr %cpu, ptr %t73, i32 %t9, i64 %t6, ptr %tbl)
  ret void
X0_416:
  %t76 = getelementptr i8, ptr %cpu, i64 <regs + 8>
  %t77 = load i32, ptr %t76, !tbaa !11
  %t78 = getelementptr i8, ptr %cpu, i64 <regs + 4>
  %t79 = load i32, ptr %t78, !tbaa !11
  %t80 = add i32 %t77, %t79
  %t81 = load i32, ptr %cpu, !tbaa !11
  %t82 = getelementptr i8, ptr %cpu, i64 <regs + 12>
  %t83 = load i32, ptr %t82, !tbaa !11
  %t84 = add i32 %t81, %t83
  %t85 = icmp ult i32 %t84, %t81
  %t86 = zext i1 %t85 to i32
  %t87 = add i32 %t80, %t86
  %t88 = getelementptr i8, ptr %cpu, i64 <regs + 24>
  %t89 = load i32, ptr %t88, !tbaa !11
  %t90 = and i32 %t77, %t79
  %t91 = or i32 %t77, %t79
  %t92 = xor i32 %t87, 4294967295
  %t93 = and i32 %t91, %t92
  %t94 = or i32 %t90, %t93
  %t95 = icmp slt i32 %t94, 0
  %t96 = zext i1 %t95 to i32
  %t97 = add i32 %t89, %t96
  %t98 = xor i32 %t97, 4294967295
  %t99 = and i32 %t89, %t98
  %t100 = icmp slt i32 %t99, 0
  %t101 = zext i1 %t100 to i64
  %t102 = shl i64 %t101, 32
  %t103 = getelementptr i8, ptr %cpu, i64 <regs + 28>
  %t104 = load i32, ptr %t103, !tbaa !11
  %t105 = zext i32 %t104 to i64
  %t106 = or i64 %t102, %t105
  %t107 = shl i64 %t106, 1
  %t108 = lshr i64 %t106, 32
  %t109 = or i64 %t107, %t108
  %t110 = trunc i64 %t109 to i32
  %t111 = icmp slt i32 %t104, 0
  %t112 = zext i1 %t111 to i32
  %t113 = sub i32 0, %t112
  %t114 = sub i32 0, %t113
  %t115 = icmp slt i32 %t114, 0
  %t116 = select i1 %t115, i32 %t84, i32 %t83
  %t117 = and i32 %t79, 4294967040
  %t118 = xor i32 %t113, 4294967295
  %t119 = and i32 %t118, %t114
  %t120 = or i32 %t113, %t119
  %t121 = icmp slt i32 %t120, 0
  %t122 = zext i1 %t121 to i32
  %t123 = or i32 %t117, %t122
  %t124 = and i32 %t123, 4294902015
  %t125 = icmp slt i32 %t87, 0
  %t126 = icmp eq i32 %t87, 0
  %t127 = or i1 %t125, %t126
  %t128 = zext i1 %t127 to i32
  %t129 = shl i32 %t128, 8
  %t130 = or i32 %t124, %t129
  %t131 = getelementptr i8, ptr %cpu, i64 <fl_res>
  store i32 0, ptr %t131, !tbaa !11
  %t132 = getelementptr i8, ptr %cpu, i64 <fl_aux>
  store i32 0, ptr %t132, !tbaa !11
  store i32 0, ptr %cpu, !tbaa !11
  %t133 = getelementptr i8, ptr %cpu, i64 <regs + 8>
  store i32 %t87, ptr %t133, !tbaa !11
  %t134 = getelementptr i8, ptr %cpu, i64 <regs + 24>
  store i32 %t97, ptr %t134, !tbaa !11
  %t135 = getelementptr i8, ptr %cpu, i64 <regs + 28>
  store i32 %t110, ptr %t135, !tbaa !11
  %t136 = getelementptr i8, ptr %cpu, i64 <regs + 20>
  store i32 %t114, ptr %t136, !tbaa !11
  %t137 = getelementptr i8, ptr %cpu, i64 <regs + 12>
  store i32 %t116, ptr %t137, !tbaa !11
  %t138 = getelementptr i8, ptr %cpu, i64 <regs + 4>
  store i32 %t130, ptr %t138, !tbaa !11
  %t139 = getelementptr i8, ptr %uop, i64 416
  %t140 = load ptr, ptr %t139, !tbaa !14
  musttail call preserve_nonecc void %t140(ptr %cpu, ptr %t139, i32 %eip, i64 %budget0, ptr %tbl)
  ret void
}
