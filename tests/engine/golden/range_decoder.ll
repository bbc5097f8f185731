; The block of range_decoder.s: 16 instructions of a guest.
; x86-64-v3: 68 instructions before the first one that always jumps, 147 in all
; neoverse-n1: 55 instructions before the first one that always jumps, 112 in all

define preserve_nonecc void @range_decoder(ptr %cpu, ptr %uop, i32 %eip, i64 %paid, ptr %tbl) #0 section ".range_decoder" {
entry:
  br label %body0
body0:
  %budget0 = phi i64 [ %paid, %entry ]
  %t2 = getelementptr i8, ptr %cpu, i64 <regs + 16>
  %t3 = load i32, ptr %t2, !tbaa !11
  %t4 = add i32 %t3, 4
  %t5 = zext i32 %t4 to i64
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
  %t1 = load i32, ptr %t17, align 1, !tbaa !13
  %t19 = zext i32 %t1 to i64
  %t20 = lshr i64 %t19, 12
  %t21 = getelementptr i64, ptr %tbl, i64 %t20
  %t22 = load i64, ptr %t21, !tbaa !12
  %t23 = and i64 %t22, 2
  %t24 = icmp ne i64 %t23, 0
  %t26 = and i64 %t19, 4095
  %t27 = icmp ule i64 %t26, 4088
  %t28 = and i1 %t24, %t27
  br i1 %t28, label %L25, label %W29, !prof !1
L25:
  %t39 = and i64 %t22, -4096
  %t40 = add i64 %t39, %t19
  %t41 = inttoptr i64 %t40 to ptr
  %t18 = load i32, ptr %t41, align 1, !tbaa !13
  %t43 = getelementptr i8, ptr %cpu, i64 <regs + 4>
  %t44 = load i32, ptr %t43, !tbaa !11
  %t45 = shl i32 %t44, 1
  %t46 = add i32 %t1, %t45
  %t47 = add i32 %t46, 2
  %t48 = zext i32 %t47 to i64
  %t49 = lshr i64 %t48, 12
  %t50 = getelementptr i64, ptr %tbl, i64 %t49
  %t51 = load i64, ptr %t50, !tbaa !12
  %t52 = and i64 %t51, 2
  %t53 = icmp ne i64 %t52, 0
  %t55 = and i64 %t48, 4095
  %t56 = icmp ule i64 %t55, 4094
  %t57 = and i1 %t53, %t56
  br i1 %t57, label %L54, label %X0_64, !prof !1
L54:
  %t58 = and i64 %t51, -4096
  %t59 = add i64 %t58, %t48
  %t60 = inttoptr i64 %t59 to ptr
  %t42 = load i16, ptr %t60, align 1, !tbaa !13
  %t63 = add i64 %t40, 4
  %t62 = inttoptr i64 %t63 to ptr
  %t61 = load i32, ptr %t62, align 1, !tbaa !13
  %t65 = zext i32 %t18 to i64
  %t66 = shl i64 %t65, 1
  %t67 = lshr i64 %t66, 11
  %t68 = lshr i64 %t67, 1
  %t69 = trunc i64 %t68 to i32
  %t70 = sext i32 %t69 to i64
  %t71 = zext i16 %t42 to i64
  %t72 = mul i64 %t70, %t71
  %t73 = trunc i64 %t72 to i32
  %t74 = icmp ult i32 %t61, %t73
  %t75 = xor i1 %t74, true
  br i1 %t75, label %J64, label %L76
L76:
  %t103 = inttoptr i64 %t40 to ptr
  store i32 %t73, ptr %t103, align 1, !tbaa !13
  %t104 = zext i16 %t42 to i32
  %t105 = sub i32 2048, %t104
  %t106 = sext i32 %t105 to i64
  %t107 = shl i64 %t106, 1
  %t108 = ashr i64 %t107, 5
  %t109 = lshr i64 %t108, 1
  %t110 = trunc i64 %t109 to i32
  %t111 = add i32 %t104, %t110
  %t112 = trunc i32 %t111 to i16
  %t113 = inttoptr i64 %t59 to ptr
  store i16 %t112, ptr %t113, align 1, !tbaa !13
  br label %J114
