; The block of table_checksum.s: 9 instructions of a guest.
; x86-64-v3: 65 instructions before the first one that always jumps, 163 in all
; neoverse-n1: 47 instructions before the first one that always jumps, 99 in all

define preserve_nonecc void @table_checksum(ptr %cpu, ptr %uop, i32 %eip, i64 %paid, ptr %tbl) #0 section ".table_checksum" {
entry:
  %t34 = getelementptr i8, ptr %cpu, i64 <regs + 28>
  %t35 = load i32, ptr %t34, !tbaa !11
  %t152 = getelementptr i8, ptr %uop, i64 -48
  %t153 = getelementptr i8, ptr %uop, i64 256
  %t154 = load ptr, ptr %t153, !tbaa !14
  %own224 = icmp eq ptr %t154, %t152
  %t155 = load i32, ptr %cpu, !tbaa !11
  %t156 = getelementptr i8, ptr %cpu, i64 <regs + 8>
  %t157 = load i32, ptr %t156, !tbaa !11
  %t158 = getelementptr i8, ptr %cpu, i64 <fl_res>
  %t159 = load i32, ptr %t158, !tbaa !11
  %t160 = getelementptr i8, ptr %cpu, i64 <fl_aux>
  %t161 = load i32, ptr %t160, !tbaa !11
  %t162 = getelementptr i8, ptr %cpu, i64 <regs + 24>
  %t163 = load i32, ptr %t162, !tbaa !11
  %t164 = getelementptr i8, ptr %cpu, i64 <regs + 4>
  %t165 = load i32, ptr %t164, !tbaa !11
  br label %body
body:
  %budget = phi i64 [ %paid, %entry ], [ %t40, %B43 ]
  %c0 = phi i32 [ %t155, %entry ], [ %t15, %B43 ]
  %c8 = phi i32 [ %t157, %entry ], [ %t16, %B43 ]
  %c40 = phi i32 [ %t159, %entry ], [ %t36, %B43 ]
  %c44 = phi i32 [ %t161, %entry ], [ %t51, %B43 ]
  %c24 = phi i32 [ %t163, %entry ], [ %t33, %B43 ]
  %c4 = phi i32 [ %t165, %entry ], [ %t57, %B43 ]
  %t2 = zext i32 %c24 to i64
  %t3 = lshr i64 %t2, 12
  %t4 = getelementptr i64, ptr %tbl, i64 %t3
  %t5 = load i64, ptr %t4, !tbaa !12
  %t6 = and i64 %t5, 1
  %t7 = icmp ne i64 %t6, 0
  br i1 %t7, label %L8, label %X0, !prof !1
L8:
  %t9 = and i64 %t5, -4096
  %t10 = add i64 %t9, %t2
  %t11 = inttoptr i64 %t10 to ptr
  %t1 = load i8, ptr %t11, align 1, !tbaa !13
  %t13 = trunc i32 %c4 to i8
  %t14 = zext i8 %t13 to i32
  %t15 = zext i8 %t1 to i32
  %t16 = xor i32 %t14, %t15
  %t17 = shl i32 %t16, 2
  %t18 = add i32 %t17, 4096
  %t19 = zext i32 %t18 to i64
  %t20 = lshr i64 %t19, 12
  %t21 = getelementptr i64, ptr %tbl, i64 %t20
  %t22 = load i64, ptr %t21, !tbaa !12
  %t23 = and i64 %t22, 1
  %t24 = icmp ne i64 %t23, 0
  %t26 = and i64 %t19, 4095
  %t27 = icmp ule i64 %t26, 4092
  %t28 = and i1 %t24, %t27
  br i1 %t28, label %L25, label %X160, !prof !1
L25:
  %t29 = and i64 %t22, -4096
  %t30 = add i64 %t29, %t19
  %t31 = inttoptr i64 %t30 to ptr
  %t12 = load i32, ptr %t31, align 1, !tbaa !13
  %t33 = add i32 %c24, 1
  %t36 = sub i32 %t33, %t35
  %t37 = icmp eq i32 %t36, 0
  %t38 = xor i1 %t37, true
  br i1 %t38, label %J32, label %L39
L39:
  br label %X288
