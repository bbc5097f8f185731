; The block of list_walk.s: 6 instructions of a guest.
; x86-64-v3: 70 instructions before the first one that always jumps, 170 in all
; neoverse-n1: 53 instructions before the first one that always jumps, 122 in all

define preserve_nonecc void @list_walk(ptr %cpu, ptr %uop, i32 %eip, i64 %paid, ptr %tbl) #0 section ".list_walk" {
entry:
  %t1 = getelementptr i8, ptr %uop, i64 -80
  %t2 = getelementptr i8, ptr %uop, i64 192
  %t3 = load ptr, ptr %t2, !tbaa !14
  %own160 = icmp eq ptr %t3, %t1
  %t34 = getelementptr i8, ptr %cpu, i64 <regs + 8>
  %t35 = load i32, ptr %t34, !tbaa !11
  %t83 = getelementptr i8, ptr %cpu, i64 <regs + 16>
  %t84 = load i32, ptr %t83, !tbaa !11
  %t85 = zext i32 %t84 to i64
  %t86 = lshr i64 %t85, 12
  %t87 = getelementptr i64, ptr %tbl, i64 %t86
  %t88 = load i64, ptr %t87, !tbaa !12
  %t89 = and i64 %t88, 1
  %t90 = icmp ne i64 %t89, 0
  %t93 = and i64 %t85, 4095
  %t94 = icmp ule i64 %t93, 4092
  %t95 = and i1 %t90, %t94
  br i1 %t95, label %L91, label %untouched, !prof !1
L91:
  %t96 = and i64 %t88, -4096
  %t97 = add i64 %t96, %t85
  %t157 = load i32, ptr %cpu, !tbaa !11
  %t158 = getelementptr i8, ptr %cpu, i64 <fl_res>
  %t159 = load i32, ptr %t158, !tbaa !11
  %t160 = getelementptr i8, ptr %cpu, i64 <fl_aux>
  %t161 = load i32, ptr %t160, !tbaa !11
  br label %body0
body0:
  %budget0 = phi i64 [ %paid, %L91 ], [ %t64, %B66 ]
  %c0_0 = phi i32 [ %t157, %L91 ], [ %t4, %B66 ]
  %c0_40 = phi i32 [ %t159, %L91 ], [ %t4, %B66 ]
  %c0_44 = phi i32 [ %t161, %L91 ], [ 0, %B66 ]
  %t5 = zext i32 %c0_0 to i64
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
  %t19 = add i32 %t4, 8
  %t20 = zext i32 %t19 to i64
  %t21 = lshr i64 %t20, 12
  %t22 = getelementptr i64, ptr %tbl, i64 %t21
  %t23 = load i64, ptr %t22, !tbaa !12
  %t24 = and i64 %t23, 1
  %t25 = icmp ne i64 %t24, 0
  %t27 = and i64 %t20, 4095
  %t28 = icmp ule i64 %t27, 4092
  %t29 = and i1 %t25, %t28
  br i1 %t29, label %L26, label %X0_32, !prof !1
L26:
  %t30 = and i64 %t23, -4096
  %t31 = add i64 %t30, %t20
  %t32 = inttoptr i64 %t31 to ptr
  %t18 = load i32, ptr %t32, align 1, !tbaa !13
  %t36 = sub i32 %t18, %t35
  %t37 = icmp eq i32 %t36, 0
  br i1 %t37, label %J33, label %L38
L38:
  %t61 = icmp eq i32 %t4, 0
  %t62 = xor i1 %t61, true
  br i1 %t62, label %J60, label %L63
L63:
  %t98 = inttoptr i64 %t97 to ptr
  %t82 = load i32, ptr %t98, align 1, !tbaa !13
  br label %J99
J33:
  %t39 = getelementptr i8, ptr %uop, i64 96
  %t40 = load ptr, ptr %t39, !tbaa !14
  %t41 = add i64 %budget0, 3
  %t42 = load i32, ptr %t40, !tbaa !14
  %t43 = zext i32 %t42 to i64
  %t44 = sub i64 %t41, %t43
  %t45 = icmp slt i64 %t44, 0
  br i1 %t45, label %X0_64, label %L46, !prof !2
