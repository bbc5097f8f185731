; The block of copy_loop.s: 7 instructions of a guest.
; x86-64-v3: 82 instructions before the first one that always jumps, 211 in all
; neoverse-n1: 49 instructions before the first one that always jumps, 105 in all

define preserve_nonecc void @copy_loop(ptr %cpu, ptr %uop, i32 %eip, i64 %paid, ptr %tbl) #0 section ".copy_loop" {
entry:
  %t1 = getelementptr i8, ptr %uop, i64 -80
  %t2 = getelementptr i8, ptr %uop, i64 192
  %t3 = load ptr, ptr %t2, !tbaa !14
  %own160 = icmp eq ptr %t3, %t1
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
  br label %body0
body0:
  %budget0 = phi i64 [ %paid, %entry ], [ %t36, %B38 ]
  %c0_0 = phi i32 [ %t172, %entry ], [ %t4, %B38 ]
  %c0_40 = phi i32 [ %t174, %entry ], [ %t32, %B38 ]
  %c0_44 = phi i32 [ %t176, %entry ], [ %t61, %B38 ]
  %c0_24 = phi i32 [ %t178, %entry ], [ %t62, %B38 ]
  %c0_28 = phi i32 [ %t180, %entry ], [ %t43, %B38 ]
  %c0_4 = phi i32 [ %t182, %entry ], [ %t32, %B38 ]
  %t5 = zext i32 %c0_24 to i64
  %t6 = lshr i64 %t5, 12
  %t7 = getelementptr i64, ptr %tbl, i64 %t6
  %t8 = load i64, ptr %t7, !tbaa !12
  %t9 = and i64 %t8, 1
  %t10 = icmp ne i64 %t9, 0
  %t12 = and i64 %t5, 4095
  %t13 = icmp ule i64 %t12, 4092
  %t14 = and i1 %t10, %t13
  br i1 %t14, label %L11, label %X0_0, !prof !1
L11:
  %t15 = and i64 %t8, -4096
  %t16 = add i64 %t15, %t5
  %t17 = inttoptr i64 %t16 to ptr
  %t4 = load i32, ptr %t17, align 1, !tbaa !13
  %t18 = zext i32 %c0_28 to i64
  %t19 = lshr i64 %t18, 12
  %t20 = getelementptr i64, ptr %tbl, i64 %t19
  %t21 = load i64, ptr %t20, !tbaa !12
  %t22 = and i64 %t21, 2
  %t23 = icmp ne i64 %t22, 0
  %t25 = and i64 %t18, 4095
  %t26 = icmp ule i64 %t25, 4092
  %t27 = and i1 %t23, %t26
  br i1 %t27, label %L24, label %X0_32, !prof !1
L24:
  %t28 = and i64 %t21, -4096
  %t29 = add i64 %t28, %t18
  %t30 = inttoptr i64 %t29 to ptr
  store i32 %t4, ptr %t30, align 1, !tbaa !13
  %t32 = add i32 %c0_4, 4294967295
  %t33 = icmp eq i32 %t32, 0
  %t34 = xor i1 %t33, true
  br i1 %t34, label %J31, label %L35
L35:
  br label %X0_224
B38:
  %t41 = and i32 %c0_28, 4
  %t42 = or i32 %c0_28, 4
  %t43 = add i32 %c0_28, 4
  %t44 = xor i32 %t43, 4294967295
  %t45 = and i32 %t42, %t44
  %t46 = or i32 %t41, %t45
  %t47 = and i32 %t46, 2147483648
  %t48 = xor i32 %c0_4, 4294967295
  %t49 = and i32 %t48, 1
  %t50 = xor i32 %c0_4, 4294967294
  %t51 = and i32 %t50, %t32
  %t52 = or i32 %t49, %t51
  %t53 = and i32 %t52, 3221225480
  %t54 = shl i32 %t53, 1
  %t55 = xor i32 %t53, %t54
  %t56 = and i32 %t55, 2147483648
  %t57 = xor i32 %t47, %t56
  %t58 = lshr i32 %t57, 1
  %t59 = or i32 %t47, %t58
  %t60 = and i32 %t52, 8
  %t61 = or i32 %t59, %t60
  %t62 = add i32 %c0_24, 4
  br label %body0
J31:
  %t36 = add i64 %budget0, -6
  %t37 = icmp sge i64 %t36, 0
  %t40 = and i1 %t37, %own160
  br i1 %t40, label %B38, label %L39, !prof !1
