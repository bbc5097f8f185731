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
  %t25 = and i64 %t8, -4096
  %t26 = add i64 %t25, %t5
  %t27 = inttoptr i64 %t26 to ptr
  %t1 = load i32, ptr %t27, align 1, !tbaa !13
  %t30 = add i64 %t26, 4
  %t29 = inttoptr i64 %t30 to ptr
  %t28 = load i32, ptr %t29, align 1, !tbaa !13
  %t32 = getelementptr i8, ptr %cpu, i64 <regs + 24>
  %t33 = load i32, ptr %t32, !tbaa !11
  %t34 = add i32 %t33, 8
  %t35 = zext i32 %t34 to i64
  %t36 = lshr i64 %t35, 12
  %t37 = getelementptr i64, ptr %tbl, i64 %t36
  %t38 = load i64, ptr %t37, !tbaa !12
  %t39 = and i64 %t38, 1
  %t40 = icmp ne i64 %t39, 0
  %t42 = and i64 %t35, 4095
  %t43 = icmp ule i64 %t42, 4088
  %t44 = and i1 %t40, %t43
  br i1 %t44, label %L41, label %W45, !prof !1
L41:
  %t55 = and i64 %t38, -4096
  %t56 = add i64 %t55, %t35
  %t57 = inttoptr i64 %t56 to ptr
  %t31 = load i32, ptr %t57, align 1, !tbaa !13
  %t60 = add i64 %t56, 4
  %t59 = inttoptr i64 %t60 to ptr
  %t58 = load i32, ptr %t59, align 1, !tbaa !13
  %t62 = sub i32 %t28, %t58
  %t63 = icmp ult i32 %t1, %t31
  %t64 = zext i1 %t63 to i32
  %t65 = sub i32 %t62, %t64
  %t66 = icmp slt i32 %t65, 0
  %t67 = xor i32 %t28, 4294967295
  %t68 = and i32 %t67, %t58
  %t69 = xor i32 %t28, %t58
  %t70 = xor i32 %t69, 4294967295
  %t71 = and i32 %t70, %t65
  %t72 = or i32 %t68, %t71
  %t73 = icmp slt i32 %t72, 0
  %t75 = lshr i32 %t72, 30
  %t74 = trunc i32 %t75 to i1
  %t76 = xor i1 %t73, %t74
  %t77 = xor i1 %t66, %t76
  br i1 %t77, label %J61, label %L78
L78:
  br label %J95
W15:
  %t16 = add i64 %t5, 7
  %t17 = and i64 %t16, 4294967295
  %t18 = lshr i64 %t17, 12
  %t23 = icmp eq i64 %t16, %t17
  %t24 = and i1 %t23, %t10
  %t19 = getelementptr i64, ptr %tbl, i64 %t18
  %t20 = load i64, ptr %t19, !tbaa !12
  %t21 = icmp eq i64 %t8, %t20
  %t22 = and i1 %t21, %t24
  br i1 %t22, label %L11, label %X0_0, !prof !1
W45:
  %t46 = add i64 %t35, 7
  %t47 = and i64 %t46, 4294967295
  %t48 = lshr i64 %t47, 12
  %t53 = icmp eq i64 %t46, %t47
  %t54 = and i1 %t53, %t40
  %t49 = getelementptr i64, ptr %tbl, i64 %t48
  %t50 = load i64, ptr %t49, !tbaa !12
  %t51 = icmp eq i64 %t38, %t50
  %t52 = and i1 %t51, %t54
  br i1 %t52, label %L41, label %X0_64, !prof !1
J61:
  %t79 = getelementptr i8, ptr %uop, i64 160
  %t80 = load ptr, ptr %t79, !tbaa !14
  %t81 = add i64 %budget0, 2
  %t82 = load i32, ptr %t80, !tbaa !14
  %t83 = zext i32 %t82 to i64
  %t84 = sub i64 %t81, %t83
  %t85 = icmp slt i64 %t84, 0
  br i1 %t85, label %X0_128, label %L86, !prof !2
L86:
  %t87 = add i32 %eip, 18
  %t88 = and i32 %t72, 3221225480
  store i32 %t1, ptr %cpu, !tbaa !11
  %t89 = getelementptr i8, ptr %cpu, i64 <regs + 8>
  store i32 %t65, ptr %t89, !tbaa !11
  %t90 = getelementptr i8, ptr %cpu, i64 <fl_res>
  store i32 %t65, ptr %t90, !tbaa !11
  %t91 = getelementptr i8, ptr %cpu, i64 <fl_aux>
  store i32 %t88, ptr %t91, !tbaa !11
  %t92 = getelementptr i8, ptr %t80, i64 80
  %t93 = getelementptr i8, ptr %t80, i64 8
  %t94 = load ptr, ptr %t93, !tbaa !14
  musttail call preserve_nonecc void %t94(ptr %cpu, ptr %t92, i32 %t87, i64 %t84, ptr %tbl)
  ret void
J95:
  %t96 = getelementptr i8, ptr %uop, i64 256
  %t97 = load ptr, ptr %t96, !tbaa !14
  %t98 = load i32, ptr %t97, !tbaa !14
  %t99 = zext i32 %t98 to i64
  %t100 = sub i64 %budget0, %t99
  %t101 = icmp slt i64 %t100, 0
  br i1 %t101, label %X0_224, label %L102, !prof !2
