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
  %t24 = and i64 %t8, -4096
  %t25 = add i64 %t24, %t5
  %t27 = add i64 %t25, 24
  %t26 = inttoptr i64 %t27 to ptr
  store i32 %t1, ptr %t26, align 1, !tbaa !13
  %t28 = getelementptr i8, ptr %cpu, i64 <regs + 20>
  %t29 = load i32, ptr %t28, !tbaa !11
  %t31 = add i64 %t25, 20
  %t30 = inttoptr i64 %t31 to ptr
  store i32 %t29, ptr %t30, align 1, !tbaa !13
  %t32 = getelementptr i8, ptr %cpu, i64 <regs + 28>
  %t33 = load i32, ptr %t32, !tbaa !11
  %t35 = add i64 %t25, 16
  %t34 = inttoptr i64 %t35 to ptr
  store i32 %t33, ptr %t34, align 1, !tbaa !13
  %t36 = getelementptr i8, ptr %cpu, i64 <regs + 24>
  %t37 = load i32, ptr %t36, !tbaa !11
  %t39 = add i64 %t25, 12
  %t38 = inttoptr i64 %t39 to ptr
  store i32 %t37, ptr %t38, align 1, !tbaa !13
  %t40 = getelementptr i8, ptr %cpu, i64 <regs + 8>
  %t41 = load i32, ptr %t40, !tbaa !11
  %t43 = add i64 %t25, 8
  %t42 = inttoptr i64 %t43 to ptr
  store i32 %t41, ptr %t42, align 1, !tbaa !13
  %t44 = getelementptr i8, ptr %cpu, i64 <regs + 4>
  %t45 = load i32, ptr %t44, !tbaa !11
  %t47 = add i64 %t25, 4
  %t46 = inttoptr i64 %t47 to ptr
  store i32 %t45, ptr %t46, align 1, !tbaa !13
  %t48 = getelementptr i8, ptr %cpu, i64 <regs + 12>
  %t49 = load i32, ptr %t48, !tbaa !11
  %t50 = inttoptr i64 %t25 to ptr
  store i32 %t49, ptr %t50, align 1, !tbaa !13
  %t53 = add i64 %t25, 24
  %t52 = inttoptr i64 %t53 to ptr
  %t51 = load i32, ptr %t52, align 1, !tbaa !13
  %t55 = icmp ult i32 %t51, 450
  %t56 = xor i1 %t55, true
  br i1 %t56, label %J54, label %L57
L57:
  br label %J86
W15:
  %t16 = add i64 %t5, 27
  %t17 = lshr i64 %t16, 12
  %t22 = icmp ult i64 %t16, 4294967296
  %t23 = and i1 %t22, %t10
  %t18 = getelementptr i64, ptr %tbl, i64 %t17
  %t19 = load i64, ptr %t18, !tbaa !12
  %t20 = icmp eq i64 %t8, %t19
  %t21 = and i1 %t20, %t23
  br i1 %t21, label %L11, label %X0_0, !prof !1
J54:
  %t58 = getelementptr i8, ptr %uop, i64 416
  %t59 = load ptr, ptr %t58, !tbaa !14
  %t60 = add i64 %budget0, 2
  %t61 = load i32, ptr %t59, !tbaa !14
  %t62 = zext i32 %t61 to i64
  %t63 = sub i64 %t60, %t62
  %t64 = icmp slt i64 %t63, 0
  br i1 %t64, label %X0_384, label %L65, !prof !2
L65:
  %t66 = add i32 %eip, 32
  %t67 = getelementptr i8, ptr %cpu, i64 <eflags>
  %t68 = load i32, ptr %t67, !tbaa !11
  %t69 = and i32 %t68, 4294966271
  %t70 = and i32 %t4, 4294959104
  %t71 = add i32 %t51, 4294966846
  %t72 = xor i32 %t51, 4294967295
  %t73 = and i32 %t72, 450
  %t74 = xor i32 %t51, 4294966845
  %t75 = and i32 %t74, %t71
  %t76 = or i32 %t73, %t75
  %t77 = and i32 %t76, 3221225480
  %t78 = getelementptr i8, ptr %cpu, i64 <regs + 16>
  store i32 %t4, ptr %t78, !tbaa !11
  %t79 = getelementptr i8, ptr %cpu, i64 <eflags>
  store i32 %t69, ptr %t79, !tbaa !11
  store i32 %t70, ptr %cpu, !tbaa !11
  %t80 = getelementptr i8, ptr %cpu, i64 <fl_res>
  store i32 %t71, ptr %t80, !tbaa !11
  %t81 = getelementptr i8, ptr %cpu, i64 <fl_aux>
  store i32 %t77, ptr %t81, !tbaa !11
  %t82 = getelementptr i8, ptr %cpu, i64 <regs + 12>
  store i32 %t51, ptr %t82, !tbaa !11
  %t83 = getelementptr i8, ptr %t59, i64 80
  %t84 = getelementptr i8, ptr %t59, i64 8
  %t85 = load ptr, ptr %t84, !tbaa !14
  musttail call preserve_nonecc void %t85(ptr %cpu, ptr %t83, i32 %t66, i64 %t63, ptr %tbl)
  ret void
J86:
  %t87 = getelementptr i8, ptr %uop, i64 512
  %t88 = load ptr, ptr %t87, !tbaa !14
  %t89 = load i32, ptr %t88, !tbaa !14
  %t90 = zext i32 %t89 to i64
  %t91 = sub i64 %budget0, %t90
  %t92 = icmp slt i64 %t91, 0
  br i1 %t92, label %X0_480, label %L93, !prof !2