L39:
  %t63 = getelementptr i8, ptr %uop, i64 192
  %t64 = load ptr, ptr %t63, !tbaa !14
  %t65 = add i64 %budget0, 1
  %t66 = load i32, ptr %t64, !tbaa !14
  %t67 = zext i32 %t66 to i64
  %t68 = sub i64 %t65, %t67
  %t69 = icmp slt i64 %t68, 0
  br i1 %t69, label %X0_160, label %L70, !prof !2
L70:
  %t71 = and i32 %c0_28, 4
  %t72 = or i32 %c0_28, 4
  %t73 = add i32 %c0_28, 4
  %t74 = xor i32 %t73, 4294967295
  %t75 = and i32 %t72, %t74
  %t76 = or i32 %t71, %t75
  %t77 = and i32 %t76, 2147483648
  %t78 = xor i32 %c0_4, 4294967295
  %t79 = and i32 %t78, 1
  %t80 = xor i32 %c0_4, 4294967294
  %t81 = and i32 %t80, %t32
  %t82 = or i32 %t79, %t81
  %t83 = and i32 %t82, 3221225480
  %t84 = shl i32 %t83, 1
  %t85 = xor i32 %t83, %t84
  %t86 = and i32 %t85, 2147483648
  %t87 = xor i32 %t77, %t86
  %t88 = lshr i32 %t87, 1
  %t89 = or i32 %t77, %t88
  %t90 = and i32 %t82, 8
  %t91 = or i32 %t89, %t90
  %t92 = add i32 %c0_24, 4
  store i32 %t4, ptr %cpu, !tbaa !11
  %t93 = getelementptr i8, ptr %cpu, i64 <fl_res>
  store i32 %t32, ptr %t93, !tbaa !11
  %t94 = getelementptr i8, ptr %cpu, i64 <fl_aux>
  store i32 %t91, ptr %t94, !tbaa !11
  %t95 = getelementptr i8, ptr %cpu, i64 <regs + 24>
  store i32 %t92, ptr %t95, !tbaa !11
  %t96 = getelementptr i8, ptr %cpu, i64 <regs + 28>
  store i32 %t73, ptr %t96, !tbaa !11
  %t97 = getelementptr i8, ptr %cpu, i64 <regs + 4>
  store i32 %t32, ptr %t97, !tbaa !11
  %t98 = getelementptr i8, ptr %t64, i64 80
  %t99 = getelementptr i8, ptr %t64, i64 8
  %t100 = load ptr, ptr %t99, !tbaa !14
  musttail call preserve_nonecc void %t100(ptr %cpu, ptr %t98, i32 %eip, i64 %t68, ptr %tbl)
  ret void
X0_0:
  store i32 %c0_0, ptr %cpu, !tbaa !11
  %t101 = getelementptr i8, ptr %cpu, i64 <fl_res>
  store i32 %c0_40, ptr %t101, !tbaa !11
  %t102 = getelementptr i8, ptr %cpu, i64 <fl_aux>
  store i32 %c0_44, ptr %t102, !tbaa !11
  %t103 = getelementptr i8, ptr %cpu, i64 <regs + 24>
  store i32 %c0_24, ptr %t103, !tbaa !11
  %t104 = getelementptr i8, ptr %cpu, i64 <regs + 28>
  store i32 %c0_28, ptr %t104, !tbaa !11
  %t105 = getelementptr i8, ptr %cpu, i64 <regs + 4>
  store i32 %c0_4, ptr %t105, !tbaa !11
  %t106 = load ptr, ptr %uop, !tbaa !14
  musttail call preserve_nonecc void %t106(ptr %cpu, ptr %uop, i32 %eip, i64 %budget0, ptr %tbl)
  ret void
X0_32:
  store i32 %t4, ptr %cpu, !tbaa !11
  %t107 = getelementptr i8, ptr %cpu, i64 <fl_res>
  store i32 %c0_40, ptr %t107, !tbaa !11
  %t108 = getelementptr i8, ptr %cpu, i64 <fl_aux>
  store i32 %c0_44, ptr %t108, !tbaa !11
  %t109 = getelementptr i8, ptr %cpu, i64 <regs + 24>
  store i32 %c0_24, ptr %t109, !tbaa !11
  %t110 = getelementptr i8, ptr %cpu, i64 <regs + 28>
  store i32 %c0_28, ptr %t110, !tbaa !11
  %t111 = getelementptr i8, ptr %cpu, i64 <regs + 4>
  store i32 %c0_4, ptr %t111, !tbaa !11
  %t112 = getelementptr i8, ptr %uop, i64 32
  %t113 = load ptr, ptr %t112, !tbaa !14
  musttail call preserve_nonecc void %t113(ptr %cpu, ptr %t112, i32 %eip, i64 %budget0, ptr %tbl)
  ret void
