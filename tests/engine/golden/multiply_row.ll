; The block of multiply_row.s: 10 instructions of a guest.
; x86-64-v3: 92 instructions before the first one that always jumps, 232 in all
; neoverse-n1: 61 instructions before the first one that always jumps, 135 in all

define preserve_nonecc void @multiply_row(ptr %cpu, ptr %uop, i32 %eip, i64 %paid, ptr %tbl) #0 section ".multiply_row" {
entry:
  %t2 = getelementptr i8, ptr %cpu, i64 <regs + 24>
  %t3 = load i32, ptr %t2, !tbaa !11
  %t20 = getelementptr i8, ptr %cpu, i64 <regs + 28>
  %t21 = load i32, ptr %t20, !tbaa !11
  %t37 = getelementptr i8, ptr %cpu, i64 <regs + 12>
  %t38 = load i32, ptr %t37, !tbaa !11
  %t213 = getelementptr i8, ptr %uop, i64 -48
  %t214 = getelementptr i8, ptr %uop, i64 288
  %t215 = load ptr, ptr %t214, !tbaa !14
  %own256 = icmp eq ptr %t215, %t213
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
  br label %body
body:
  %budget = phi i64 [ %paid, %entry ], [ %t50, %B53 ]
  %c0 = phi i32 [ %t216, %entry ], [ %t42, %B53 ]
  %c40 = phi i32 [ %t218, %entry ], [ %t46, %B53 ]
  %c44 = phi i32 [ %t220, %entry ], [ %t79, %B53 ]
  %c8 = phi i32 [ %t222, %entry ], [ %t62, %B53 ]
  %c20 = phi i32 [ %t224, %entry ], [ %t62, %B53 ]
  %c4 = phi i32 [ %t226, %entry ], [ %t46, %B53 ]
  %t4 = shl i32 %c4, 2
  %t5 = add i32 %t3, %t4
  %t6 = zext i32 %t5 to i64
  %t7 = lshr i64 %t6, 12
  %t8 = getelementptr i64, ptr %tbl, i64 %t7
  %t9 = load i64, ptr %t8, !tbaa !12
  %t10 = and i64 %t9, 1
  %t11 = icmp ne i64 %t10, 0
  %t13 = and i64 %t6, 4095
  %t14 = icmp ule i64 %t13, 4092
  %t15 = and i1 %t11, %t14
  br i1 %t15, label %L12, label %X0, !prof !1
L12:
  %t16 = and i64 %t9, -4096
  %t17 = add i64 %t16, %t6
  %t18 = inttoptr i64 %t17 to ptr
  %t1 = load i32, ptr %t18, align 1, !tbaa !13
  %t22 = add i32 %t21, %t4
  %t23 = zext i32 %t22 to i64
  %t24 = lshr i64 %t23, 12
  %t25 = getelementptr i64, ptr %tbl, i64 %t24
  %t26 = load i64, ptr %t25, !tbaa !12
  %t27 = and i64 %t26, 2
  %t28 = icmp ne i64 %t27, 0
  %t30 = and i64 %t23, 4095
  %t31 = icmp ule i64 %t30, 4092
  %t32 = and i1 %t28, %t31
  br i1 %t32, label %L29, label %X128, !prof !1
L29:
  %t33 = and i64 %t26, -4096
  %t34 = add i64 %t33, %t23
  %t35 = inttoptr i64 %t34 to ptr
  %t19 = load i32, ptr %t35, align 1, !tbaa !13
  %t36 = zext i32 %t1 to i64
  %t39 = zext i32 %t38 to i64
  %t40 = mul i64 %t36, %t39
  %t41 = trunc i64 %t40 to i32
  %t42 = add i32 %t41, %c20
  %t43 = add i32 %t19, %t42
  %t44 = inttoptr i64 %t34 to ptr
  store i32 %t43, ptr %t44, align 1, !tbaa !13
  %t46 = add i32 %c4, 1
  %t47 = icmp eq i32 %t46, 0
  %t48 = xor i1 %t47, true
  br i1 %t48, label %J45, label %L49
