; The block of table_checksum.s: 9 instructions of a guest.
; x86-64-v3: 65 instructions before the first one that always jumps, 163 in all
; neoverse-n1: 47 instructions before the first one that always jumps, 99 in all

define preserve_nonecc void @table_checksum(ptr %cpu, ptr %uop, i32 %eip, i64 %paid, ptr %tbl) #0 section ".table_checksum" {
entry:
  %t1 = getelementptr i8, ptr %uop, i64 -80
  %t2 = getelementptr i8, ptr %uop, i64 256
  %t3 = load ptr, ptr %t2, !tbaa !14
  %own224 = icmp eq ptr %t3, %t1
  %t37 = getelementptr i8, ptr %cpu, i64 <regs + 28>
  %t38 = load i32, ptr %t37, !tbaa !11
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
  br label %body0
body0:
  %budget0 = phi i64 [ %paid, %entry ], [ %t43, %B45 ]
  %c0_0 = phi i32 [ %t155, %entry ], [ %t18, %B45 ]
  %c0_8 = phi i32 [ %t157, %entry ], [ %t19, %B45 ]
  %c0_40 = phi i32 [ %t159, %entry ], [ %t39, %B45 ]
  %c0_44 = phi i32 [ %t161, %entry ], [ %t54, %B45 ]
  %c0_24 = phi i32 [ %t163, %entry ], [ %t36, %B45 ]
  %c0_4 = phi i32 [ %t165, %entry ], [ %t60, %B45 ]
  %t5 = zext i32 %c0_24 to i64
  %t6 = lshr i64 %t5, 12
  %t7 = getelementptr i64, ptr %tbl, i64 %t6
  %t8 = load i64, ptr %t7, !tbaa !12
  %t9 = and i64 %t8, 1
  %t10 = icmp ne i64 %t9, 0
  br i1 %t10, label %L11, label %X0_0, !prof !1
L11:
  %t12 = and i64 %t8, -4096
  %t13 = add i64 %t12, %t5
  %t14 = inttoptr i64 %t13 to ptr
  %t4 = load i8, ptr %t14, align 1, !tbaa !13
  %t16 = trunc i32 %c0_4 to i8
  %t17 = zext i8 %t16 to i32
  %t18 = zext i8 %t4 to i32
  %t19 = xor i32 %t17, %t18
  %t20 = shl i32 %t19, 2
  %t21 = add i32 %t20, 4096
  %t22 = zext i32 %t21 to i64
  %t23 = lshr i64 %t22, 12
  %t24 = getelementptr i64, ptr %tbl, i64 %t23
  %t25 = load i64, ptr %t24, !tbaa !12
  %t26 = and i64 %t25, 1
  %t27 = icmp ne i64 %t26, 0
  %t29 = and i64 %t22, 4095
  %t30 = icmp ule i64 %t29, 4092
  %t31 = and i1 %t27, %t30
  br i1 %t31, label %L28, label %X0_160, !prof !1
L28:
  %t32 = and i64 %t25, -4096
  %t33 = add i64 %t32, %t22
  %t34 = inttoptr i64 %t33 to ptr
  %t15 = load i32, ptr %t34, align 1, !tbaa !13
  %t36 = add i32 %c0_24, 1
  %t39 = sub i32 %t36, %t38
  %t40 = icmp eq i32 %t39, 0
  %t41 = xor i1 %t40, true
  br i1 %t41, label %J35, label %L42
L42:
  br label %X0_288
B45:
  %t48 = xor i32 %t36, 4294967295
  %t49 = and i32 %t48, %t38
  %t50 = xor i32 %t36, %t38
  %t51 = xor i32 %t50, 4294967295
  %t52 = and i32 %t51, %t39
  %t53 = or i32 %t49, %t52
  %t54 = and i32 %t53, 3221225480
  %t55 = zext i32 %c0_4 to i64
  %t56 = shl i64 %t55, 1
  %t57 = lshr i64 %t56, 8
  %t58 = lshr i64 %t57, 1
  %t59 = trunc i64 %t58 to i32
  %t60 = xor i32 %t59, %t15
  br label %body0
J35:
  %t43 = add i64 %budget0, -8
  %t44 = icmp sge i64 %t43, 0
  %t47 = and i1 %t44, %own224
  br i1 %t47, label %B45, label %L46, !prof !1
