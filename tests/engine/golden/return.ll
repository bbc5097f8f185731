; The block of return.s: 7 instructions of a guest.
; x86-64-v3: 73 instructions before the first one that always jumps, 126 in all
; neoverse-n1: 55 instructions before the first one that always jumps, 96 in all

define preserve_nonecc void @return(ptr %cpu, ptr %uop, i32 %eip, i64 %paid, ptr %tbl) #0 section ".return" {
entry:
  br label %body0
body0:
  %budget0 = phi i64 [ %paid, %entry ]
  %t2 = getelementptr i8, ptr %cpu, i64 <regs + 20>
  %t3 = load i32, ptr %t2, !tbaa !11
  %t4 = add i32 %t3, 4294967292
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
  %t19 = getelementptr i8, ptr %cpu, i64 <regs + 16>
  %t20 = load i32, ptr %t19, !tbaa !11
  %t21 = add i32 %t20, 12
  %t22 = zext i32 %t21 to i64
  %t23 = lshr i64 %t22, 12
  %t24 = getelementptr i64, ptr %tbl, i64 %t23
  %t25 = load i64, ptr %t24, !tbaa !12
  %t26 = and i64 %t25, 1
  %t27 = icmp ne i64 %t26, 0
  %t29 = and i64 %t22, 4095
  %t30 = icmp ule i64 %t29, 4076
  %t31 = and i1 %t27, %t30
  br i1 %t31, label %L28, label %W32, !prof !1
L28:
  %t42 = and i64 %t25, -4096
  %t43 = add i64 %t42, %t22
  %t44 = inttoptr i64 %t43 to ptr
  %t18 = load i32, ptr %t44, align 1, !tbaa !13
  %t47 = add i64 %t43, 4
  %t46 = inttoptr i64 %t47 to ptr
  %t45 = load i32, ptr %t46, align 1, !tbaa !13
  %t50 = add i64 %t43, 8
  %t49 = inttoptr i64 %t50 to ptr
  %t48 = load i32, ptr %t49, align 1, !tbaa !13
  %t53 = add i64 %t43, 12
  %t52 = inttoptr i64 %t53 to ptr
  %t51 = load i32, ptr %t52, align 1, !tbaa !13
  %t56 = add i64 %t43, 16
  %t55 = inttoptr i64 %t56 to ptr
  %t54 = load i32, ptr %t55, align 1, !tbaa !13
  br label %J57
W32:
  %t33 = add i64 %t22, 19
  %t34 = and i64 %t33, 4294967295
  %t35 = lshr i64 %t34, 12
  %t40 = icmp eq i64 %t33, %t34
  %t41 = and i1 %t40, %t27
  %t36 = getelementptr i64, ptr %tbl, i64 %t35
  %t37 = load i64, ptr %t36, !tbaa !12
  %t38 = icmp eq i64 %t25, %t37
  %t39 = and i1 %t38, %t41
  br i1 %t39, label %L28, label %X0_64, !prof !1
J57:
  %t58 = getelementptr i8, ptr %cpu, i64 <jump_key>
  %t59 = load i64, ptr %t58, !tbaa !11
  %t60 = getelementptr i8, ptr %cpu, i64 <ptr + 112>
  %t61 = load ptr, ptr %t60, !tbaa !11
  %t62 = zext i32 %t54 to i64
  %t63 = or i64 %t59, %t62
  %t64 = lshr i32 %t54, 4
  %t65 = and i32 %t54, 255
  %t66 = xor i32 %t64, %t65
  %t67 = and i32 %t66, 65535
  %t68 = zext i32 %t67 to i64
  %t69 = getelementptr [16 x i8], ptr %t61, i64 %t68
  %t70 = load i64, ptr %t69, !tbaa !14
  %t71 = icmp eq i64 %t70, %t63
  br i1 %t71, label %L72, label %X0_192, !prof !1
L72:
  %t73 = getelementptr i8, ptr %t69, i64 8
  %t74 = load ptr, ptr %t73, !tbaa !14
  %t75 = load i32, ptr %t74, !tbaa !14
  %t76 = zext i32 %t75 to i64
  %t77 = sub i64 %budget0, %t76
  %t78 = icmp slt i64 %t77, 0
  br i1 %t78, label %X0_192, label %L79, !prof !2
