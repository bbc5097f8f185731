; The block of compare_wide.s: 7 instructions of a guest.
; x86-64-v3: 55 instructions before the first one that always jumps, 145 in all
; neoverse-n1: 50 instructions before the first one that always jumps, 125 in all

define preserve_nonecc void @compare_wide(ptr %cpu, ptr %uop, i32 %eip, i64 %paid, ptr %tbl) #0 section ".compare_wide" {
entry:
  br label %body0
body0:
  %budget0 = phi i64 [ %paid, %entry ]
  %t2 = getelementptr i8, ptr %cpu, i64 <regs + 12>
  %t3 = load i32, ptr %t2, !tbaa !11
  %t4 = add i32 %t3, 8
  %t5 = zext i32 %t4 to i64
  %t6 = lshr i64 %t5, 12
  %t7 = getelementptr i64, ptr %tbl, i64 %t6
  %t8 = load i64, ptr %t7, !tbaa !12
  %t9 = and i64 %t8, 1
  %t10 = icmp ne i64 %t9, 0
  %t12 = and i64 %t5, 4095
  %t13 = icmp ule i64 %t12, 4088
  %t14 = and i1 %t10, %t13
  br i1 %t14, label %L11, label %W15, !prof !1
L11:
  %t24 = and i64 %t8, -4096
  %t25 = add i64 %t24, %t5
  %t26 = inttoptr i64 %t25 to ptr
  %t1 = load i32, ptr %t26, align 1, !tbaa !13
  %t29 = add i64 %t25, 4
  %t28 = inttoptr i64 %t29 to ptr
  %t27 = load i32, ptr %t28, align 1, !tbaa !13
  %t31 = getelementptr i8, ptr %cpu, i64 <regs + 24>
  %t32 = load i32, ptr %t31, !tbaa !11
  %t33 = add i32 %t32, 8
  %t34 = zext i32 %t33 to i64
  %t35 = lshr i64 %t34, 12
  %t36 = getelementptr i64, ptr %tbl, i64 %t35
  %t37 = load i64, ptr %t36, !tbaa !12
  %t38 = and i64 %t37, 1
  %t39 = icmp ne i64 %t38, 0
  %t41 = and i64 %t34, 4095
  %t42 = icmp ule i64 %t41, 4088
  %t43 = and i1 %t39, %t42
  br i1 %t43, label %L40, label %W44, !prof !1
L40:
  %t53 = and i64 %t37, -4096
  %t54 = add i64 %t53, %t34
  %t55 = inttoptr i64 %t54 to ptr
  %t30 = load i32, ptr %t55, align 1, !tbaa !13
  %t58 = add i64 %t54, 4
  %t57 = inttoptr i64 %t58 to ptr
  %t56 = load i32, ptr %t57, align 1, !tbaa !13
  %t60 = sub i32 %t27, %t56
  %t61 = icmp ult i32 %t1, %t30
  %t62 = zext i1 %t61 to i32
  %t63 = sub i32 %t60, %t62
  %t64 = icmp slt i32 %t63, 0
  %t65 = xor i32 %t27, 4294967295
  %t66 = and i32 %t65, %t56
  %t67 = xor i32 %t27, %t56
  %t68 = xor i32 %t67, 4294967295
  %t69 = and i32 %t68, %t63
  %t70 = or i32 %t66, %t69
  %t71 = icmp slt i32 %t70, 0
  %t73 = lshr i32 %t70, 30
  %t72 = trunc i32 %t73 to i1
  %t74 = xor i1 %t71, %t72
  %t75 = xor i1 %t64, %t74
  br i1 %t75, label %J59, label %L76
L76:
  br label %J93
W15:
  %t16 = add i64 %t5, 7
  %t17 = lshr i64 %t16, 12
  %t22 = icmp ult i64 %t16, 4294967296
  %t23 = and i1 %t22, %t10
  %t18 = getelementptr i64, ptr %tbl, i64 %t17
  %t19 = load i64, ptr %t18, !tbaa !12
  %t20 = icmp eq i64 %t8, %t19
  %t21 = and i1 %t20, %t23
  br i1 %t21, label %L11, label %X0_0, !prof !1