L93:
  %t94 = add i32 %eip, 32
  %t95 = getelementptr i8, ptr %cpu, i64 <eflags>
  %t96 = load i32, ptr %t95, !tbaa !11
  %t97 = and i32 %t96, 4294966271
  %t98 = and i32 %t4, 4294959104
  %t99 = add i32 %t51, 4294966846
  %t100 = xor i32 %t51, 4294967295
  %t101 = and i32 %t100, 450
  %t102 = xor i32 %t51, 4294966845
  %t103 = and i32 %t102, %t99
  %t104 = or i32 %t101, %t103
  %t105 = and i32 %t104, 3221225480
  %t106 = getelementptr i8, ptr %cpu, i64 <regs + 16>
  store i32 %t4, ptr %t106, !tbaa !11
  %t107 = getelementptr i8, ptr %cpu, i64 <eflags>
  store i32 %t97, ptr %t107, !tbaa !11
  store i32 %t98, ptr %cpu, !tbaa !11
  %t108 = getelementptr i8, ptr %cpu, i64 <fl_res>
  store i32 %t99, ptr %t108, !tbaa !11
  %t109 = getelementptr i8, ptr %cpu, i64 <fl_aux>
  store i32 %t105, ptr %t109, !tbaa !11
  %t110 = getelementptr i8, ptr %cpu, i64 <regs + 12>
  store i32 %t51, ptr %t110, !tbaa !11
  %t111 = getelementptr i8, ptr %cpu, i64 <regs + 4>
  store i32 %t4, ptr %t111, !tbaa !11
  %t112 = getelementptr i8, ptr %t88, i64 80
  %t113 = getelementptr i8, ptr %t88, i64 8
  %t114 = load ptr, ptr %t113, !tbaa !14
  musttail call preserve_nonecc void %t114(ptr %cpu, ptr %t112, i32 %t94, i64 %t91, ptr %tbl)
  ret void
X0_0:
  %t115 = load ptr, ptr %uop, !tbaa !14
  musttail call preserve_nonecc void %t115(ptr %cpu, ptr %uop, i32 %eip, i64 %budget0, ptr %tbl)
  ret void
X0_384:
  %t116 = getelementptr i8, ptr %cpu, i64 <eflags>
  %t117 = load i32, ptr %t116, !tbaa !11
  %t118 = and i32 %t117, 4294966271
  %t119 = and i32 %t4, 4294959104
  %t120 = add i32 %t51, 4294966846
  %t121 = xor i32 %t51, 4294967295
  %t122 = and i32 %t121, 450
  %t123 = xor i32 %t51, 4294966845
  %t124 = and i32 %t123, %t120
  %t125 = or i32 %t122, %t124
  %t126 = and i32 %t125, 3221225480
  %t127 = getelementptr i8, ptr %cpu, i64 <regs + 16>
  store i32 %t4, ptr %t127, !tbaa !11
  %t128 = getelementptr i8, ptr %cpu, i64 <eflags>
  store i32 %t118, ptr %t128, !tbaa !11
  store i32 %t119, ptr %cpu, !tbaa !11
  %t129 = getelementptr i8, ptr %cpu, i64 <fl_res>
  store i32 %t120, ptr %t129, !tbaa !11
  %t130 = getelementptr i8, ptr %cpu, i64 <fl_aux>
  store i32 %t126, ptr %t130, !tbaa !11
  %t131 = getelementptr i8, ptr %cpu, i64 <regs + 12>
  store i32 %t51, ptr %t131, !tbaa !11
  %t132 = getelementptr i8, ptr %uop, i64 384
  %t133 = load ptr, ptr %t132, !tbaa !14
  musttail call preserve_nonecc void %t133(ptr %cpu, ptr %t132, i32 %eip, i64 %budget0, ptr %tbl)
  ret void
X0_480:
  %t134 = getelementptr i8, ptr %cpu, i64 <eflags>
  %t135 = load i32, ptr %t134, !tbaa !11
  %t136 = and i32 %t135, 4294966271
  %t137 = and i32 %t4, 4294959104
  %t138 = add i32 %t51, 4294966846
  %t139 = xor i32 %t51, 4294967295
  %t140 = and i32 %t139, 450
  %t141 = xor i32 %t51, 4294966845
  %t142 = and i32 %t141, %t138
  %t143 = or i32 %t140, %t142
  %t144 = and i32 %t143, 3221225480
  %t145 = getelementptr i8, ptr %cpu, i64 <regs + 16>
  store i32 %t4, ptr %t145, !tbaa !11
  %t146 = getelementptr i8, ptr %cpu, i64 <eflags>
  store i32 %t136, ptr %t146, !tbaa !11
  store i32 %t137, ptr %cpu, !tbaa !11
  %t147 = getelementptr i8, ptr %cpu, i64 <fl_res>
  store i32 %t138, ptr %t147, !tbaa !11
  %t148 = getelementptr i8, ptr %cpu, i64 <fl_aux>
  store i32 %t144, ptr %t148, !tbaa !11
  %t149 = getelementptr i8, ptr %cpu, i64 <regs + 12>
  store i32 %t51, ptr %t149, !tbaa !11
  %t150 = getelementptr i8, ptr %cpu, i64 <regs + 4>
  store i32 %t4, ptr %t150, !tbaa !11
  %t151 = getelementptr i8, ptr %uop, i64 480
  %t152 = load ptr, ptr %t151, !tbaa !14
  musttail call preserve_nonecc void %t152(ptr %cpu, ptr %t151, i32 %eip, i64 %budget0, ptr %tbl)
  ret void
}