W29:
  %t30 = add i64 %t19, 7
  %t31 = and i64 %t30, 4294967295
  %t32 = lshr i64 %t31, 12
  %t37 = icmp eq i64 %t30, %t31
  %t38 = and i1 %t37, %t24
  %t33 = getelementptr i64, ptr %tbl, i64 %t32
  %t34 = load i64, ptr %t33, !tbaa !12
  %t35 = icmp eq i64 %t22, %t34
  %t36 = and i1 %t35, %t38
  br i1 %t36, label %L25, label %X0_32, !prof !1
J64:
  %t77 = getelementptr i8, ptr %uop, i64 256
  %t78 = load ptr, ptr %t77, !tbaa !14
  %t79 = add i64 %budget0, 8
  %t80 = load i32, ptr %t78, !tbaa !14
  %t81 = zext i32 %t80 to i64
  %t82 = sub i64 %t79, %t81
  %t83 = icmp slt i64 %t82, 0
  br i1 %t83, label %X0_224, label %L84, !prof !2
L84:
  %t85 = add i32 %eip, 48
  %t86 = zext i16 %t42 to i32
  %t87 = sub i32 %t61, %t73
  %t88 = xor i32 %t61, 4294967295
  %t89 = and i32 %t88, %t73
  %t90 = xor i32 %t61, %t73
  %t91 = xor i32 %t90, 4294967295
  %t92 = and i32 %t91, %t87
  %t93 = or i32 %t89, %t92
  %t94 = and i32 %t93, 3221225480
  store i32 %t1, ptr %cpu, !tbaa !11
  %t95 = getelementptr i8, ptr %cpu, i64 <regs + 12>
  store i32 %t18, ptr %t95, !tbaa !11
  %t96 = getelementptr i8, ptr %cpu, i64 <regs + 8>
  store i32 %t86, ptr %t96, !tbaa !11
  %t97 = getelementptr i8, ptr %cpu, i64 <regs + 20>
  store i32 %t73, ptr %t97, !tbaa !11
  %t98 = getelementptr i8, ptr %cpu, i64 <fl_res>
  store i32 %t87, ptr %t98, !tbaa !11
  %t99 = getelementptr i8, ptr %cpu, i64 <fl_aux>
  store i32 %t94, ptr %t99, !tbaa !11
  %t100 = getelementptr i8, ptr %t78, i64 80
  %t101 = getelementptr i8, ptr %t78, i64 8
  %t102 = load ptr, ptr %t101, !tbaa !14
  musttail call preserve_nonecc void %t102(ptr %cpu, ptr %t100, i32 %t85, i64 %t82, ptr %tbl)
  ret void
J114:
  %t115 = getelementptr i8, ptr %uop, i64 544
  %t116 = load ptr, ptr %t115, !tbaa !14
  %t117 = load i32, ptr %t116, !tbaa !14
  %t118 = zext i32 %t117 to i64
  %t119 = sub i64 %budget0, %t118
  %t120 = icmp slt i64 %t119, 0
  br i1 %t120, label %X0_512, label %L121, !prof !2
L121:
  %t122 = add i32 %eip, 48
  %t123 = add i32 %t44, %t44
  %t124 = xor i32 %t123, 4294967295
  %t125 = and i32 %t44, %t124
  %t126 = or i32 %t44, %t125
  %t127 = and i32 %t126, 3221225480
  store i32 %t1, ptr %cpu, !tbaa !11
  %t128 = getelementptr i8, ptr %cpu, i64 <regs + 12>
  store i32 %t18, ptr %t128, !tbaa !11
  %t129 = getelementptr i8, ptr %cpu, i64 <regs + 8>
  store i32 %t111, ptr %t129, !tbaa !11
  %t130 = getelementptr i8, ptr %cpu, i64 <regs + 20>
  store i32 %t73, ptr %t130, !tbaa !11
  %t131 = getelementptr i8, ptr %cpu, i64 <fl_res>
  store i32 %t123, ptr %t131, !tbaa !11
  %t132 = getelementptr i8, ptr %cpu, i64 <fl_aux>
  store i32 %t127, ptr %t132, !tbaa !11
  %t133 = getelementptr i8, ptr %cpu, i64 <regs + 24>
  store i32 %t110, ptr %t133, !tbaa !11
  %t134 = getelementptr i8, ptr %cpu, i64 <regs + 4>
  store i32 %t123, ptr %t134, !tbaa !11
  %t135 = getelementptr i8, ptr %t116, i64 80
  %t136 = getelementptr i8, ptr %t116, i64 8
  %t137 = load ptr, ptr %t136, !tbaa !14
  musttail call preserve_nonecc void %t137(ptr %cpu, ptr %t135, i32 %t122, i64 %t119, ptr %tbl)
  ret void
