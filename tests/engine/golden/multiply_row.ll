; The block of multiply_row.s: 10 instructions of a guest.
; x86-64-v3: 91 instructions before the first one that always jumps, 230 in all
; neoverse-n1: 61 instructions before the first one that always jumps, 135 in all

define preserve_nonecc void @multiply_row(ptr %cpu, ptr %uop, i32 %eip, i64 %paid, ptr %tbl) #0 section ".multiply_row" {
entry:
  %t1 = getelementptr i8, ptr %uop, i64 -80
  %t2 = getelementptr i8, ptr %uop, i64 288
  %t3 = load ptr, ptr %t2, !tbaa !14
  %own256 = icmp eq ptr %t3, %t1
  %t5 = getelementptr i8, ptr %cpu, i64 <regs + 24>
  %t6 = load i32, ptr %t5, !tbaa !11
  %t23 = getelementptr i8, ptr %cpu, i64 <regs + 28>
  %t24 = load i32, ptr %t23, !tbaa !11
  %t40 = getelementptr i8, ptr %cpu, i64 <regs + 12>
  %t41 = load i32, ptr %t40, !tbaa !11
  %t216 = load i32, ptr %cpu, !tbaa !11
  %t217 = getelementptr i8, ptr %cpu, i64 <fl_res>
  %t218 = load i32, ptr %t217, !tbaa !11
  %t219 = getelementptr i8, ptr %cpu, i64 <fl_aux>
  %t220 = load i32, ptr %t219, !tbaa !11
  %t221 = getelementptr i8, ptr %cpu, i64 <regs + 8>
  %t222 = load i32, ptr %t221, !tbaa !11
  %t223 = getelementptr i8, ptr %cpu, i64 <regs + 20>
  %t224 = load i32, ptr %t223, !tbaa !11
  %t225 = getelementptr i8, ptr %cpu, i64 <regs + 4>
  %t226 = load i32, ptr %t225, !tbaa !11
  br label %body0
body0:
  %budget0 = phi i64 [ %paid, %entry ], [ %t53, %B55 ]
  %c0_0 = phi i32 [ %t216, %entry ], [ %t45, %B55 ]
  %c0_40 = phi i32 [ %t218, %entry ], [ %t49, %B55 ]
  %c0_44 = phi i32 [ %t220, %entry ], [ %t82, %B55 ]
  %c0_8 = phi i32 [ %t222, %entry ], [ %t65, %B55 ]
  %c0_20 = phi i32 [ %t224, %entry ], [ %t65, %B55 ]
  %c0_4 = phi i32 [ %t226, %entry ], [ %t49, %B55 ]
  %t7 = shl i32 %c0_4, 2
  %t8 = add i32 %t6, %t7
  %t9 = zext i32 %t8 to i64
  %t10 = lshr i64 %t9, 12
  %t11 = getelementptr i64, ptr %tbl, i64 %t10
  %t12 = load i64, ptr %t11, !tbaa !12
  %t13 = and i64 %t12, 1
  %t14 = icmp ne i64 %t13, 0
  %t16 = and i64 %t9, 4095
  %t17 = icmp ule i64 %t16, 4092
  %t18 = and i1 %t14, %t17
  br i1 %t18, label %L15, label %X0_0, !prof !1
L15:
  %t19 = and i64 %t12, -4096
  %t20 = add i64 %t19, %t9
  %t21 = inttoptr i64 %t20 to ptr
  %t4 = load i32, ptr %t21, align 1, !tbaa !13
  %t25 = add i32 %t24, %t7
  %t26 = zext i32 %t25 to i64
  %t27 = lshr i64 %t26, 12
  %t28 = getelementptr i64, ptr %tbl, i64 %t27
  %t29 = load i64, ptr %t28, !tbaa !12
  %t30 = and i64 %t29, 2
  %t31 = icmp ne i64 %t30, 0
  %t33 = and i64 %t26, 4095
  %t34 = icmp ule i64 %t33, 4092
  %t35 = and i1 %t31, %t34
  br i1 %t35, label %L32, label %X0_128, !prof !1