L46:
  %t47 = add i32 %eip, 11
  %t48 = xor i32 %t18, 4294967295
  %t49 = and i32 %t48, %t35
  %t50 = xor i32 %t18, %t35
  %t51 = xor i32 %t50, 4294967295
  %t52 = and i32 %t51, %t36
  %t53 = or i32 %t49, %t52
  %t54 = and i32 %t53, 3221225480
  store i32 %t4, ptr %cpu, !tbaa !11
  %t55 = getelementptr i8, ptr %cpu, i64 <fl_res>
  store i32 %t36, ptr %t55, !tbaa !11
  %t56 = getelementptr i8, ptr %cpu, i64 <fl_aux>
  store i32 %t54, ptr %t56, !tbaa !11
  %t57 = getelementptr i8, ptr %t40, i64 80
  %t58 = getelementptr i8, ptr %t40, i64 8
  %t59 = load ptr, ptr %t58, !tbaa !14
  musttail call preserve_nonecc void %t59(ptr %cpu, ptr %t57, i32 %t47, i64 %t44, ptr %tbl)
  ret void
B66:
  br label %body0
J60:
  %t64 = add i64 %budget0, -5
  %t65 = icmp sge i64 %t64, 0
  %t68 = and i1 %t65, %own160
  br i1 %t68, label %B66, label %L67, !prof !1
L67:
  %t69 = getelementptr i8, ptr %uop, i64 192
  %t70 = load ptr, ptr %t69, !tbaa !14
  %t71 = add i64 %budget0, 1
  %t72 = load i32, ptr %t70, !tbaa !14
  %t73 = zext i32 %t72 to i64
  %t74 = sub i64 %t71, %t73
  %t75 = icmp slt i64 %t74, 0
  br i1 %t75, label %X0_160, label %L76, !prof !2
L76:
  store i32 %t4, ptr %cpu, !tbaa !11
  %t77 = getelementptr i8, ptr %cpu, i64 <fl_res>
  store i32 %t4, ptr %t77, !tbaa !11
  %t78 = getelementptr i8, ptr %cpu, i64 <fl_aux>
  store i32 0, ptr %t78, !tbaa !11
  %t79 = getelementptr i8, ptr %t70, i64 80
  %t80 = getelementptr i8, ptr %t70, i64 8
  %t81 = load ptr, ptr %t80, !tbaa !14
  musttail call preserve_nonecc void %t81(ptr %cpu, ptr %t79, i32 %eip, i64 %t74, ptr %tbl)
  ret void
untouched:
  %t92 = load ptr, ptr %uop, !tbaa !14
  musttail call preserve_nonecc void %t92(ptr %cpu, ptr %uop, i32 %eip, i64 %paid, ptr %tbl)
  ret void
J99:
  %t100 = getelementptr i8, ptr %cpu, i64 <jump_key>
  %t101 = load i64, ptr %t100, !tbaa !11
  %t102 = getelementptr i8, ptr %cpu, i64 <ptr + 112>
  %t103 = load ptr, ptr %t102, !tbaa !11
  %t104 = zext i32 %t82 to i64
  %t105 = or i64 %t101, %t104
  %t106 = lshr i32 %t82, 4
  %t107 = and i32 %t82, 255
  %t108 = xor i32 %t106, %t107
  %t109 = and i32 %t108, 65535
  %t110 = zext i32 %t109 to i64
  %t111 = getelementptr [16 x i8], ptr %t103, i64 %t110
  %t112 = load i64, ptr %t111, !tbaa !14
  %t113 = icmp eq i64 %t112, %t105
  br i1 %t113, label %L114, label %X0_224, !prof !1
L114:
  %t115 = getelementptr i8, ptr %t111, i64 8
  %t116 = load ptr, ptr %t115, !tbaa !14
  %t117 = load i32, ptr %t116, !tbaa !14
  %t118 = zext i32 %t117 to i64
  %t119 = sub i64 %budget0, %t118
  %t120 = icmp slt i64 %t119, 0
  br i1 %t120, label %X0_224, label %L121, !prof !2
