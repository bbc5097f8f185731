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
  %t38 = and i64 %t22, -4096
  %t39 = add i64 %t38, %t19
  %t40 = inttoptr i64 %t39 to ptr
  %t18 = load i32, ptr %t40, align 1, !tbaa !13
  %t42 = getelementptr i8, ptr %cpu, i64 <regs + 4>
  %t43 = load i32, ptr %t42, !tbaa !11
  %t44 = shl i32 %t43, 1
  %t45 = add i32 %t1, %t44
  %t46 = add i32 %t45, 2
  %t47 = zext i32 %t46 to i64
  %t48 = lshr i64 %t47, 12
  %t49 = getelementptr i64, ptr %tbl, i64 %t48
  %t50 = load i64, ptr %t49, !tbaa !12
  %t51 = and i64 %t50, 2
  %t52 = icmp ne i64 %t51, 0
  %t54 = and i64 %t47, 4095
  %t55 = icmp ule i64 %t54, 4094
  %t56 = and i1 %t52, %t55
  br i1 %t56, label %L53, label %X0_64, !prof !1
L53:
  %t57 = and i64 %t50, -4096
  %t58 = add i64 %t57, %t47
  %t59 = inttoptr i64 %t58 to ptr
  %t41 = load i16, ptr %t59, align 1, !tbaa !13
  %t62 = add i64 %t39, 4
  %t61 = inttoptr i64 %t62 to ptr
  %t60 = load i32, ptr %t61, align 1, !tbaa !13
  %t64 = zext i32 %t18 to i64
  %t65 = shl i64 %t64, 1
  %t66 = lshr i64 %t65, 11
  %t67 = lshr i64 %t66, 1
  %t68 = trunc i64 %t67 to i32
  %t69 = sext i32 %t68 to i64
  %t70 = zext i16 %t41 to i64
  %t71 = mul i64 %t69, %t70
  %t72 = trunc i64 %t71 to i32
  %t73 = icmp ult i32 %t60, %t72
  %t74 = xor i1 %t73, true
  br i1 %t74, label %J63, label %L75
L75:
  %t102 = inttoptr i64 %t39 to ptr
  store i32 %t72, ptr %t102, align 1, !tbaa !13
  %t103 = zext i16 %t41 to i32
  %t104 = sub i32 2048, %t103
  %t105 = sext i32 %t104 to i64
  %t106 = shl i64 %t105, 1
  %t107 = ashr i64 %t106, 5
  %t108 = lshr i64 %t107, 1
  %t109 = trunc i64 %t108 to i32
  %t110 = add i32 %t103, %t109
  %t111 = trunc i32 %t110 to i16
  %t112 = inttoptr i64 %t58 to ptr
  store i16 %t111, ptr %t112, align 1, !tbaa !13
  br label %J113
W29:
  %t30 = add i64 %t19, 7
  %t31 = lshr i64 %t30, 12
  %t36 = icmp ult i64 %t30, 4294967296
  %t37 = and i1 %t36, %t24
  %t32 = getelementptr i64, ptr %tbl, i64 %t31
  %t33 = load i64, ptr %t32, !tbaa !12
  %t34 = icmp eq i64 %t22, %t33
  %t35 = and i1 %t34, %t37
  br i1 %t35, label %L25, label %X0_32, !prof !1
J63:
  %t76 = getelementptr i8, ptr %uop, i64 256
  %t77 = load ptr, ptr %t76, !tbaa !14
  %t78 = add i64 %budget0, 8
  %t79 = load i32, ptr %t77, !tbaa !14
  %t80 = zext i32 %t79 to i64
  %t81 = sub i64 %t78, %t80
  %t82 = icmp slt i64 %t81, 0
  br i1 %t82, label %X0_224, label %L83, !prof !2
