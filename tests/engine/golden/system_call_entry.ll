; The block of system_call_entry.s: 15 instructions of a guest.
; x86-64-v3: 45 instructions before the first one that always jumps, 108 in all
; neoverse-n1: 37 instructions before the first one that always jumps, 96 in all

define preserve_nonecc void @system_call_entry(ptr %cpu, ptr %uop, i32 %eip, i64 %paid, ptr %tbl) #0 section ".system_call_entry" {
entry:
  br label %body0
body0:
  %budget0 = phi i64 [ %paid, %entry ]
  %t1 = load i32, ptr %cpu, !tbaa !11
  %t2 = getelementptr i8, ptr %cpu, i64 <regs + 16>
  %t3 = load i32, ptr %t2, !tbaa !11
  %t4 = add i32 %t3, 4294967268
  %t5 = zext i32 %t4 to i64
  %t6 = lshr i64 %t5, 12
  %t7 = getelementptr i64, ptr %tbl, i64 %t6
  %t8 = load i64, ptr %t7, !tbaa !12
  %t9 = and i64 %t8, 2
  %t10 = icmp ne i64 %t9, 0
  %t12 = and i64 %t5, 4095
  %t13 = icmp ule i64 %t12, 4068
  %t14 = and i1 %t10, %t13
  br i1 %t14, label %L11, label %W15, !prof !1
L11:
  %t25 = and i64 %t8, -4096
  %t26 = add i64 %t25, %t5
  %t28 = add i64 %t26, 24
  %t27 = inttoptr i64 %t28 to ptr
  store i32 %t1, ptr %t27, align 1, !tbaa !13
  %t29 = getelementptr i8, ptr %cpu, i64 <regs + 20>
  %t30 = load i32, ptr %t29, !tbaa !11
  %t32 = add i64 %t26, 20
  %t31 = inttoptr i64 %t32 to ptr
  store i32 %t30, ptr %t31, align 1, !tbaa !13
  %t33 = getelementptr i8, ptr %cpu, i64 <regs + 28>
  %t34 = load i32, ptr %t33, !tbaa !11
  %t36 = add i64 %t26, 16
  %t35 = inttoptr i64 %t36 to ptr
  store i32 %t34, ptr %t35, align 1, !tbaa !13
  %t37 = getelementptr i8, ptr %cpu, i64 <regs + 24>
  %t38 = load i32, ptr %t37, !tbaa !11
  %t40 = add i64 %t26, 12
  %t39 = inttoptr i64 %t40 to ptr
  store i32 %t38, ptr %t39, align 1, !tbaa !13
  %t41 = getelementptr i8, ptr %cpu, i64 <regs + 8>
  %t42 = load i32, ptr %t41, !tbaa !11
  %t44 = add i64 %t26, 8
  %t43 = inttoptr i64 %t44 to ptr
  store i32 %t42, ptr %t43, align 1, !tbaa !13
  %t45 = getelementptr i8, ptr %cpu, i64 <regs + 4>
  %t46 = load i32, ptr %t45, !tbaa !11
  %t48 = add i64 %t26, 4
  %t47 = inttoptr i64 %t48 to ptr
  store i32 %t46, ptr %t47, align 1, !tbaa !13
  %t49 = getelementptr i8, ptr %cpu, i64 <regs + 12>
  %t50 = load i32, ptr %t49, !tbaa !11
  %t51 = inttoptr i64 %t26 to ptr
  store i32 %t50, ptr %t51, align 1, !tbaa !13
  %t54 = add i64 %t26, 24
  %t53 = inttoptr i64 %t54 to ptr
  %t52 = load i32, ptr %t53, align 1, !tbaa !13
  %t56 = icmp ult i32 %t52, 450
  %t57 = xor i1 %t56, true
  br i1 %t57, label %J55, label %L58
L58:
  br label %J87
W15:
  %t16 = add i64 %t5, 27
  %t17 = and i64 %t16, 4294967295
  %t18 = lshr i64 %t17, 12
  %t23 = icmp eq i64 %t16, %t17
  %t24 = and i1 %t23, %t10
  %t19 = getelementptr i64, ptr %tbl, i64 %t18
  %t20 = load i64, ptr %t19, !tbaa !12
  %t21 = icmp eq i64 %t8, %t20
  %t22 = and i1 %t21, %t24
  br i1 %t22, label %L11, label %X0_0, !prof !1