B43:
  %t45 = xor i32 %t33, 4294967295
  %t46 = and i32 %t45, %t35
  %t47 = xor i32 %t33, %t35
  %t48 = xor i32 %t47, 4294967295
  %t49 = and i32 %t48, %t36
  %t50 = or i32 %t46, %t49
  %t51 = and i32 %t50, 3221225480
  %t52 = zext i32 %c4 to i64
  %t53 = shl i64 %t52, 1
  %t54 = lshr i64 %t53, 8
  %t55 = lshr i64 %t54, 1
  %t56 = trunc i64 %t55 to i32
  %t57 = xor i32 %t56, %t12
  br label %body
J32:
  %t40 = add i64 %budget, -8
  %t41 = icmp sge i64 %t40, 0
  %t42 = and i1 %t41, %own224
  br i1 %t42, label %B43, label %L44, !prof !1
L44:
  %t58 = getelementptr i8, ptr %uop, i64 256
  %t59 = load ptr, ptr %t58, !tbaa !14
  %t60 = add i64 %budget, 1
  %t61 = load i32, ptr %t59, !tbaa !14
  %t62 = zext i32 %t61 to i64
  %t63 = sub i64 %t60, %t62
  %t64 = icmp slt i64 %t63, 0
  br i1 %t64, label %X224, label %L65, !prof !2
L65:
  %t66 = xor i32 %t33, 4294967295
  %t67 = and i32 %t66, %t35
  %t68 = xor i32 %t33, %t35
  %t69 = xor i32 %t68, 4294967295
  %t70 = and i32 %t69, %t36
  %t71 = or i32 %t67, %t70
  %t72 = and i32 %t71, 3221225480
  %t73 = zext i32 %c4 to i64
  %t74 = shl i64 %t73, 1
  %t75 = lshr i64 %t74, 8
  %t76 = lshr i64 %t75, 1
  %t77 = trunc i64 %t76 to i32
  %t78 = xor i32 %t77, %t12
  store i32 %t15, ptr %cpu, !tbaa !11
  %t79 = getelementptr i8, ptr %cpu, i64 <regs + 8>
  store i32 %t16, ptr %t79, !tbaa !11
  %t80 = getelementptr i8, ptr %cpu, i64 <fl_res>
  store i32 %t36, ptr %t80, !tbaa !11
  %t81 = getelementptr i8, ptr %cpu, i64 <fl_aux>
  store i32 %t72, ptr %t81, !tbaa !11
  %t82 = getelementptr i8, ptr %cpu, i64 <regs + 24>
  store i32 %t33, ptr %t82, !tbaa !11
  %t83 = getelementptr i8, ptr %cpu, i64 <regs + 4>
  store i32 %t78, ptr %t83, !tbaa !11
  %t84 = getelementptr i8, ptr %t59, i64 48
  %t85 = getelementptr i8, ptr %t59, i64 8
  %t86 = load ptr, ptr %t85, !tbaa !14
  musttail call preserve_nonecc void %t86(ptr %cpu, ptr %t84, i32 %eip, i64 %t63, ptr %tbl)
  ret void
X0:
  store i32 %c0, ptr %cpu, !tbaa !11
  %t87 = getelementptr i8, ptr %cpu, i64 <regs + 8>
  store i32 %c8, ptr %t87, !tbaa !11
  %t88 = getelementptr i8, ptr %cpu, i64 <fl_res>
  store i32 %c40, ptr %t88, !tbaa !11
  %t89 = getelementptr i8, ptr %cpu, i64 <fl_aux>
  store i32 %c44, ptr %t89, !tbaa !11
  %t90 = getelementptr i8, ptr %cpu, i64 <regs + 24>
  store i32 %c24, ptr %t90, !tbaa !11
  %t91 = getelementptr i8, ptr %cpu, i64 <regs + 4>
  store i32 %c4, ptr %t91, !tbaa !11
  %t92 = load ptr, ptr %uop, !tbaa !14
  musttail call preserve_nonecc void %t92(ptr %cpu, ptr %uop, i32 %eip, i64 %budget, ptr %tbl)
  ret void
