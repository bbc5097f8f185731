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
  %t41 = and i64 %t25, -4096
  %t42 = add i64 %t41, %t22
  %t43 = inttoptr i64 %t42 to ptr
  %t18 = load i32, ptr %t43, align 1, !tbaa !13
  %t46 = add i64 %t42, 4
  %t45 = inttoptr i64 %t46 to ptr
  %t44 = load i32, ptr %t45, align 1, !tbaa !13
  %t49 = add i64 %t42, 8
  %t48 = inttoptr i64 %t49 to ptr
  %t47 = load i32, ptr %t48, align 1, !tbaa !13
  %t52 = add i64 %t42, 12
  %t51 = inttoptr i64 %t52 to ptr
  %t50 = load i32, ptr %t51, align 1, !tbaa !13
  %t55 = add i64 %t42, 16
  %t54 = inttoptr i64 %t55 to ptr
  %t53 = load i32, ptr %t54, align 1, !tbaa !13
  br label %J56
W32:
  %t33 = add i64 %t22, 19
  %t34 = lshr i64 %t33, 12
  %t39 = icmp ult i64 %t33, 4294967296
  %t40 = and i1 %t39, %t27
  %t35 = getelementptr i64, ptr %tbl, i64 %t34
  %t36 = load i64, ptr %t35, !tbaa !12
  %t37 = icmp eq i64 %t25, %t36
  %t38 = and i1 %t37, %t40
  br i1 %t38, label %L28, label %X0_64, !prof !1
J56:
  %t57 = getelementptr i8, ptr %cpu, i64 <jump_key>
  %t58 = load i64, ptr %t57, !tbaa !11
  %t59 = getelementptr i8, ptr %cpu, i64 <ptr + 112>
  %t60 = load ptr, ptr %t59, !tbaa !11
  %t61 = zext i32 %t53 to i64
  %t62 = or i64 %t58, %t61
  %t63 = lshr i32 %t53, 4
  %t64 = and i32 %t53, 255
  %t65 = xor i32 %t63, %t64
  %t66 = and i32 %t65, 16383
  %t67 = zext i32 %t66 to i64
  %t68 = getelementptr [16 x i8], ptr %t60, i64 %t67
  %t69 = load i64, ptr %t68, !tbaa !14
  %t70 = icmp eq i64 %t69, %t62
  br i1 %t70, label %L71, label %X0_192, !prof !1
L71:
  %t72 = getelementptr i8, ptr %t68, i64 8
  %t73 = load ptr, ptr %t72, !tbaa !14
  %t74 = load i32, ptr %t73, !tbaa !14
  %t75 = zext i32 %t74 to i64
  %t76 = sub i64 %budget0, %t75
  %t77 = icmp slt i64 %t76, 0
  br i1 %t77, label %X0_192, label %L78, !prof !2
L78:
  %t79 = and i32 %t20, 12
  %t80 = or i32 %t20, 12
  %t81 = xor i32 %t21, 4294967295
  %t82 = and i32 %t80, %t81
  %t83 = or i32 %t79, %t82
  %t84 = and i32 %t83, 3221225480
  %t85 = add i32 %t20, 32
  store i32 %t1, ptr %cpu, !tbaa !11
  %t86 = getelementptr i8, ptr %cpu, i64 <fl_res>
  store i32 %t21, ptr %t86, !tbaa !11
  %t87 = getelementptr i8, ptr %cpu, i64 <fl_aux>
  store i32 %t84, ptr %t87, !tbaa !11
  %t88 = getelementptr i8, ptr %cpu, i64 <regs + 16>
  store i32 %t85, ptr %t88, !tbaa !11
  %t89 = getelementptr i8, ptr %cpu, i64 <regs + 12>
  store i32 %t18, ptr %t89, !tbaa !11
  %t90 = getelementptr i8, ptr %cpu, i64 <regs + 24>
  store i32 %t44, ptr %t90, !tbaa !11
  %t91 = getelementptr i8, ptr %cpu, i64 <regs + 28>
  store i32 %t47, ptr %t91, !tbaa !11
  %t92 = getelementptr i8, ptr %cpu, i64 <regs + 20>
  store i32 %t50, ptr %t92, !tbaa !11
  %t93 = getelementptr i8, ptr %t73, i64 80
  %t94 = getelementptr i8, ptr %t73, i64 8
  %t95 = load ptr, ptr %t94, !tbaa !14
  musttail call preserve_nonecc void %t95(ptr %cpu, ptr %t93, i32 %t53, i64 %t76, ptr %tbl)
  ret void
X0_0:
  %t96 = load ptr, ptr %uop, !tbaa !14
  musttail call preserve_nonecc void %t96(ptr %cpu, ptr %uop, i32 %eip, i64 %budget0, ptr %tbl)
  ret void
X0_64:
  %t97 = and i32 %t20, 12
  %t98 = or i32 %t20, 12
  %t99 = xor i32 %t21, 4294967295
  %t100 = and i32 %t98, %t99
  %t101 = or i32 %t97, %t100
  %t102 = and i32 %t101, 3221225480
  store i32 %t1, ptr %cpu, !tbaa !11
  %t103 = getelementptr i8, ptr %cpu, i64 <fl_res>
  store i32 %t21, ptr %t103, !tbaa !11
  %t104 = getelementptr i8, ptr %cpu, i64 <fl_aux>
  store i32 %t102, ptr %t104, !tbaa !11
  %t105 = getelementptr i8, ptr %cpu, i64 <regs + 16>
  store i32 %t21, ptr %t105, !tbaa !11
  %t106 = getelementptr i8, ptr %uop, i64 64
  %t107 = load ptr, ptr %t106, !tbaa !14
  musttail call preserve_nonecc void %t107(ptr %cpu, ptr %t106, i32 %eip, i64 %budget0, ptr %tbl)
  ret void
X0_192:
  %t108 = and i32 %t20, 12
  %t109 = or i32 %t20, 12
  %t110 = xor i32 %t21, 4294967295
  %t111 = and i32 %t109, %t110
  %t112 = or i32 %t108, %t111
  %t113 = and i32 %t112, 3221225480
  %t114 = add i32 %t20, 28
  store i32 %t1, ptr %cpu, !tbaa !11
  %t115 = getelementptr i8, ptr %cpu, i64 <fl_res>
  store i32 %t21, ptr %t115, !tbaa !11
  %t116 = getelementptr i8, ptr %cpu, i64 <fl_aux>
  store i32 %t113, ptr %t116, !tbaa !11
  %t117 = getelementptr i8, ptr %cpu, i64 <regs + 16>
  store i32 %t114, ptr %t117, !tbaa !11
  %t118 = getelementptr i8, ptr %cpu, i64 <regs + 12>
  store i32 %t18, ptr %t118, !tbaa !11
  %t119 = getelementptr i8, ptr %cpu, i64 <regs + 24>
  store i32 %t44, ptr %t119, !tbaa !11
  %t120 = getelementptr i8, ptr %cpu, i64 <regs + 28>
  store i32 %t47, ptr %t120, !tbaa !11
  %t121 = getelementptr i8, ptr %cpu, i64 <regs + 20>
  store i32 %t50, ptr %t121, !tbaa !11
  %t122 = getelementptr i8, ptr %uop, i64 192
  %t123 = load ptr, ptr %t122, !tbaa !14
  musttail call preserve_nonecc void %t123(ptr %cpu, ptr %t122, i32 %eip, i64 %budget0, ptr %tbl)
  ret void
}