J55:
  %t59 = getelementptr i8, ptr %uop, i64 416
  %t60 = load ptr, ptr %t59, !tbaa !14
  %t61 = add i64 %budget0, 2
  %t62 = load i32, ptr %t60, !tbaa !14
  %t63 = zext i32 %t62 to i64
  %t64 = sub i64 %t61, %t63
  %t65 = icmp slt i64 %t64, 0
  br i1 %t65, label %X0_384, label %L66, !prof !2
L66:
  %t67 = add i32 %eip, 32
  %t68 = getelementptr i8, ptr %cpu, i64 <eflags>
  %t69 = load i32, ptr %t68, !tbaa !11
  %t70 = and i32 %t69, 4294966271
  %t71 = and i32 %t4, 4294959104
  %t72 = add i32 %t52, 4294966846
  %t73 = xor i32 %t52, 4294967295
  %t74 = and i32 %t73, 450
  %t75 = xor i32 %t52, 4294966845
  %t76 = and i32 %t75, %t72
  %t77 = or i32 %t74, %t76
  %t78 = and i32 %t77, 3221225480
  %t79 = getelementptr i8, ptr %cpu, i64 <regs + 16>
  store i32 %t4, ptr %t79, !tbaa !11
  %t80 = getelementptr i8, ptr %cpu, i64 <eflags>
  store i32 %t70, ptr %t80, !tbaa !11
  store i32 %t71, ptr %cpu, !tbaa !11
  %t81 = getelementptr i8, ptr %cpu, i64 <fl_res>
  store i32 %t72, ptr %t81, !tbaa !11
  %t82 = getelementptr i8, ptr %cpu, i64 <fl_aux>
  store i32 %t78, ptr %t82, !tbaa !11
  %t83 = getelementptr i8, ptr %cpu, i64 <regs + 12>
  store i32 %t52, ptr %t83, !tbaa !11
  %t84 = getelementptr i8, ptr %t60, i64 80
  %t85 = getelementptr i8, ptr %t60, i64 8
  %t86 = load ptr, ptr %t85, !tbaa !14
  musttail call preserve_nonecc void %t86(ptr %cpu, ptr %t84, i32 %t67, i64 %t64, ptr %tbl)
  ret void
J87:
  %t88 = getelementptr i8, ptr %uop, i64 512
  %t89 = load ptr, ptr %t88, !tbaa !14
  %t90 = load i32, ptr %t89, !tbaa !14
  %t91 = zext i32 %t90 to i64
  %t92 = sub i64 %budget0, %t91
  %t93 = icmp slt i64 %t92, 0
  br i1 %t93, label %X0_480, label %L94, !prof !2
L94:
  %t95 = add i32 %eip, 32
  %t96 = getelementptr i8, ptr %cpu, i64 <eflags>
  %t97 = load i32, ptr %t96, !tbaa !11
  %t98 = and i32 %t97, 4294966271
  %t99 = and i32 %t4, 4294959104
  %t100 = add i32 %t52, 4294966846
  %t101 = xor i32 %t52, 4294967295
  %t102 = and i32 %t101, 450
  %t103 = xor i32 %t52, 4294966845
  %t104 = and i32 %t103, %t100
  %t105 = or i32 %t102, %t104
  %t106 = and i32 %t105, 3221225480
  %t107 = getelementptr i8, ptr %cpu, i64 <regs + 16>
  store i32 %t4, ptr %t107, !tbaa !11
  %t108 = getelementptr i8, ptr %cpu, i64 <eflags>
  store i32 %t98, ptr %t108, !tbaa !11
  store i32 %t99, ptr %cpu, !tbaa !11
  %t109 = getelementptr i8, ptr %cpu, i64 <fl_res>
  store i32 %t100, ptr %t109, !tbaa !11
  %t110 = getelementptr i8, ptr %cpu, i64 <fl_aux>
  store i32 %t106, ptr %t110, !tbaa !11
  %t111 = getelementptr i8, ptr %cpu, i64 <regs + 12>
  store i32 %t52, ptr %t111, !tbaa !11
  %t112 = getelementptr i8, ptr %cpu, i64 <regs + 4>
  store i32 %t4, ptr %t112, !tbaa !11
  %t113 = getelementptr i8, ptr %t89, i64 80
  %t114 = getelementptr i8, ptr %t89, i64 8
  %t115 = load ptr, ptr %t114, !tbaa !14
  musttail call preserve_nonecc void %t115(ptr %cpu, ptr %t113, i32 %t95, i64 %t92, ptr %tbl)
  ret void