L46:
  %t61 = getelementptr i8, ptr %uop, i64 256
  %t62 = load ptr, ptr %t61, !tbaa !14
  %t63 = add i64 %budget0, 1
  %t64 = load i32, ptr %t62, !tbaa !14
  %t65 = zext i32 %t64 to i64
  %t66 = sub i64 %t63, %t65
  %t67 = icmp slt i64 %t66, 0
  br i1 %t67, label %X0_224, label %L68, !prof !2
L68:
  %t69 = xor i32 %t36, 4294967295
  %t70 = and i32 %t69, %t38
  %t71 = xor i32 %t36, %t38
  %t72 = xor i32 %t71, 4294967295
  %t73 = and i32 %t72, %t39
  %t74 = or i32 %t70, %t73
  %t75 = and i32 %t74, 3221225480
  %t76 = zext i32 %c0_4 to i64
  %t77 = shl i64 %t76, 1
  %t78 = lshr i64 %t77, 8
  %t79 = lshr i64 %t78, 1
  %t80 = trunc i64 %t79 to i32
  %t81 = xor i32 %t80, %t15
  store i32 %t18, ptr %cpu, !tbaa !11
  %t82 = getelementptr i8, ptr %cpu, i64 <regs + 8>
  store i32 %t19, ptr %t82, !tbaa !11
  %t83 = getelementptr i8, ptr %cpu, i64 <fl_res>
  store i32 %t39, ptr %t83, !tbaa !11
  %t84 = getelementptr i8, ptr %cpu, i64 <fl_aux>
  store i32 %t75, ptr %t84, !tbaa !11
  %t85 = getelementptr i8, ptr %cpu, i64 <regs + 24>
  store i32 %t36, ptr %t85, !tbaa !11
  %t86 = getelementptr i8, ptr %cpu, i64 <regs + 4>
  store i32 %t81, ptr %t86, !tbaa !11
  %t87 = getelementptr i8, ptr %t62, i64 80
  %t88 = getelementptr i8, ptr %t62, i64 8
  %t89 = load ptr, ptr %t88, !tbaa !14
  musttail call preserve_nonecc void %t89(ptr %cpu, ptr %t87, i32 %eip, i64 %t66, ptr %tbl)
  ret void
X0_0:
  store i32 %c0_0, ptr %cpu, !tbaa !11
  %t90 = getelementptr i8, ptr %cpu, i64 <regs + 8>
  store i32 %c0_8, ptr %t90, !tbaa !11
  %t91 = getelementptr i8, ptr %cpu, i64 <fl_res>
  store i32 %c0_40, ptr %t91, !tbaa !11
  %t92 = getelementptr i8, ptr %cpu, i64 <fl_aux>
  store i32 %c0_44, ptr %t92, !tbaa !11
  %t93 = getelementptr i8, ptr %cpu, i64 <regs + 24>
  store i32 %c0_24, ptr %t93, !tbaa !11
  %t94 = getelementptr i8, ptr %cpu, i64 <regs + 4>
  store i32 %c0_4, ptr %t94, !tbaa !11
  %t95 = load ptr, ptr %uop, !tbaa !14
  musttail call preserve_nonecc void %t95(ptr %cpu, ptr %uop, i32 %eip, i64 %budget0, ptr %tbl)
  ret void
X0_160:
  %t96 = zext i32 %c0_4 to i64
  %t97 = shl i64 %t96, 1
  %t98 = lshr i64 %t97, 8
  %t99 = lshr i64 %t98, 1
  %t100 = trunc i64 %t99 to i32
  %t102 = lshr i32 %c0_4, 7
  %t101 = trunc i32 %t102 to i1
  %t103 = zext i1 %t101 to i32
  %t104 = shl i32 %t103, 31
  %t105 = shl i32 %t103, 30
  %t106 = or i32 %t104, %t105
  %t107 = add i32 %c0_24, 1
  store i32 %t18, ptr %cpu, !tbaa !11
  %t108 = getelementptr i8, ptr %cpu, i64 <regs + 8>
  store i32 %t19, ptr %t108, !tbaa !11
  %t109 = getelementptr i8, ptr %cpu, i64 <fl_res>
  store i32 %t100, ptr %t109, !tbaa !11
  %t110 = getelementptr i8, ptr %cpu, i64 <fl_aux>
  store i32 %t106, ptr %t110, !tbaa !11
  %t111 = getelementptr i8, ptr %cpu, i64 <regs + 24>
  store i32 %t107, ptr %t111, !tbaa !11
  %t112 = getelementptr i8, ptr %cpu, i64 <regs + 4>
  store i32 %t100, ptr %t112, !tbaa !11
  %t113 = getelementptr i8, ptr %uop, i64 160
  %t114 = load ptr, ptr %t113, !tbaa !14
  musttail call preserve_nonecc void %t114(ptr %cpu, ptr %t113, i32 %eip, i64 %budget0, ptr %tbl)
  ret void