L49:
  br label %X320
B53:
  %t55 = lshr i64 %t40, 32
  %t56 = trunc i64 %t55 to i32
  %t57 = icmp ult i32 %t42, %t41
  %t58 = zext i1 %t57 to i32
  %t59 = add i32 %t56, %t58
  %t60 = icmp ult i32 %t43, %t19
  %t61 = zext i1 %t60 to i32
  %t62 = add i32 %t59, %t61
  %t63 = xor i32 %t62, 4294967295
  %t64 = and i32 %t59, %t63
  %t65 = and i32 %t64, 2147483648
  %t66 = and i32 %c4, 1
  %t67 = or i32 %c4, 1
  %t68 = xor i32 %t46, 4294967295
  %t69 = and i32 %t67, %t68
  %t70 = or i32 %t66, %t69
  %t71 = and i32 %t70, 3221225480
  %t72 = shl i32 %t71, 1
  %t73 = xor i32 %t71, %t72
  %t74 = and i32 %t73, 2147483648
  %t75 = xor i32 %t65, %t74
  %t76 = lshr i32 %t75, 1
  %t77 = or i32 %t65, %t76
  %t78 = and i32 %t70, 8
  %t79 = or i32 %t77, %t78
  br label %body
J45:
  %t50 = add i64 %budget, -9
  %t51 = icmp sge i64 %t50, 0
  %t52 = and i1 %t51, %own256
  br i1 %t52, label %B53, label %L54, !prof !1
L54:
  %t80 = getelementptr i8, ptr %uop, i64 288
  %t81 = load ptr, ptr %t80, !tbaa !14
  %t82 = add i64 %budget, 1
  %t83 = load i32, ptr %t81, !tbaa !14
  %t84 = zext i32 %t83 to i64
  %t85 = sub i64 %t82, %t84
  %t86 = icmp slt i64 %t85, 0
  br i1 %t86, label %X256, label %L87, !prof !2
L87:
  %t88 = lshr i64 %t40, 32
  %t89 = trunc i64 %t88 to i32
  %t90 = icmp ult i32 %t42, %t41
  %t91 = zext i1 %t90 to i32
  %t92 = add i32 %t89, %t91
  %t93 = icmp ult i32 %t43, %t19
  %t94 = zext i1 %t93 to i32
  %t95 = add i32 %t92, %t94
  %t96 = xor i32 %t95, 4294967295
  %t97 = and i32 %t92, %t96
  %t98 = and i32 %t97, 2147483648
  %t99 = and i32 %c4, 1
  %t100 = or i32 %c4, 1
  %t101 = xor i32 %t46, 4294967295
  %t102 = and i32 %t100, %t101
  %t103 = or i32 %t99, %t102
  %t104 = and i32 %t103, 3221225480
  %t105 = shl i32 %t104, 1
  %t106 = xor i32 %t104, %t105
  %t107 = and i32 %t106, 2147483648
  %t108 = xor i32 %t98, %t107
  %t109 = lshr i32 %t108, 1
  %t110 = or i32 %t98, %t109
  %t111 = and i32 %t103, 8
  %t112 = or i32 %t110, %t111
  store i32 %t42, ptr %cpu, !tbaa !11
  %t113 = getelementptr i8, ptr %cpu, i64 <fl_res>
  store i32 %t46, ptr %t113, !tbaa !11
  %t114 = getelementptr i8, ptr %cpu, i64 <fl_aux>
  store i32 %t112, ptr %t114, !tbaa !11
  %t115 = getelementptr i8, ptr %cpu, i64 <regs + 8>
  store i32 %t95, ptr %t115, !tbaa !11
  %t116 = getelementptr i8, ptr %cpu, i64 <regs + 20>
  store i32 %t95, ptr %t116, !tbaa !11
  %t117 = getelementptr i8, ptr %cpu, i64 <regs + 4>
  store i32 %t46, ptr %t117, !tbaa !11
  %t118 = getelementptr i8, ptr %t81, i64 48
  %t119 = getelementptr i8, ptr %t81, i64 8
  %t120 = load ptr, ptr %t119, !tbaa !14
  musttail call preserve_nonecc void %t120(ptr %cpu, ptr %t118, i32 %eip, i64 %t85, ptr %tbl)
  ret void