X160:
  %t93 = zext i32 %c4 to i64
  %t94 = shl i64 %t93, 1
  %t95 = lshr i64 %t94, 8
  %t96 = lshr i64 %t95, 1
  %t97 = trunc i64 %t96 to i32
  %t99 = lshr i32 %c4, 7
  %t98 = trunc i32 %t99 to i1
  %t100 = zext i1 %t98 to i32
  %t101 = shl i32 %t100, 31
  %t102 = shl i32 %t100, 30
  %t103 = or i32 %t101, %t102
  %t104 = add i32 %c24, 1
  store i32 %t15, ptr %cpu, !tbaa !11
  %t105 = getelementptr i8, ptr %cpu, i64 <regs + 8>
  store i32 %t16, ptr %t105, !tbaa !11
  %t106 = getelementptr i8, ptr %cpu, i64 <fl_res>
  store i32 %t97, ptr %t106, !tbaa !11
  %t107 = getelementptr i8, ptr %cpu, i64 <fl_aux>
  store i32 %t103, ptr %t107, !tbaa !11
  %t108 = getelementptr i8, ptr %cpu, i64 <regs + 24>
  store i32 %t104, ptr %t108, !tbaa !11
  %t109 = getelementptr i8, ptr %cpu, i64 <regs + 4>
  store i32 %t97, ptr %t109, !tbaa !11
  %t110 = getelementptr i8, ptr %uop, i64 160
  %t111 = load ptr, ptr %t110, !tbaa !14
  musttail call preserve_nonecc void %t111(ptr %cpu, ptr %t110, i32 %eip, i64 %budget, ptr %tbl)
  ret void
X224:
  %t112 = xor i32 %t33, 4294967295
  %t113 = and i32 %t112, %t35
  %t114 = xor i32 %t33, %t35
  %t115 = xor i32 %t114, 4294967295
  %t116 = and i32 %t115, %t36
  %t117 = or i32 %t113, %t116
  %t118 = and i32 %t117, 3221225480
  %t119 = zext i32 %c4 to i64
  %t120 = shl i64 %t119, 1
  %t121 = lshr i64 %t120, 8
  %t122 = lshr i64 %t121, 1
  %t123 = trunc i64 %t122 to i32
  %t124 = xor i32 %t123, %t12
  store i32 %t15, ptr %cpu, !tbaa !11
  %t125 = getelementptr i8, ptr %cpu, i64 <regs + 8>
  store i32 %t16, ptr %t125, !tbaa !11
  %t126 = getelementptr i8, ptr %cpu, i64 <fl_res>
  store i32 %t36, ptr %t126, !tbaa !11
  %t127 = getelementptr i8, ptr %cpu, i64 <fl_aux>
  store i32 %t118, ptr %t127, !tbaa !11
  %t128 = getelementptr i8, ptr %cpu, i64 <regs + 24>
  store i32 %t33, ptr %t128, !tbaa !11
  %t129 = getelementptr i8, ptr %cpu, i64 <regs + 4>
  store i32 %t124, ptr %t129, !tbaa !11
  %t130 = getelementptr i8, ptr %uop, i64 224
  %t131 = load ptr, ptr %t130, !tbaa !14
  musttail call preserve_nonecc void %t131(ptr %cpu, ptr %t130, i32 %eip, i64 %budget, ptr %tbl)
  ret void
X288:
  %t132 = xor i32 %t33, 4294967295
  %t133 = and i32 %t132, %t35
  %t134 = xor i32 %t33, %t35
  %t135 = xor i32 %t134, 4294967295
  %t136 = and i32 %t135, %t36
  %t137 = or i32 %t133, %t136
  %t138 = and i32 %t137, 3221225480
  %t139 = zext i32 %c4 to i64
  %t140 = shl i64 %t139, 1
  %t141 = lshr i64 %t140, 8
  %t142 = lshr i64 %t141, 1
  %t143 = trunc i64 %t142 to i32
  %t144 = xor i32 %t143, %t12
  store i32 %t15, ptr %cpu, !tbaa !11
  %t145 = getelementptr i8, ptr %cpu, i64 <regs + 8>
  store i32 %t16, ptr %t145, !tbaa !11
  %t146 = getelementptr i8, ptr %cpu, i64 <fl_res>
  store i32 %t36, ptr %t146, !tbaa !11
  %t147 = getelementptr i8, ptr %cpu, i64 <fl_aux>
  store i32 %t138, ptr %t147, !tbaa !11
  %t148 = getelementptr i8, ptr %cpu, i64 <regs + 24>
  store i32 %t33, ptr %t148, !tbaa !11
  %t149 = getelementptr i8, ptr %cpu, i64 <regs + 4>
  store i32 %t144, ptr %t149, !tbaa !11
  %t150 = getelementptr i8, ptr %uop, i64 288
  %t151 = load ptr, ptr %t150, !tbaa !14
  musttail call preserve_nonecc void %t151(ptr %cpu, ptr %t150, i32 %eip, i64 %budget, ptr %tbl)
  ret void
}