L32:
  %t36 = and i64 %t29, -4096
  %t37 = add i64 %t36, %t26
  %t38 = inttoptr i64 %t37 to ptr
  %t22 = load i32, ptr %t38, align 1, !tbaa !13
  %t39 = zext i32 %t4 to i64
  %t42 = zext i32 %t41 to i64
  %t43 = mul i64 %t39, %t42
  %t44 = trunc i64 %t43 to i32
  %t45 = add i32 %t44, %c0_20
  %t46 = add i32 %t22, %t45
  %t47 = inttoptr i64 %t37 to ptr
  store i32 %t46, ptr %t47, align 1, !tbaa !13
  %t49 = add i32 %c0_4, 1
  %t50 = icmp eq i32 %t49, 0
  %t51 = xor i1 %t50, true
  br i1 %t51, label %J48, label %L52
L52:
  br label %X0_320
B55:
  %t58 = lshr i64 %t43, 32
  %t59 = trunc i64 %t58 to i32
  %t60 = icmp ult i32 %t45, %t44
  %t61 = zext i1 %t60 to i32
  %t62 = add i32 %t59, %t61
  %t63 = icmp ult i32 %t46, %t22
  %t64 = zext i1 %t63 to i32
  %t65 = add i32 %t62, %t64
  %t66 = xor i32 %t65, 4294967295
  %t67 = and i32 %t62, %t66
  %t68 = and i32 %t67, 2147483648
  %t69 = and i32 %c0_4, 1
  %t70 = or i32 %c0_4, 1
  %t71 = xor i32 %t49, 4294967295
  %t72 = and i32 %t70, %t71
  %t73 = or i32 %t69, %t72
  %t74 = and i32 %t73, 3221225480
  %t75 = shl i32 %t74, 1
  %t76 = xor i32 %t74, %t75
  %t77 = and i32 %t76, 2147483648
  %t78 = xor i32 %t68, %t77
  %t79 = lshr i32 %t78, 1
  %t80 = or i32 %t68, %t79
  %t81 = and i32 %t73, 8
  %t82 = or i32 %t80, %t81
  br label %body0
J48:
  %t53 = add i64 %budget0, -9
  %t54 = icmp sge i64 %t53, 0
  %t57 = and i1 %t54, %own256
  br i1 %t57, label %B55, label %L56, !prof !1
L56:
  %t83 = getelementptr i8, ptr %uop, i64 288
  %t84 = load ptr, ptr %t83, !tbaa !14
  %t85 = add i64 %budget0, 1
  %t86 = load i32, ptr %t84, !tbaa !14
  %t87 = zext i32 %t86 to i64
  %t88 = sub i64 %t85, %t87
  %t89 = icmp slt i64 %t88, 0
  br i1 %t89, label %X0_256, label %L90, !prof !2
L90:
  %t91 = lshr i64 %t43, 32
  %t92 = trunc i64 %t91 to i32
  %t93 = icmp ult i32 %t45, %t44
  %t94 = zext i1 %t93 to i32
  %t95 = add i32 %t92, %t94
  %t96 = icmp ult i32 %t46, %t22
  %t97 = zext i1 %t96 to i32
  %t98 = add i32 %t95, %t97
  %t99 = xor i32 %t98, 4294967295
  %t100 = and i32 %t95, %t99
  %t101 = and i32 %t100, 2147483648
  %t102 = and i32 %c0_4, 1
  %t103 = or i32 %c0_4, 1
  %t104 = xor i32 %t49, 4294967295
  %t105 = and i32 %t103, %t104
  %t106 = or i32 %t102, %t105
  %t107 = and i32 %t106, 3221225480
  %t108 = shl i32 %t107, 1
  %t109 = xor i32 %t107, %t108
  %t110 = and i32 %t109, 2147483648
  %t111 = xor i32 %t101, %t110
  %t112 = lshr i32 %t111, 1
  %t113 = or i32 %t101, %t112
  %t114 = and i32 %t106, 8
  %t115 = or i32 %t113, %t114
  store i32 %t45, ptr %cpu, !tbaa !11
  %t116 = getelementptr i8, ptr %cpu, i64 <fl_res>
  store i32 %t49, ptr %t116, !tbaa !11
  %t117 = getelementptr i8, ptr %cpu, i64 <fl_aux>
  store i32 %t115, ptr %t117, !tbaa !11
  %t118 = getelementptr i8, ptr %cpu, i64 <regs + 8>
  store i32 %t98, ptr %t118, !tbaa !11
  %t119 = getelementptr i8, ptr %cpu, i64 <regs + 20>
  store i32 %t98, ptr %t119, !tbaa !11
  %t120 = getelementptr i8, ptr %cpu, i64 <regs + 4>
  store i32 %t49, ptr %t120, !tbaa !11
  %t121 = getelementptr i8, ptr %t84, i64 80
  %t122 = getelementptr i8, ptr %t84, i64 8
  %t123 = load ptr, ptr %t122, !tbaa !14
  musttail call preserve_nonecc void %t123(ptr %cpu, ptr %t121, i32 %eip, i64 %t88, ptr %tbl)
  ret void