L121:
  %t122 = getelementptr i8, ptr %cpu, i64 <regs + 16>
  %t123 = load i32, ptr %t122, !tbaa !11
  %t124 = add i32 %t123, 4
  store i32 %t4, ptr %cpu, !tbaa !11
  %t125 = getelementptr i8, ptr %cpu, i64 <fl_res>
  store i32 %t4, ptr %t125, !tbaa !11
  %t126 = getelementptr i8, ptr %cpu, i64 <fl_aux>
  store i32 0, ptr %t126, !tbaa !11
  %t127 = getelementptr i8, ptr %cpu, i64 <regs + 16>
  store i32 %t124, ptr %t127, !tbaa !11
  %t128 = getelementptr i8, ptr %t116, i64 80
  %t129 = getelementptr i8, ptr %t116, i64 8
  %t130 = load ptr, ptr %t129, !tbaa !14
  musttail call preserve_nonecc void %t130(ptr %cpu, ptr %t128, i32 %t82, i64 %t119, ptr %tbl)
  ret void
X0_0:
  store i32 %c0_0, ptr %cpu, !tbaa !11
  %t131 = getelementptr i8, ptr %cpu, i64 <fl_res>
  store i32 %c0_40, ptr %t131, !tbaa !11
  %t132 = getelementptr i8, ptr %cpu, i64 <fl_aux>
  store i32 %c0_44, ptr %t132, !tbaa !11
  %t133 = load ptr, ptr %uop, !tbaa !14
  musttail call preserve_nonecc void %t133(ptr %cpu, ptr %uop, i32 %eip, i64 %budget0, ptr %tbl)
  ret void
X0_32:
  store i32 %t4, ptr %cpu, !tbaa !11
  %t134 = getelementptr i8, ptr %cpu, i64 <fl_res>
  store i32 %c0_40, ptr %t134, !tbaa !11
  %t135 = getelementptr i8, ptr %cpu, i64 <fl_aux>
  store i32 %c0_44, ptr %t135, !tbaa !11
  %t136 = getelementptr i8, ptr %uop, i64 32
  %t137 = load ptr, ptr %t136, !tbaa !14
  musttail call preserve_nonecc void %t137(ptr %cpu, ptr %t136, i32 %eip, i64 %budget0, ptr %tbl)
  ret void
X0_64:
  %t138 = xor i32 %t18, 4294967295
  %t139 = and i32 %t138, %t35
  %t140 = xor i32 %t18, %t35
  %t141 = xor i32 %t140, 4294967295
  %t142 = and i32 %t141, %t36
  %t143 = or i32 %t139, %t142
  %t144 = and i32 %t143, 3221225480
  store i32 %t4, ptr %cpu, !tbaa !11
  %t145 = getelementptr i8, ptr %cpu, i64 <fl_res>
  store i32 %t36, ptr %t145, !tbaa !11
  %t146 = getelementptr i8, ptr %cpu, i64 <fl_aux>
  store i32 %t144, ptr %t146, !tbaa !11
  %t147 = getelementptr i8, ptr %uop, i64 64
  %t148 = load ptr, ptr %t147, !tbaa !14
  musttail call preserve_nonecc void %t148(ptr %cpu, ptr %t147, i32 %eip, i64 %budget0, ptr %tbl)
  ret void
X0_160:
  store i32 %t4, ptr %cpu, !tbaa !11
  %t149 = getelementptr i8, ptr %cpu, i64 <fl_res>
  store i32 %t4, ptr %t149, !tbaa !11
  %t150 = getelementptr i8, ptr %cpu, i64 <fl_aux>
  store i32 0, ptr %t150, !tbaa !11
  %t151 = getelementptr i8, ptr %uop, i64 160
  %t152 = load ptr, ptr %t151, !tbaa !14
  musttail call preserve_nonecc void %t152(ptr %cpu, ptr %t151, i32 %eip, i64 %budget0, ptr %tbl)
  ret void
X0_224:
  store i32 %t4, ptr %cpu, !tbaa !11
  %t153 = getelementptr i8, ptr %cpu, i64 <fl_res>
  store i32 %t4, ptr %t153, !tbaa !11
  %t154 = getelementptr i8, ptr %cpu, i64 <fl_aux>
  store i32 0, ptr %t154, !tbaa !11
  %t155 = getelementptr i8, ptr %uop, i64 224
  %t156 = load ptr, ptr %t155, !tbaa !14
  musttail call preserve_nonecc void %t156(ptr %cpu, ptr %t155, i32 %eip, i64 %budget0, ptr %tbl)
  ret void
}