X0_160:
  %t114 = and i32 %c0_28, 4
  %t115 = or i32 %c0_28, 4
  %t116 = add i32 %c0_28, 4
  %t117 = xor i32 %t116, 4294967295
  %t118 = and i32 %t115, %t117
  %t119 = or i32 %t114, %t118
  %t120 = and i32 %t119, 2147483648
  %t121 = xor i32 %c0_4, 4294967295
  %t122 = and i32 %t121, 1
  %t123 = xor i32 %c0_4, 4294967294
  %t124 = and i32 %t123, %t32
  %t125 = or i32 %t122, %t124
  %t126 = and i32 %t125, 3221225480
  %t127 = shl i32 %t126, 1
  %t128 = xor i32 %t126, %t127
  %t129 = and i32 %t128, 2147483648
  %t130 = xor i32 %t120, %t129
  %t131 = lshr i32 %t130, 1
  %t132 = or i32 %t120, %t131
  %t133 = and i32 %t125, 8
  %t134 = or i32 %t132, %t133
  %t135 = add i32 %c0_24, 4
  store i32 %t4, ptr %cpu, !tbaa !11
  %t136 = getelementptr i8, ptr %cpu, i64 <fl_res>
  store i32 %t32, ptr %t136, !tbaa !11
  %t137 = getelementptr i8, ptr %cpu, i64 <fl_aux>
  store i32 %t134, ptr %t137, !tbaa !11
  %t138 = getelementptr i8, ptr %cpu, i64 <regs + 24>
  store i32 %t135, ptr %t138, !tbaa !11
  %t139 = getelementptr i8, ptr %cpu, i64 <regs + 28>
  store i32 %t116, ptr %t139, !tbaa !11
  %t140 = getelementptr i8, ptr %cpu, i64 <regs + 4>
  store i32 %t32, ptr %t140, !tbaa !11
  %t141 = getelementptr i8, ptr %uop, i64 160
  %t142 = load ptr, ptr %t141, !tbaa !14
  musttail call preserve_nonecc void %t142(ptr %cpu, ptr %t141, i32 %eip, i64 %budget0, ptr %tbl)
  ret void
X0_224:
  %t143 = and i32 %c0_28, 4
  %t144 = or i32 %c0_28, 4
  %t145 = add i32 %c0_28, 4
  %t146 = xor i32 %t145, 4294967295
  %t147 = and i32 %t144, %t146
  %t148 = or i32 %t143, %t147
  %t149 = and i32 %t148, 2147483648
  %t150 = xor i32 %c0_4, 4294967295
  %t151 = and i32 %t150, 1
  %t152 = xor i32 %c0_4, 4294967294
  %t153 = and i32 %t152, %t32
  %t154 = or i32 %t151, %t153
  %t155 = and i32 %t154, 3221225480
  %t156 = shl i32 %t155, 1
  %t157 = xor i32 %t155, %t156
  %t158 = and i32 %t157, 2147483648
  %t159 = xor i32 %t149, %t158
  %t160 = lshr i32 %t159, 1
  %t161 = or i32 %t149, %t160
  %t162 = and i32 %t154, 8
  %t163 = or i32 %t161, %t162
  %t164 = add i32 %c0_24, 4
  store i32 %t4, ptr %cpu, !tbaa !11
  %t165 = getelementptr i8, ptr %cpu, i64 <fl_res>
  store i32 %t32, ptr %t165, !tbaa !11
  %t166 = getelementptr i8, ptr %cpu, i64 <fl_aux>
  store i32 %t163, ptr %t166, !tbaa !11
  %t167 = getelementptr i8, ptr %cpu, i64 <regs + 24>
  store i32 %t164, ptr %t167, !tbaa !11
  %t168 = getelementptr i8, ptr %cpu, i64 <regs + 28>
  store i32 %t145, ptr %t168, !tbaa !11
  %t169 = getelementptr i8, ptr %cpu, i64 <regs + 4>
  store i32 %t32, ptr %t169, !tbaa !11
  %t170 = getelementptr i8, ptr %uop, i64 224
  %t171 = load ptr, ptr %t170, !tbaa !14
  musttail call preserve_nonecc void %t171(ptr %cpu, ptr %t170, i32 %eip, i64 %budget0, ptr %tbl)
  ret void
}