L83:
  %t84 = add i32 %eip, 48
  %t85 = zext i16 %t41 to i32
  %t86 = sub i32 %t60, %t72
  %t87 = xor i32 %t60, 4294967295
  %t88 = and i32 %t87, %t72
  %t89 = xor i32 %t60, %t72
  %t90 = xor i32 %t89, 4294967295
  %t91 = and i32 %t90, %t86
  %t92 = or i32 %t88, %t91
  %t93 = and i32 %t92, 3221225480
  store i32 %t1, ptr %cpu, !tbaa !11
  %t94 = getelementptr i8, ptr %cpu, i64 <regs + 12>
  store i32 %t18, ptr %t94, !tbaa !11
  %t95 = getelementptr i8, ptr %cpu, i64 <regs + 8>
  store i32 %t85, ptr %t95, !tbaa !11
  %t96 = getelementptr i8, ptr %cpu, i64 <regs + 20>
  store i32 %t72, ptr %t96, !tbaa !11
  %t97 = getelementptr i8, ptr %cpu, i64 <fl_res>
  store i32 %t86, ptr %t97, !tbaa !11
  %t98 = getelementptr i8, ptr %cpu, i64 <fl_aux>
  store i32 %t93, ptr %t98, !tbaa !11
  %t99 = getelementptr i8, ptr %t77, i64 80
  %t100 = getelementptr i8, ptr %t77, i64 8
  %t101 = load ptr, ptr %t100, !tbaa !14
  musttail call preserve_nonecc void %t101(ptr %cpu, ptr %t99, i32 %t84, i64 %t81, ptr %tbl)
  ret void
J113:
  %t114 = getelementptr i8, ptr %uop, i64 544
  %t115 = load ptr, ptr %t114, !tbaa !14
  %t116 = load i32, ptr %t115, !tbaa !14
  %t117 = zext i32 %t116 to i64
  %t118 = sub i64 %budget0, %t117
  %t119 = icmp slt i64 %t118, 0
  br i1 %t119, label %X0_512, label %L120, !prof !2
L120:
  %t121 = add i32 %eip, 48
  %t122 = add i32 %t43, %t43
  %t123 = xor i32 %t122, 4294967295
  %t124 = and i32 %t43, %t123
  %t125 = or i32 %t43, %t124
  %t126 = and i32 %t125, 3221225480
  store i32 %t1, ptr %cpu, !tbaa !11
  %t127 = getelementptr i8, ptr %cpu, i64 <regs + 12>
  store i32 %t18, ptr %t127, !tbaa !11
  %t128 = getelementptr i8, ptr %cpu, i64 <regs + 8>
  store i32 %t110, ptr %t128, !tbaa !11
  %t129 = getelementptr i8, ptr %cpu, i64 <regs + 20>
  store i32 %t72, ptr %t129, !tbaa !11
  %t130 = getelementptr i8, ptr %cpu, i64 <fl_res>
  store i32 %t122, ptr %t130, !tbaa !11
  %t131 = getelementptr i8, ptr %cpu, i64 <fl_aux>
  store i32 %t126, ptr %t131, !tbaa !11
  %t132 = getelementptr i8, ptr %cpu, i64 <regs + 24>
  store i32 %t109, ptr %t132, !tbaa !11
  %t133 = getelementptr i8, ptr %cpu, i64 <regs + 4>
  store i32 %t122, ptr %t133, !tbaa !11
  %t134 = getelementptr i8, ptr %t115, i64 80
  %t135 = getelementptr i8, ptr %t115, i64 8
  %t136 = load ptr, ptr %t135, !tbaa !14
  musttail call preserve_nonecc void %t136(ptr %cpu, ptr %t134, i32 %t121, i64 %t118, ptr %tbl)
  ret void
X0_0:
  %t137 = load ptr, ptr %uop, !tbaa !14
  musttail call preserve_nonecc void %t137(ptr %cpu, ptr %uop, i32 %eip, i64 %budget0, ptr %tbl)
  ret void