X0_0:
  %t138 = load ptr, ptr %uop, !tbaa !14
  musttail call preserve_nonecc void %t138(ptr %cpu, ptr %uop, i32 %eip, i64 %budget0, ptr %tbl)
  ret void
X0_32:
  store i32 %t1, ptr %cpu, !tbaa !11
  %t139 = getelementptr i8, ptr %uop, i64 32
  %t140 = load ptr, ptr %t139, !tbaa !14
  musttail call preserve_nonecc void %t140(ptr %cpu, ptr %t139, i32 %eip, i64 %budget0, ptr %tbl)
  ret void
X0_64:
  store i32 %t1, ptr %cpu, !tbaa !11
  %t141 = getelementptr i8, ptr %cpu, i64 <regs + 12>
  store i32 %t18, ptr %t141, !tbaa !11
  %t142 = getelementptr i8, ptr %uop, i64 64
  %t143 = load ptr, ptr %t142, !tbaa !14
  musttail call preserve_nonecc void %t143(ptr %cpu, ptr %t142, i32 %eip, i64 %budget0, ptr %tbl)
  ret void
X0_224:
  %t144 = zext i16 %t42 to i32
  %t145 = sub i32 %t61, %t73
  %t146 = xor i32 %t61, 4294967295
  %t147 = and i32 %t146, %t73
  %t148 = xor i32 %t61, %t73
  %t149 = xor i32 %t148, 4294967295
  %t150 = and i32 %t149, %t145
  %t151 = or i32 %t147, %t150
  %t152 = and i32 %t151, 3221225480
  store i32 %t1, ptr %cpu, !tbaa !11
  %t153 = getelementptr i8, ptr %cpu, i64 <regs + 12>
  store i32 %t18, ptr %t153, !tbaa !11
  %t154 = getelementptr i8, ptr %cpu, i64 <regs + 8>
  store i32 %t144, ptr %t154, !tbaa !11
  %t155 = getelementptr i8, ptr %cpu, i64 <regs + 20>
  store i32 %t73, ptr %t155, !tbaa !11
  %t156 = getelementptr i8, ptr %cpu, i64 <fl_res>
  store i32 %t145, ptr %t156, !tbaa !11
  %t157 = getelementptr i8, ptr %cpu, i64 <fl_aux>
  store i32 %t152, ptr %t157, !tbaa !11
  %t158 = getelementptr i8, ptr %uop, i64 224
  %t159 = load ptr, ptr %t158, !tbaa !14
  musttail call preserve_nonecc void %t159(ptr %cpu, ptr %t158, i32 %eip, i64 %budget0, ptr %tbl)
  ret void
X0_512:
  %t160 = add i32 %t44, %t44
  %t161 = xor i32 %t160, 4294967295
  %t162 = and i32 %t44, %t161
  %t163 = or i32 %t44, %t162
  %t164 = and i32 %t163, 3221225480
  store i32 %t1, ptr %cpu, !tbaa !11
  %t165 = getelementptr i8, ptr %cpu, i64 <regs + 12>
  store i32 %t18, ptr %t165, !tbaa !11
  %t166 = getelementptr i8, ptr %cpu, i64 <regs + 8>
  store i32 %t111, ptr %t166, !tbaa !11
  %t167 = getelementptr i8, ptr %cpu, i64 <regs + 20>
  store i32 %t73, ptr %t167, !tbaa !11
  %t168 = getelementptr i8, ptr %cpu, i64 <fl_res>
  store i32 %t160, ptr %t168, !tbaa !11
  %t169 = getelementptr i8, ptr %cpu, i64 <fl_aux>
  store i32 %t164, ptr %t169, !tbaa !11
  %t170 = getelementptr i8, ptr %cpu, i64 <regs + 24>
  store i32 %t110, ptr %t170, !tbaa !11
  %t171 = getelementptr i8, ptr %cpu, i64 <regs + 4>
  store i32 %t160, ptr %t171, !tbaa !11
  %t172 = getelementptr i8, ptr %uop, i64 512
  %t173 = load ptr, ptr %t172, !tbaa !14
  musttail call preserve_nonecc void %t173(ptr %cpu, ptr %t172, i32 %eip, i64 %budget0, ptr %tbl)
  ret void
}