X0:
  store i32 %c0, ptr %cpu, !tbaa !11
  %t121 = getelementptr i8, ptr %cpu, i64 <fl_res>
  store i32 %c40, ptr %t121, !tbaa !11
  %t122 = getelementptr i8, ptr %cpu, i64 <fl_aux>
  store i32 %c44, ptr %t122, !tbaa !11
  %t123 = getelementptr i8, ptr %cpu, i64 <regs + 8>
  store i32 %c8, ptr %t123, !tbaa !11
  %t124 = getelementptr i8, ptr %cpu, i64 <regs + 20>
  store i32 %c20, ptr %t124, !tbaa !11
  %t125 = getelementptr i8, ptr %cpu, i64 <regs + 4>
  store i32 %c4, ptr %t125, !tbaa !11
  %t126 = load ptr, ptr %uop, !tbaa !14
  musttail call preserve_nonecc void %t126(ptr %cpu, ptr %uop, i32 %eip, i64 %budget, ptr %tbl)
  ret void
X128:
  %t127 = zext i32 %t1 to i64
  %t128 = getelementptr i8, ptr %cpu, i64 <regs + 12>
  %t129 = load i32, ptr %t128, !tbaa !11
  %t130 = zext i32 %t129 to i64
  %t131 = mul i64 %t127, %t130
  %t132 = trunc i64 %t131 to i32
  %t133 = add i32 %t132, %c20
  %t134 = lshr i64 %t131, 32
  %t135 = trunc i64 %t134 to i32
  %t136 = icmp ult i32 %t133, %t132
  %t137 = zext i1 %t136 to i32
  %t138 = add i32 %t135, %t137
  %t139 = xor i32 %t138, 4294967295
  %t140 = and i32 %t135, %t139
  %t141 = and i32 %t140, 3221225480
  store i32 %t133, ptr %cpu, !tbaa !11
  %t142 = getelementptr i8, ptr %cpu, i64 <fl_res>
  store i32 %t138, ptr %t142, !tbaa !11
  %t143 = getelementptr i8, ptr %cpu, i64 <fl_aux>
  store i32 %t141, ptr %t143, !tbaa !11
  %t144 = getelementptr i8, ptr %cpu, i64 <regs + 8>
  store i32 %t138, ptr %t144, !tbaa !11
  %t145 = getelementptr i8, ptr %cpu, i64 <regs + 20>
  store i32 %c20, ptr %t145, !tbaa !11
  %t146 = getelementptr i8, ptr %cpu, i64 <regs + 4>
  store i32 %c4, ptr %t146, !tbaa !11
  %t147 = getelementptr i8, ptr %uop, i64 128
  %t148 = load ptr, ptr %t147, !tbaa !14
  musttail call preserve_nonecc void %t148(ptr %cpu, ptr %t147, i32 %eip, i64 %budget, ptr %tbl)
  ret void
