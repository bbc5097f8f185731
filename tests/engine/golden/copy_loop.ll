; The block of copy_loop.s: 7 instructions of a guest.
; x86-64-v3: 82 instructions before the first one that always jumps, 211 in all
; neoverse-n1: 49 instructions before the first one that always jumps, 105 in all

define preserve_nonecc void @copy_loop(ptr %cpu, ptr %uop, i32 %eip, i64 %paid, ptr %tbl) #0 section ".copy_loop" {
entry:
  %t169 = getelementptr i8, ptr %uop, i64 -48
  %t170 = getelementptr i8, ptr %uop, i64 192
  %t171 = load ptr, ptr %t170, !tbaa !14
  %own160 = icmp eq ptr %t171, %t169
  %t172 = load i32, ptr %cpu, !tbaa !11
  %t173 = getelementptr i8, ptr %cpu, i64 <fl_res>
  %t174 = load i32, ptr %t173, !tbaa !11
  %t175 = getelementptr i8, ptr %cpu, i64 <fl_aux>
  %t176 = load i32, ptr %t175, !tbaa !11
  %t177 = getelementptr i8, ptr %cpu, i64 <regs + 24>
  %t178 = load i32, ptr %t177, !tbaa !11
  %t179 = getelementptr i8, ptr %cpu, i64 <regs + 28>
  %t180 = load i32, ptr %t179, !tbaa !11
  %t181 = getelementptr i8, ptr %cpu, i64 <regs + 4>
  %t182 = load i32, ptr %t181, !tbaa !11
  br label %body
body:
  %budget = phi i64 [ %paid, %entry ], [ %t33, %B36 ]
  %c0 = phi i32 [ %t172, %entry ], [ %t1, %B36 ]
  %c40 = phi i32 [ %t174, %entry ], [ %t29, %B36 ]
  %c44 = phi i32 [ %t176, %entry ], [ %t58, %B36 ]
  %c24 = phi i32 [ %t178, %entry ], [ %t59, %B36 ]
  %c28 = phi i32 [ %t180, %entry ], [ %t40, %B36 ]
  %c4 = phi i32 [ %t182, %entry ], [ %t29, %B36 ]
  %t2 = zext i32 %c24 to i64
  %t3 = lshr i64 %t2, 12
  %t4 = getelementptr i64, ptr %tbl, i64 %t3
  %t5 = load i64, ptr %t4, !tbaa !12
  %t6 = and i64 %t5, 1
  %t7 = icmp ne i64 %t6, 0
  %t9 = and i64 %t2, 4095
  %t10 = icmp ule i64 %t9, 4092
  %t11 = and i1 %t7, %t10
  br i1 %t11, label %L8, label %X0, !prof !1
L8:
  %t12 = and i64 %t5, -4096
  %t13 = add i64 %t12, %t2
  %t14 = inttoptr i64 %t13 to ptr
  %t1 = load i32, ptr %t14, align 1, !tbaa !13
  %t15 = zext i32 %c28 to i64
  %t16 = lshr i64 %t15, 12
  %t17 = getelementptr i64, ptr %tbl, i64 %t16
  %t18 = load i64, ptr %t17, !tbaa !12
  %t19 = and i64 %t18, 2
  %t20 = icmp ne i64 %t19, 0
  %t22 = and i64 %t15, 4095
  %t23 = icmp ule i64 %t22, 4092
  %t24 = and i1 %t20, %t23
  br i1 %t24, label %L21, label %X32, !prof !1
L21:
  %t25 = and i64 %t18, -4096
  %t26 = add i64 %t25, %t15
  %t27 = inttoptr i64 %t26 to ptr
  store i32 %t1, ptr %t27, align 1, !tbaa !13
  %t29 = add i32 %c4, 4294967295
  %t30 = icmp eq i32 %t29, 0
  %t31 = xor i1 %t30, true
  br i1 %t31, label %J28, label %L32
L32:
  br label %X224
B36:
  %t38 = and i32 %c28, 4
  %t39 = or i32 %c28, 4
  %t40 = add i32 %c28, 4
  %t41 = xor i32 %t40, 4294967295
  %t42 = and i32 %t39, %t41
  %t43 = or i32 %t38, %t42
  %t44 = and i32 %t43, 2147483648
  %t45 = xor i32 %c4, 4294967295
  %t46 = and i32 %t45, 1
  %t47 = xor i32 %c4, 4294967294
  %t48 = and i32 %t47, %t29
  %t49 = or i32 %t46, %t48
  %t50 = and i32 %t49, 3221225480
  %t51 = shl i32 %t50, 1
  %t52 = xor i32 %t50, %t51
  %t53 = and i32 %t52, 2147483648
  %t54 = xor i32 %t44, %t53
  %t55 = lshr i32 %t54, 1
  %t56 = or i32 %t44, %t55
  %t57 = and i32 %t49, 8
  %t58 = or i32 %t56, %t57
  %t59 = add i32 %c24, 4
  br label %body