L102:
  %t103 = add i32 %eip, 18
  %t104 = getelementptr i8, ptr %cpu, i64 <regs + 28>
  %t105 = load i32, ptr %t104, !tbaa !11
  %t106 = add i32 %t105, 1
  %t107 = and i32 %t72, 2147483648
  %t108 = and i32 %t105, 1
  %t109 = or i32 %t105, 1
  %t110 = xor i32 %t106, 4294967295
  %t111 = and i32 %t109, %t110
  %t112 = or i32 %t108, %t111
  %t113 = and i32 %t112, 3221225480
  %t114 = shl i32 %t113, 1
  %t115 = xor i32 %t113, %t114
  %t116 = and i32 %t115, 2147483648
  %t117 = xor i32 %t107, %t116
  %t118 = lshr i32 %t117, 1
  %t119 = or i32 %t107, %t118
  %t120 = and i32 %t112, 8
  %t121 = or i32 %t119, %t120
  store i32 %t1, ptr %cpu, !tbaa !11
  %t122 = getelementptr i8, ptr %cpu, i64 <regs + 8>
  store i32 %t65, ptr %t122, !tbaa !11
  %t123 = getelementptr i8, ptr %cpu, i64 <fl_res>
  store i32 %t106, ptr %t123, !tbaa !11
  %t124 = getelementptr i8, ptr %cpu, i64 <fl_aux>
  store i32 %t121, ptr %t124, !tbaa !11
  %t125 = getelementptr i8, ptr %cpu, i64 <regs + 28>
  store i32 %t106, ptr %t125, !tbaa !11
  %t126 = getelementptr i8, ptr %t97, i64 80
  %t127 = getelementptr i8, ptr %t97, i64 8
  %t128 = load ptr, ptr %t127, !tbaa !14
  musttail call preserve_nonecc void %t128(ptr %cpu, ptr %t126, i32 %t103, i64 %t100, ptr %tbl)
  ret void
X0_0:
  %t129 = load ptr, ptr %uop, !tbaa !14
  musttail call preserve_nonecc void %t129(ptr %cpu, ptr %uop, i32 %eip, i64 %budget0, ptr %tbl)
  ret void
X0_64:
  store i32 %t1, ptr %cpu, !tbaa !11
  %t130 = getelementptr i8, ptr %cpu, i64 <regs + 8>
  store i32 %t28, ptr %t130, !tbaa !11
  %t131 = getelementptr i8, ptr %uop, i64 64
  %t132 = load ptr, ptr %t131, !tbaa !14
  musttail call preserve_nonecc void %t132(ptr %cpu, ptr %t131, i32 %eip, i64 %budget0, ptr %tbl)
  ret void
X0_128:
  %t133 = and i32 %t72, 3221225480
  store i32 %t1, ptr %cpu, !tbaa !11
  %t134 = getelementptr i8, ptr %cpu, i64 <regs + 8>
  store i32 %t65, ptr %t134, !tbaa !11
  %t135 = getelementptr i8, ptr %cpu, i64 <fl_res>
  store i32 %t65, ptr %t135, !tbaa !11
  %t136 = getelementptr i8, ptr %cpu, i64 <fl_aux>
  store i32 %t133, ptr %t136, !tbaa !11
  %t137 = getelementptr i8, ptr %uop, i64 128
  %t138 = load ptr, ptr %t137, !tbaa !14
  musttail call preserve_nonecc void %t138(ptr %cpu, ptr %t137, i32 %eip, i64 %budget0, ptr %tbl)
  ret void
X0_224:
  %t139 = getelementptr i8, ptr %cpu, i64 <regs + 28>
  %t140 = load i32, ptr %t139, !tbaa !11
  %t141 = add i32 %t140, 1
  %t142 = and i32 %t72, 2147483648
  %t143 = and i32 %t140, 1
  %t144 = or i32 %t140, 1
  %t145 = xor i32 %t141, 4294967295
  %t146 = and i32 %t144, %t145
  %t147 = or i32 %t143, %t146
  %t148 = and i32 %t147, 3221225480
  %t149 = shl i32 %t148, 1
  %t150 = xor i32 %t148, %t149
  %t151 = and i32 %t150, 2147483648
  %t152 = xor i32 %t142, %t151
  %t153 = lshr i32 %t152, 1
  %t154 = or i32 %t142, %t153
  %t155 = and i32 %t147, 8
  %t156 = or i32 %t154, %t155
  store i32 %t1, ptr %cpu, !tbaa !11
  %t157 = getelementptr i8, ptr %cpu, i64 <regs + 8>
  store i32 %t65, ptr %t157, !tbaa !11
  %t158 = getelementptr i8, ptr %cpu, i64 <fl_res>
  store i32 %t141, ptr %t158, !tbaa !11
  %t159 = getelementptr i8, ptr %cpu, i64 <fl_aux>
  store i32 %t156, ptr %t159, !tbaa !11
  %t160 = getelementptr i8, ptr %cpu, i64 <regs + 28>
  store i32 %t141, ptr %t160, !tbaa !11
  %t161 = getelementptr i8, ptr %uop, i64 224
  %t162 = load ptr, ptr %t161, !tbaa !14
  musttail call preserve_nonecc void %t162(ptr %cpu, ptr %t161, i32 %eip, i64 %budget0, ptr %tbl)
  ret void
}