X0_224:
  %t115 = xor i32 %t36, 4294967295
  %t116 = and i32 %t115, %t38
  %t117 = xor i32 %t36, %t38
  %t118 = xor i32 %t117, 4294967295
  %t119 = and i32 %t118, %t39
  %t120 = or i32 %t116, %t119
  %t121 = and i32 %t120, 3221225480
  %t122 = zext i32 %c0_4 to i64
  %t123 = shl i64 %t122, 1
  %t124 = lshr i64 %t123, 8
  %t125 = lshr i64 %t124, 1
  %t126 = trunc i64 %t125 to i32
  %t127 = xor i32 %t126, %t15
  store i32 %t18, ptr %cpu, !tbaa !11
  %t128 = getelementptr i8, ptr %cpu, i64 <regs + 8>
  store i32 %t19, ptr %t128, !tbaa !11
  %t129 = getelementptr i8, ptr %cpu, i64 <fl_res>
  store i32 %t39, ptr %t129, !tbaa !11
  %t130 = getelementptr i8, ptr %cpu, i64 <fl_aux>
  store i32 %t121, ptr %t130, !tbaa !11
  %t131 = getelementptr i8, ptr %cpu, i64 <regs + 24>
  store i32 %t36, ptr %t131, !tbaa !11
  %t132 = getelementptr i8, ptr %cpu, i64 <regs + 4>
  store i32 %t127, ptr %t132, !tbaa !11
  %t133 = getelementptr i8, ptr %uop, i64 224
  %t134 = load ptr, ptr %t133, !tbaa !14
  musttail call preserve_nonecc void %t134(ptr %cpu, ptr %t133, i32 %eip, i64 %budget0, ptr %tbl)
  ret void
X0_288:
  %t135 = xor i32 %t36, 4294967295
  %t136 = and i32 %t135, %t38
  %t137 = xor i32 %t36, %t38
  %t138 = xor i32 %t137, 4294967295
  %t139 = and i32 %t138, %t39
  %t140 = or i32 %t136, %t139
  %t141 = and i32 %t140, 3221225480
  %t142 = zext i32 %c0_4 to i64
  %t143 = shl i64 %t142, 1
  %t144 = lshr i64 %t143, 8
  %t145 = lshr i64 %t144, 1
  %t146 = trunc i64 %t145 to i32
  %t147 = xor i32 %t146, %t15
  store i32 %t18, ptr %cpu, !tbaa !11
  %t148 = getelementptr i8, ptr %cpu, i64 <regs + 8>
  store i32 %t19, ptr %t148, !tbaa !11
  %t149 = getelementptr i8, ptr %cpu, i64 <fl_res>
  store i32 %t39, ptr %t149, !tbaa !11
  %t150 = getelementptr i8, ptr %cpu, i64 <fl_aux>
  store i32 %t141, ptr %t150, !tbaa !11
  %t151 = getelementptr i8, ptr %cpu, i64 <regs + 24>
  store i32 %t36, ptr %t151, !tbaa !11
  %t152 = getelementptr i8, ptr %cpu, i64 <regs + 4>
  store i32 %t147, ptr %t152, !tbaa !11
  %t153 = getelementptr i8, ptr %uop, i64 288
  %t154 = load ptr, ptr %t153, !tbaa !14
  musttail call preserve_nonecc void %t154(ptr %cpu, ptr %t153, i32 %eip, i64 %budget0, ptr %tbl)
  ret void
}