X0_0:
  %t116 = load ptr, ptr %uop, !tbaa !14
  musttail call preserve_nonecc void %t116(ptr %cpu, ptr %uop, i32 %eip, i64 %budget0, ptr %tbl)
  ret void
X0_384:
  %t117 = getelementptr i8, ptr %cpu, i64 <eflags>
  %t118 = load i32, ptr %t117, !tbaa !11
  %t119 = and i32 %t118, 4294966271
  %t120 = and i32 %t4, 4294959104
  %t121 = add i32 %t52, 4294966846
  %t122 = xor i32 %t52, 4294967295
  %t123 = and i32 %t122, 450
  %t124 = xor i32 %t52, 4294966845
  %t125 = and i32 %t124, %t121
  %t126 = or i32 %t123, %t125
  %t127 = and i32 %t126, 3221225480
  %t128 = getelementptr i8, ptr %cpu, i64 <regs + 16>
  store i32 %t4, ptr %t128, !tbaa !11
  %t129 = getelementptr i8, ptr %cpu, i64 <eflags>
  store i32 %t119, ptr %t129, !tbaa !11
  store i32 %t120, ptr %cpu, !tbaa !11
  %t130 = getelementptr i8, ptr %cpu, i64 <fl_res>
  store i32 %t121, ptr %t130, !tbaa !11
  %t131 = getelementptr i8, ptr %cpu, i64 <fl_aux>
  store i32 %t127, ptr %t131, !tbaa !11
  %t132 = getelementptr i8, ptr %cpu, i64 <regs + 12>
  store i32 %t52, ptr %t132, !tbaa !11
  %t133 = getelementptr i8, ptr %uop, i64 384
  %t134 = load ptr, ptr %t133, !tbaa !14
  musttail call preserve_nonecc void %t134(ptr %cpu, ptr %t133, i32 %eip, i64 %budget0, ptr %tbl)
  ret void
X0_480:
  %t135 = getelementptr i8, ptr %cpu, i64 <eflags>
  %t136 = load i32, ptr %t135, !tbaa !11
  %t137 = and i32 %t136, 4294966271
  %t138 = and i32 %t4, 4294959104
  %t139 = add i32 %t52, 4294966846
  %t140 = xor i32 %t52, 4294967295
  %t141 = and i32 %t140, 450
  %t142 = xor i32 %t52, 4294966845
  %t143 = and i32 %t142, %t139
  %t144 = or i32 %t141, %t143
  %t145 = and i32 %t144, 3221225480
  %t146 = getelementptr i8, ptr %cpu, i64 <regs + 16>
  store i32 %t4, ptr %t146, !tbaa !11
  %t147 = getelementptr i8, ptr %cpu, i64 <eflags>
  store i32 %t137, ptr %t147, !tbaa !11
  store i32 %t138, ptr %cpu, !tbaa !11
  %t148 = getelementptr i8, ptr %cpu, i64 <fl_res>
  store i32 %t139, ptr %t148, !tbaa !11
  %t149 = getelementptr i8, ptr %cpu, i64 <fl_aux>
  store i32 %t145, ptr %t149, !tbaa !11
  %t150 = getelementptr i8, ptr %cpu, i64 <regs + 12>
  store i32 %t52, ptr %t150, !tbaa !11
  %t151 = getelementptr i8, ptr %cpu, i64 <regs + 4>
  store i32 %t4, ptr %t151, !tbaa !11
  %t152 = getelementptr i8, ptr %uop, i64 480
  %t153 = load ptr, ptr %t152, !tbaa !14
  musttail call preserve_nonecc void %t153(ptr %cpu, ptr %t152, i32 %eip, i64 %budget0, ptr %tbl)
  ret void
}