X0_32:
  store i32 %t1, ptr %cpu, !tbaa !11
  %t138 = getelementptr i8, ptr %uop, i64 32
  %t139 = load ptr, ptr %t138, !tbaa !14
  musttail call preserve_nonecc void %t139(ptr %cpu, ptr %t138, i32 %eip, i64 %budget0, ptr %tbl)
  ret void
X0_64:
  store i32 %t1, ptr %cpu, !tbaa !11
  %t140 = getelementptr i8, ptr %cpu, i64 <regs + 12>
  store i32 %t18, ptr %t140, !tbaa !11
  %t141 = getelementptr i8, ptr %uop, i64 64
  %t142 = load ptr, ptr %t141, !tbaa !14
  musttail call preserve_nonecc void %t142(ptr %cpu, ptr %t141, i32 %eip, i64 %budget0, ptr %tbl)
  ret void
X0_224:
  %t143 = zext i16 %t41 to i32
  %t144 = sub i32 %t60, %t72
  %t145 = xor i32 %t60, 4294967295
  %t146 = and i32 %t145, %t72
  %t147 = xor i32 %t60, %t72
  %t148 = xor i32 %t147, 4294967295
  %t149 = and i32 %t148, %t144
  %t150 = or i32 %t146, %t149
  %t151 = and i32 %t150, 3221225480
  store i32 %t1, ptr %cpu, !tbaa !11
  %t152 = getelementptr i8, ptr %cpu, i64 <regs + 12>
  store i32 %t18, ptr %t152, !tbaa !11
  %t153 = getelementptr i8, ptr %cpu, i64 <regs + 8>
  store i32 %t143, ptr %t153, !tbaa !11
  %t154 = getelementptr i8, ptr %cpu, i64 <regs + 20>
  store i32 %t72, ptr %t154, !tbaa !11
  %t155 = getelementptr i8, ptr %cpu, i64 <fl_res>
  store i32 %t144, ptr %t155, !tbaa !11
  %t156 = getelementptr i8, ptr %cpu, i64 <fl_aux>
  store i32 %t151, ptr %t156, !tbaa !11
  %t157 = getelementptr i8, ptr %uop, i64 224
  %t158 = load ptr, ptr %t157, !tbaa !14
  musttail call preserve_nonecc void %t158(ptr %cpu, ptr %t157, i32 %eip, i64 %budget0, ptr %tbl)
  ret void
X0_512:
  %t159 = add i32 %t43, %t43
  %t160 = xor i32 %t159, 4294967295
  %t161 = and i32 %t43, %t160
  %t162 = or i32 %t43, %t161
  %t163 = and i32 %t162, 3221225480
  store i32 %t1, ptr %cpu, !tbaa !11
  %t164 = getelementptr i8, ptr %cpu, i64 <regs + 12>
  store i32 %t18, ptr %t164, !tbaa !11
  %t165 = getelementptr i8, ptr %cpu, i64 <regs + 8>
  store i32 %t110, ptr %t165, !tbaa !11
  %t166 = getelementptr i8, ptr %cpu, i64 <regs + 20>
  store i32 %t72, ptr %t166, !tbaa !11
  %t167 = getelementptr i8, ptr %cpu, i64 <fl_res>
  store i32 %t159, ptr %t167, !tbaa !11
  %t168 = getelementptr i8, ptr %cpu, i64 <fl_aux>
  store i32 %t163, ptr %t168, !tbaa !11
  %t169 = getelementptr i8, ptr %cpu, i64 <regs + 24>
  store i32 %t109, ptr %t169, !tbaa !11
  %t170 = getelementptr i8, ptr %cpu, i64 <regs + 4>
  store i32 %t159, ptr %t170, !tbaa !11
  %t171 = getelementptr i8, ptr %uop, i64 512
  %t172 = load ptr, ptr %t171, !tbaa !14
  musttail call preserve_nonecc void %t172(ptr %cpu, ptr %t171, i32 %eip, i64 %budget0, ptr %tbl)
  ret void
}