X0_0:
  store i32 %c0_0, ptr %cpu, !tbaa !11
  %t124 = getelementptr i8, ptr %cpu, i64 <fl_res>
  store i32 %c0_40, ptr %t124, !tbaa !11
  %t125 = getelementptr i8, ptr %cpu, i64 <fl_aux>
  store i32 %c0_44, ptr %t125, !tbaa !11
  %t126 = getelementptr i8, ptr %cpu, i64 <regs + 8>
  store i32 %c0_8, ptr %t126, !tbaa !11
  %t127 = getelementptr i8, ptr %cpu, i64 <regs + 20>
  store i32 %c0_20, ptr %t127, !tbaa !11
  %t128 = getelementptr i8, ptr %cpu, i64 <regs + 4>
  store i32 %c0_4, ptr %t128, !tbaa !11
  %t129 = load ptr, ptr %uop, !tbaa !14
  musttail call preserve_nonecc void %t129(ptr %cpu, ptr %uop, i32 %eip, i64 %budget0, ptr %tbl)
  ret void
X0_128:
  %t130 = zext i32 %t4 to i64
  %t131 = getelementptr i8, ptr %cpu, i64 <regs + 12>
  %t132 = load i32, ptr %t131, !tbaa !11
  %t133 = zext i32 %t132 to i64
  %t134 = mul i64 %t130, %t133
  %t135 = trunc i64 %t134 to i32
  %t136 = add i32 %t135, %c0_20
  %t137 = lshr i64 %t134, 32
  %t138 = trunc i64 %t137 to i32
  %t139 = icmp ult i32 %t136, %t135
  %t140 = zext i1 %t139 to i32
  %t141 = add i32 %t138, %t140
  %t142 = xor i32 %t141, 4294967295
  %t143 = and i32 %t138, %t142
  %t144 = and i32 %t143, 3221225480
  store i32 %t136, ptr %cpu, !tbaa !11
  %t145 = getelementptr i8, ptr %cpu, i64 <fl_res>
  store i32 %t141, ptr %t145, !tbaa !11
  %t146 = getelementptr i8, ptr %cpu, i64 <fl_aux>
  store i32 %t144, ptr %t146, !tbaa !11
  %t147 = getelementptr i8, ptr %cpu, i64 <regs + 8>
  store i32 %t141, ptr %t147, !tbaa !11
  %t148 = getelementptr i8, ptr %cpu, i64 <regs + 20>
  store i32 %c0_20, ptr %t148, !tbaa !11
  %t149 = getelementptr i8, ptr %cpu, i64 <regs + 4>
  store i32 %c0_4, ptr %t149, !tbaa !11
  %t150 = getelementptr i8, ptr %uop, i64 128
  %t151 = load ptr, ptr %t150, !tbaa !14
  musttail call preserve_nonecc void %t151(ptr %cpu, ptr %t150, i32 %eip, i64 %budget0, ptr %tbl)
  ret void