W44:
  %t45 = add i64 %t34, 7
  %t46 = lshr i64 %t45, 12
  %t51 = icmp ult i64 %t45, 4294967296
  %t52 = and i1 %t51, %t39
  %t47 = getelementptr i64, ptr %tbl, i64 %t46
  %t48 = load i64, ptr %t47, !tbaa !12
  %t49 = icmp eq i64 %t37, %t48
  %t50 = and i1 %t49, %t52
  br i1 %t50, label %L40, label %X0_64, !prof !1
J59:
  %t77 = getelementptr i8, ptr %uop, i64 160
  %t78 = load ptr, ptr %t77, !tbaa !14
  %t79 = add i64 %budget0, 2
  %t80 = load i32, ptr %t78, !tbaa !14
  %t81 = zext i32 %t80 to i64
  %t82 = sub i64 %t79, %t81
  %t83 = icmp slt i64 %t82, 0
  br i1 %t83, label %X0_128, label %L84, !prof !2
L84:
  %t85 = add i32 %eip, 18
  %t86 = and i32 %t70, 3221225480
  store i32 %t1, ptr %cpu, !tbaa !11
  %t87 = getelementptr i8, ptr %cpu, i64 <regs + 8>
  store i32 %t63, ptr %t87, !tbaa !11
  %t88 = getelementptr i8, ptr %cpu, i64 <fl_res>
  store i32 %t63, ptr %t88, !tbaa !11
  %t89 = getelementptr i8, ptr %cpu, i64 <fl_aux>
  store i32 %t86, ptr %t89, !tbaa !11
  %t90 = getelementptr i8, ptr %t78, i64 80
  %t91 = getelementptr i8, ptr %t78, i64 8
  %t92 = load ptr, ptr %t91, !tbaa !14
  musttail call preserve_nonecc void %t92(ptr %cpu, ptr %t90, i32 %t85, i64 %t82, ptr %tbl)
  ret void
J93:
  %t94 = getelementptr i8, ptr %uop, i64 256
  %t95 = load ptr, ptr %t94, !tbaa !14
  %t96 = load i32, ptr %t95, !tbaa !14
  %t97 = zext i32 %t96 to i64
  %t98 = sub i64 %budget0, %t97
  %t99 = icmp slt i64 %t98, 0
  br i1 %t99, label %X0_224, label %L100, !prof !2
L100:
  %t101 = add i32 %eip, 18
  %t102 = getelementptr i8, ptr %cpu, i64 <regs + 28>
  %t103 = load i32, ptr %t102, !tbaa !11
  %t104 = add i32 %t103, 1
  %t105 = and i32 %t70, 2147483648
  %t106 = and i32 %t103, 1
  %t107 = or i32 %t103, 1
  %t108 = xor i32 %t104, 4294967295
  %t109 = and i32 %t107, %t108
  %t110 = or i32 %t106, %t109
  %t111 = and i32 %t110, 3221225480
  %t112 = shl i32 %t111, 1
  %t113 = xor i32 %t111, %t112
  %t114 = and i32 %t113, 2147483648
  %t115 = xor i32 %t105, %t114
  %t116 = lshr i32 %t115, 1
  %t117 = or i32 %t105, %t116
  %t118 = and i32 %t110, 8
  %t119 = or i32 %t117, %t118
  store i32 %t1, ptr %cpu, !tbaa !11
  %t120 = getelementptr i8, ptr %cpu, i64 <regs + 8>
  store i32 %t63, ptr %t120, !tbaa !11
  %t121 = getelementptr i8, ptr %cpu, i64 <fl_res>
  store i32 %t104, ptr %t121, !tbaa !11
  %t122 = getelementptr i8, ptr %cpu, i64 <fl_aux>
  store i32 %t119, ptr %t122, !tbaa !11
  %t123 = getelementptr i8, ptr %cpu, i64 <regs + 28>
  store i32 %t104, ptr %t123, !tbaa !11
  %t124 = getelementptr i8, ptr %t95, i64 80
  %t125 = getelementptr i8, ptr %t95, i64 8
  %t126 = load ptr, ptr %t125, !tbaa !14
  musttail call preserve_nonecc void %t126(ptr %cpu, ptr %t124, i32 %t101, i64 %t98, ptr %tbl)
  ret void