L79:
  %t80 = and i32 %t20, 12
  %t81 = or i32 %t20, 12
  %t82 = xor i32 %t21, 4294967295
  %t83 = and i32 %t81, %t82
  %t84 = or i32 %t80, %t83
  %t85 = and i32 %t84, 3221225480
  %t86 = add i32 %t20, 32
  store i32 %t1, ptr %cpu, !tbaa !11
  %t87 = getelementptr i8, ptr %cpu, i64 <fl_res>
  store i32 %t21, ptr %t87, !tbaa !11
  %t88 = getelementptr i8, ptr %cpu, i64 <fl_aux>
  store i32 %t85, ptr %t88, !tbaa !11
  %t89 = getelementptr i8, ptr %cpu, i64 <regs + 16>
  store i32 %t86, ptr %t89, !tbaa !11
  %t90 = getelementptr i8, ptr %cpu, i64 <regs + 12>
  store i32 %t18, ptr %t90, !tbaa !11
  %t91 = getelementptr i8, ptr %cpu, i64 <regs + 24>
  store i32 %t45, ptr %t91, !tbaa !11
  %t92 = getelementptr i8, ptr %cpu, i64 <regs + 28>
  store i32 %t48, ptr %t92, !tbaa !11
  %t93 = getelementptr i8, ptr %cpu, i64 <regs + 20>
  store i32 %t51, ptr %t93, !tbaa !11
  %t94 = getelementptr i8, ptr %t74, i64 80
  %t95 = getelementptr i8, ptr %t74, i64 8
  %t96 = load ptr, ptr %t95, !tbaa !14
  musttail call preserve_nonecc void %t96(ptr %cpu, ptr %t94, i32 %t54, i64 %t77, ptr %tbl)
  ret void
X0_0:
  %t97 = load ptr, ptr %uop, !tbaa !14
  musttail call preserve_nonecc void %t97(ptr %cpu, ptr %uop, i32 %eip, i64 %budget0, ptr %tbl)
  ret void
X0_64:
  %t98 = and i32 %t20, 12
  %t99 = or i32 %t20, 12
  %t100 = xor i32 %t21, 4294967295
  %t101 = and i32 %t99, %t100
  %t102 = or i32 %t98, %t101
  %t103 = and i32 %t102, 3221225480
  store i32 %t1, ptr %cpu, !tbaa !11
  %t104 = getelementptr i8, ptr %cpu, i64 <fl_res>
  store i32 %t21, ptr %t104, !tbaa !11
  %t105 = getelementptr i8, ptr %cpu, i64 <fl_aux>
  store i32 %t103, ptr %t105, !tbaa !11
  %t106 = getelementptr i8, ptr %cpu, i64 <regs + 16>
  store i32 %t21, ptr %t106, !tbaa !11
  %t107 = getelementptr i8, ptr %uop, i64 64
  %t108 = load ptr, ptr %t107, !tbaa !14
  musttail call preserve_nonecc void %t108(ptr %cpu, ptr %t107, i32 %eip, i64 %budget0, ptr %tbl)
  ret void
X0_192:
  %t109 = and i32 %t20, 12
  %t110 = or i32 %t20, 12
  %t111 = xor i32 %t21, 4294967295
  %t112 = and i32 %t110, %t111
  %t113 = or i32 %t109, %t112
  %t114 = and i32 %t113, 3221225480
  %t115 = add i32 %t20, 28
  store i32 %t1, ptr %cpu, !tbaa !11
  %t116 = getelementptr i8, ptr %cpu, i64 <fl_res>
  store i32 %t21, ptr %t116, !tbaa !11
  %t117 = getelementptr i8, ptr %cpu, i64 <fl_aux>
  store i32 %t114, ptr %t117, !tbaa !11
  %t118 = getelementptr i8, ptr %cpu, i64 <regs + 16>
  store i32 %t115, ptr %t118, !tbaa !11
  %t119 = getelementptr i8, ptr %cpu, i64 <regs + 12>
  store i32 %t18, ptr %t119, !tbaa !11
  %t120 = getelementptr i8, ptr %cpu, i64 <regs + 24>
  store i32 %t45, ptr %t120, !tbaa !11
  %t121 = getelementptr i8, ptr %cpu, i64 <regs + 28>
  store i32 %t48, ptr %t121, !tbaa !11
  %t122 = getelementptr i8, ptr %cpu, i64 <regs + 20>
  store i32 %t51, ptr %t122, !tbaa !11
  %t123 = getelementptr i8, ptr %uop, i64 192
  %t124 = load ptr, ptr %t123, !tbaa !14
  musttail call preserve_nonecc void %t124(ptr %cpu, ptr %t123, i32 %eip, i64 %budget0, ptr %tbl)
  ret void
}