X256:
  %t149 = lshr i64 %t40, 32
  %t150 = trunc i64 %t149 to i32
  %t151 = icmp ult i32 %t42, %t41
  %t152 = zext i1 %t151 to i32
  %t153 = add i32 %t150, %t152
  %t154 = icmp ult i32 %t43, %t19
  %t155 = zext i1 %t154 to i32
  %t156 = add i32 %t153, %t155
  %t157 = xor i32 %t156, 4294967295
  %t158 = and i32 %t153, %t157
  %t159 = and i32 %t158, 2147483648
  %t160 = and i32 %c4, 1
  %t161 = or i32 %c4, 1
  %t162 = xor i32 %t46, 4294967295
  %t163 = and i32 %t161, %t162
  %t164 = or i32 %t160, %t163
  %t165 = and i32 %t164, 3221225480
  %t166 = shl i32 %t165, 1
  %t167 = xor i32 %t165, %t166
  %t168 = and i32 %t167, 2147483648
  %t169 = xor i32 %t159, %t168
  %t170 = lshr i32 %t169, 1
  %t171 = or i32 %t159, %t170
  %t172 = and i32 %t164, 8
  %t173 = or i32 %t171, %t172
  store i32 %t42, ptr %cpu, !tbaa !11
  %t174 = getelementptr i8, ptr %cpu, i64 <fl_res>
  store i32 %t46, ptr %t174, !tbaa !11
  %t175 = getelementptr i8, ptr %cpu, i64 <fl_aux>
  store i32 %t173, ptr %t175, !tbaa !11
  %t176 = getelementptr i8, ptr %cpu, i64 <regs + 8>
  store i32 %t156, ptr %t176, !tbaa !11
  %t177 = getelementptr i8, ptr %cpu, i64 <regs + 20>
  store i32 %t156, ptr %t177, !tbaa !11
  %t178 = getelementptr i8, ptr %cpu, i64 <regs + 4>
  store i32 %t46, ptr %t178, !tbaa !11
  %t179 = getelementptr i8, ptr %uop, i64 256
  %t180 = load ptr, ptr %t179, !tbaa !14
  musttail call preserve_nonecc void %t180(ptr %cpu, ptr %t179, i32 %eip, i64 %budget, ptr %tbl)
  ret void
X320:
  %t181 = lshr i64 %t40, 32
  %t182 = trunc i64 %t181 to i32
  %t183 = icmp ult i32 %t42, %t41
  %t184 = zext i1 %t183 to i32
  %t185 = add i32 %t182, %t184
  %t186 = icmp ult i32 %t43, %t19
  %t187 = zext i1 %t186 to i32
  %t188 = add i32 %t185, %t187
  %t189 = xor i32 %t188, 4294967295
  %t190 = and i32 %t185, %t189
  %t191 = and i32 %t190, 2147483648
  %t192 = and i32 %c4, 1
  %t193 = or i32 %c4, 1
  %t194 = xor i32 %t46, 4294967295
  %t195 = and i32 %t193, %t194
  %t196 = or i32 %t192, %t195
  %t197 = and i32 %t196, 3221225480
  %t198 = shl i32 %t197, 1
  %t199 = xor i32 %t197, %t198
  %t200 = and i32 %t199, 2147483648
  %t201 = xor i32 %t191, %t200
  %t202 = lshr i32 %t201, 1
  %t203 = or i32 %t191, %t202
  %t204 = and i32 %t196, 8
  %t205 = or i32 %t203, %t204
  store i32 %t42, ptr %cpu, !tbaa !11
  %t206 = getelementptr i8, ptr %cpu, i64 <fl_res>
  store i32 %t46, ptr %t206, !tbaa !11
  %t207 = getelementptr i8, ptr %cpu, i64 <fl_aux>
  store i32 %t205, ptr %t207, !tbaa !11
  %t208 = getelementptr i8, ptr %cpu, i64 <regs + 8>
  store i32 %t188, ptr %t208, !tbaa !11
  %t209 = getelementptr i8, ptr %cpu, i64 <regs + 20>
  store i32 %t188, ptr %t209, !tbaa !11
  %t210 = getelementptr i8, ptr %cpu, i64 <regs + 4>
  store i32 %t46, ptr %t210, !tbaa !11
  %t211 = getelementptr i8, ptr %uop, i64 320
  %t212 = load ptr, ptr %t211, !tbaa !14
  musttail call preserve_nonecc void %t212(ptr %cpu, ptr %t211, i32 %eip, i64 %budget, ptr %tbl)
  ret void
}