J28:
  %t33 = add i64 %budget, -6
  %t34 = icmp sge i64 %t33, 0
  %t35 = and i1 %t34, %own160
  br i1 %t35, label %B36, label %L37, !prof !1
L37:
  %t60 = getelementptr i8, ptr %uop, i64 192
  %t61 = load ptr, ptr %t60, !tbaa !14
  %t62 = add i64 %budget, 1
  %t63 = load i32, ptr %t61, !tbaa !14
  %t64 = zext i32 %t63 to i64
  %t65 = sub i64 %t62, %t64
  %t66 = icmp slt i64 %t65, 0
  br i1 %t66, label %X160, label %L67, !prof !2
L67:
  %t68 = and i32 %c28, 4
  %t69 = or i32 %c28, 4
  %t70 = add i32 %c28, 4
  %t71 = xor i32 %t70, 4294967295
  %t72 = and i32 %t69, %t71
  %t73 = or i32 %t68, %t72
  %t74 = and i32 %t73, 2147483648
  %t75 = xor i32 %c4, 4294967295
  %t76 = and i32 %t75, 1
  %t77 = xor i32 %c4, 4294967294
  %t78 = and i32 %t77, %t29
  %t79 = or i32 %t76, %t78
  %t80 = and i32 %t79, 3221225480
  %t81 = shl i32 %t80, 1
  %t82 = xor i32 %t80, %t81
  %t83 = and i32 %t82, 2147483648
  %t84 = xor i32 %t74, %t83
  %t85 = lshr i32 %t84, 1
  %t86 = or i32 %t74, %t85
  %t87 = and i32 %t79, 8
  %t88 = or i32 %t86, %t87
  %t89 = add i32 %c24, 4
  store i32 %t1, ptr %cpu, !tbaa !11
  %t90 = getelementptr i8, ptr %cpu, i64 <fl_res>
  store i32 %t29, ptr %t90, !tbaa !11
  %t91 = getelementptr i8, ptr %cpu, i64 <fl_aux>
  store i32 %t88, ptr %t91, !tbaa !11
  %t92 = getelementptr i8, ptr %cpu, i64 <regs + 24>
  store i32 %t89, ptr %t92, !tbaa !11
  %t93 = getelementptr i8, ptr %cpu, i64 <regs + 28>
  store i32 %t70, ptr %t93, !tbaa !11
  %t94 = getelementptr i8, ptr %cpu, i64 <regs + 4>
  store i32 %t29, ptr %t94, !tbaa !11
  %t95 = getelementptr i8, ptr %t61, i64 48
  %t96 = getelementptr i8, ptr %t61, i64 8
  %t97 = load ptr, ptr %t96, !tbaa !14
  musttail call preserve_nonecc void %t97(ptr %cpu, ptr %t95, i32 %eip, i64 %t65, ptr %tbl)
  ret void
X0:
  store i32 %c0, ptr %cpu, !tbaa !11
  %t98 = getelementptr i8, ptr %cpu, i64 <fl_res>
  store i32 %c40, ptr %t98, !tbaa !11
  %t99 = getelementptr i8, ptr %cpu, i64 <fl_aux>
  store i32 %c44, ptr %t99, !tbaa !11
  %t100 = getelementptr i8, ptr %cpu, i64 <regs + 24>
  store i32 %c24, ptr %t100, !tbaa !11
  %t101 = getelementptr i8, ptr %cpu, i64 <regs + 28>
  store i32 %c28, ptr %t101, !tbaa !11
  %t102 = getelementptr i8, ptr %cpu, i64 <regs + 4>
  store i32 %c4, ptr %t102, !tbaa !11
  %t103 = load ptr, ptr %uop, !tbaa !14
  musttail call preserve_nonecc void %t103(ptr %cpu, ptr %uop, i32 %eip, i64 %budget, ptr %tbl)
  ret void
X32:
  store i32 %t1, ptr %cpu, !tbaa !11
  %t104 = getelementptr i8, ptr %cpu, i64 <fl_res>
  store i32 %c40, ptr %t104, !tbaa !11
  %t105 = getelementptr i8, ptr %cpu, i64 <fl_aux>
  store i32 %c44, ptr %t105, !tbaa !11
  %t106 = getelementptr i8, ptr %cpu, i64 <regs + 24>
  store i32 %c24, ptr %t106, !tbaa !11
  %t107 = getelementptr i8, ptr %cpu, i64 <regs + 28>
  store i32 %c28, ptr %t107, !tbaa !11
  %t108 = getelementptr i8, ptr %cpu, i64 <regs + 4>
  store i32 %c4, ptr %t108, !tbaa !11
  %t109 = getelementptr i8, ptr %uop, i64 32
  %t110 = load ptr, ptr %t109, !tbaa !14
  musttail call preserve_nonecc void %t110(ptr %cpu, ptr %t109, i32 %eip, i64 %budget, ptr %tbl)
  ret void