X0_0:
  %t127 = load ptr, ptr %uop, !tbaa !14
  musttail call preserve_nonecc void %t127(ptr %cpu, ptr %uop, i32 %eip, i64 %budget0, ptr %tbl)
  ret void
X0_64:
  store i32 %t1, ptr %cpu, !tbaa !11
  %t128 = getelementptr i8, ptr %cpu, i64 <regs + 8>
  store i32 %t27, ptr %t128, !tbaa !11
  %t129 = getelementptr i8, ptr %uop, i64 64
  %t130 = load ptr, ptr %t129, !tbaa !14
  musttail call preserve_nonecc void %t130(ptr %cpu, ptr %t129, i32 %eip, i64 %budget0, ptr %tbl)
  ret void
X0_128:
  %t131 = and i32 %t70, 3221225480
  store i32 %t1, ptr %cpu, !tbaa !11
  %t132 = getelementptr i8, ptr %cpu, i64 <regs + 8>
  store i32 %t63, ptr %t132, !tbaa !11
  %t133 = getelementptr i8, ptr %cpu, i64 <fl_res>
  store i32 %t63, ptr %t133, !tbaa !11
  %t134 = getelementptr i8, ptr %cpu, i64 <fl_aux>
  store i32 %t131, ptr %t134, !tbaa !11
  %t135 = getelementptr i8, ptr %uop, i64 128
  %t136 = load ptr, ptr %t135, !tbaa !14
  musttail call preserve_nonecc void %t136(ptr %cpu, ptr %t135, i32 %eip, i64 %budget0, ptr %tbl)
  ret void
X0_224:
  %t137 = getelementptr i8, ptr %cpu, i64 <regs + 28>
  %t138 = load i32, ptr %t137, !tbaa !11
  %t139 = add i32 %t138, 1
  %t140 = and i32 %t70, 2147483648
  %t141 = and i32 %t138, 1
  %t142 = or i32 %t138, 1
  %t143 = xor i32 %t139, 4294967295
  %t144 = and i32 %t142, %t143
  %t145 = or i32 %t141, %t144
  %t146 = and i32 %t145, 3221225480
  %t147 = shl i32 %t146, 1
  %t148 = xor i32 %t146, %t147
  %t149 = and i32 %t148, 2147483648
  %t150 = xor i32 %t140, %t149
  %t151 = lshr i32 %t150, 1
  %t152 = or i32 %t140, %t151
  %t153 = and i32 %t145, 8
  %t154 = or i32 %t152, %t153
  store i32 %t1, ptr %cpu, !tbaa !11
  %t155 = getelementptr i8, ptr %cpu, i64 <regs + 8>
  store i32 %t63, ptr %t155, !tbaa !11
  %t156 = getelementptr i8, ptr %cpu, i64 <fl_res>
  store i32 %t139, ptr %t156, !tbaa !11
  %t157 = getelementptr i8, ptr %cpu, i64 <fl_aux>
  store i32 %t154, ptr %t157, !tbaa !11
  %t158 = getelementptr i8, ptr %cpu, i64 <regs + 28>
  store i32 %t139, ptr %t158, !tbaa !11
  %t159 = getelementptr i8, ptr %uop, i64 224
  %t160 = load ptr, ptr %t159, !tbaa !14
  musttail call preserve_nonecc void %t160(ptr %cpu, ptr %t159, i32 %eip, i64 %budget0, ptr %tbl)
  ret void
}