X0_256:
  %t152 = lshr i64 %t43, 32
  %t153 = trunc i64 %t152 to i32
  %t154 = icmp ult i32 %t45, %t44
  %t155 = zext i1 %t154 to i32
  %t156 = add i32 %t153, %t155
  %t157 = icmp ult i32 %t46, %t22
  %t158 = zext i1 %t157 to i32
  %t159 = add i32 %t156, %t158
  %t160 = xor i32 %t159, 4294967295
  %t161 = and i32 %t156, %t160
  %t162 = and i32 %t161, 2147483648
  %t163 = and i32 %c0_4, 1
  %t164 = or i32 %c0_4, 1
  %t165 = xor i32 %t49, 4294967295
  %t166 = and i32 %t164, %t165
  %t167 = or i32 %t163, %t166
  %t168 = and i32 %t167, 3221225480
  %t169 = shl i32 %t168, 1
  %t170 = xor i32 %t168, %t169
  %t171 = and i32 %t170, 2147483648
  %t172 = xor i32 %t162, %t171
  %t173 = lshr i32 %t172, 1
  %t174 = or i32 %t162, %t173
  %t175 = and i32 %t167, 8
  %t176 = or i32 %t174, %t175
  store i32 %t45, ptr %cpu, !tbaa !11
  %t177 = getelementptr i8, ptr %cpu, i64 <fl_res>
  store i32 %t49, ptr %t177, !tbaa !11
  %t178 = getelementptr i8, ptr %cpu, i64 <fl_aux>
  store i32 %t176, ptr %t178, !tbaa !11
  %t179 = getelementptr i8, ptr %cpu, i64 <regs + 8>
  store i32 %t159, ptr %t179, !tbaa !11
  %t180 = getelementptr i8, ptr %cpu, i64 <regs + 20>
  store i32 %t159, ptr %t180, !tbaa !11
  %t181 = getelementptr i8, ptr %cpu, i64 <regs + 4>
  store i32 %t49, ptr %t181, !tbaa !11
  %t182 = getelementptr i8, ptr %uop, i64 256
  %t183 = load ptr, ptr %t182, !tbaa !14
  musttail call preserve_nonecc void %t183(ptr %cpu, ptr %t182, i32 %eip, i64 %budget0, ptr %tbl)
  ret void
X0_320:
  %t184 = lshr i64 %t43, 32
  %t185 = trunc i64 %t184 to i32
  %t186 = icmp ult i32 %t45, %t44
  %t187 = zext i1 %t186 to i32
  %t188 = add i32 %t185, %t187
  %t189 = icmp ult i32 %t46, %t22
  %t190 = zext i1 %t189 to i32
  %t191 = add i32 %t188, %t190
  %t192 = xor i32 %t191, 4294967295
  %t193 = and i32 %t188, %t192
  %t194 = and i32 %t193, 2147483648
  %t195 = and i32 %c0_4, 1
  %t196 = or i32 %c0_4, 1
  %t197 = xor i32 %t49, 4294967295
  %t198 = and i32 %t196, %t197
  %t199 = or i32 %t195, %t198
  %t200 = and i32 %t199, 3221225480
  %t201 = shl i32 %t200, 1
  %t202 = xor i32 %t200, %t201
  %t203 = and i32 %t202, 2147483648
  %t204 = xor i32 %t194, %t203
  %t205 = lshr i32 %t204, 1
  %t206 = or i32 %t194, %t205
  %t207 = and i32 %t199, 8
  %t208 = or i32 %t206, %t207
  store i32 %t45, ptr %cpu, !tbaa !11
  %t209 = getelementptr i8, ptr %cpu, i64 <fl_res>
  store i32 %t49, ptr %t209, !tbaa !11
  %t210 = getelementptr i8, ptr %cpu, i64 <fl_aux>
  store i32 %t208, ptr %t210, !tbaa !11
  %t211 = getelementptr i8, ptr %cpu, i64 <regs + 8>
  store i32 %t191, ptr %t211, !tbaa !11
  %t212 = getelementptr i8, ptr %cpu, i64 <regs + 20>
  store i32 %t191, ptr %t212, !tbaa !11
  %t213 = getelementptr i8, ptr %cpu, i64 <regs + 4>
  store i32 %t49, ptr %t213, !tbaa !11
  %t214 = getelementptr i8, ptr %uop, i64 320
  %t215 = load ptr, ptr %t214, !tbaa !14
  musttail call preserve_nonecc void %t215(ptr %cpu, ptr %t214, i32 %eip, i64 %budget0, ptr %tbl)
  ret void
}