X160:
  %t111 = and i32 %c28, 4
  %t112 = or i32 %c28, 4
  %t113 = add i32 %c28, 4
  %t114 = xor i32 %t113, 4294967295
  %t115 = and i32 %t112, %t114
  %t116 = or i32 %t111, %t115
  %t117 = and i32 %t116, 2147483648
  %t118 = xor i32 %c4, 4294967295
  %t119 = and i32 %t118, 1
  %t120 = xor i32 %c4, 4294967294
  %t121 = and i32 %t120, %t29
  %t122 = or i32 %t119, %t121
  %t123 = and i32 %t122, 3221225480
  %t124 = shl i32 %t123, 1
  %t125 = xor i32 %t123, %t124
  %t126 = and i32 %t125, 2147483648
  %t127 = xor i32 %t117, %t126
  %t128 = lshr i32 %t127, 1
  %t129 = or i32 %t117, %t128
  %t130 = and i32 %t122, 8
  %t131 = or i32 %t129, %t130
  %t132 = add i32 %c24, 4
  store i32 %t1, ptr %cpu, !tbaa !11
  %t133 = getelementptr i8, ptr %cpu, i64 <fl_res>
  store i32 %t29, ptr %t133, !tbaa !11
  %t134 = getelementptr i8, ptr %cpu, i64 <fl_aux>
  store i32 %t131, ptr %t134, !tbaa !11
  %t135 = getelementptr i8, ptr %cpu, i64 <regs + 24>
  store i32 %t132, ptr %t135, !tbaa !11
  %t136 = getelementptr i8, ptr %cpu, i64 <regs + 28>
  store i32 %t113, ptr %t136, !tbaa !11
  %t137 = getelementptr i8, ptr %cpu, i64 <regs + 4>
  store i32 %t29, ptr %t137, !tbaa !11
  %t138 = getelementptr i8, ptr %uop, i64 160
  %t139 = load ptr, ptr %t138, !tbaa !14
  musttail call preserve_nonecc void %t139(ptr %cpu, ptr %t138, i32 %eip, i64 %budget, ptr %tbl)
  ret void
X224:
  %t140 = and i32 %c28, 4
  %t141 = or i32 %c28, 4
  %t142 = add i32 %c28, 4
  %t143 = xor i32 %t142, 4294967295
  %t144 = and i32 %t141, %t143
  %t145 = or i32 %t140, %t144
  %t146 = and i32 %t145, 2147483648
  %t147 = xor i32 %c4, 4294967295
  %t148 = and i32 %t147, 1
  %t149 = xor i32 %c4, 4294967294
  %t150 = and i32 %t149, %t29
  %t151 = or i32 %t148, %t150
  %t152 = and i32 %t151, 3221225480
  %t153 = shl i32 %t152, 1
  %t154 = xor i32 %t152, %t153
  %t155 = and i32 %t154, 2147483648
  %t156 = xor i32 %t146, %t155
  %t157 = lshr i32 %t156, 1
  %t158 = or i32 %t146, %t157
  %t159 = and i32 %t151, 8
  %t160 = or i32 %t158, %t159
  %t161 = add i32 %c24, 4
  store i32 %t1, ptr %cpu, !tbaa !11
  %t162 = getelementptr i8, ptr %cpu, i64 <fl_res>
  store i32 %t29, ptr %t162, !tbaa !11
  %t163 = getelementptr i8, ptr %cpu, i64 <fl_aux>
  store i32 %t160, ptr %t163, !tbaa !11
  %t164 = getelementptr i8, ptr %cpu, i64 <regs + 24>
  store i32 %t161, ptr %t164, !tbaa !11
  %t165 = getelementptr i8, ptr %cpu, i64 <regs + 28>
  store i32 %t142, ptr %t165, !tbaa !11
  %t166 = getelementptr i8, ptr %cpu, i64 <regs + 4>
  store i32 %t29, ptr %t166, !tbaa !11
  %t167 = getelementptr i8, ptr %uop, i64 224
  %t168 = load ptr, ptr %t167, !tbaa !14
  musttail call preserve_nonecc void %t168(ptr %cpu, ptr %t167, i32 %eip, i64 %budget, ptr %tbl)
  ret void
}
