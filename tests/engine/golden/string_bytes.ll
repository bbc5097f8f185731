; The block of string_bytes.s: 5 instructions of a guest.
; x86-64-v3: 44 instructions before the first one that always jumps, 115 in all
; neoverse-n1: 35 instructions before the first one that always jumps, 82 in all

define preserve_nonecc void @string_bytes(ptr %cpu, ptr %uop, i32 %eip, i64 %paid, ptr %tbl) #0 section ".string_bytes" {
entry:
  %t1 = getelementptr i8, ptr %uop, i64 -80
  %t2 = getelementptr i8, ptr %uop, i64 128
  %t3 = load ptr, ptr %t2, !tbaa !14
  %own96 = icmp eq ptr %t3, %t1
  %t111 = load i32, ptr %cpu, !tbaa !11
  %t112 = getelementptr i8, ptr %cpu, i64 <regs + 24>
  %t113 = load i32, ptr %t112, !tbaa !11
  %t114 = getelementptr i8, ptr %cpu, i64 <regs + 28>
  %t115 = load i32, ptr %t114, !tbaa !11
  %t116 = getelementptr i8, ptr %cpu, i64 <fl_res>
  %t117 = load i32, ptr %t116, !tbaa !11
  %t118 = getelementptr i8, ptr %cpu, i64 <fl_aux>
  %t119 = load i32, ptr %t118, !tbaa !11
  br label %body0
body0:
  %budget0 = phi i64 [ %paid, %entry ], [ %t34, %B36 ]
  %c0_0 = phi i32 [ %t111, %entry ], [ %t17, %B36 ]
  %c0_24 = phi i32 [ %t113, %entry ], [ %t44, %B36 ]
  %c0_28 = phi i32 [ %t115, %entry ], [ %t45, %B36 ]
  %c0_40 = phi i32 [ %t117, %entry ], [ %t30, %B36 ]
  %c0_44 = phi i32 [ %t119, %entry ], [ 0, %B36 ]
  %t5 = zext i32 %c0_24 to i64
  %t6 = lshr i64 %t5, 12
  %t7 = getelementptr i64, ptr %tbl, i64 %t6
  %t8 = load i64, ptr %t7, !tbaa !12
  %t9 = and i64 %t8, 1
  %t10 = icmp ne i64 %t9, 0
  br i1 %t10, label %L11, label %X0_0, !prof !1
L11:
  %t12 = and i64 %t8, -4096
  %t13 = add i64 %t12, %t5
  %t14 = inttoptr i64 %t13 to ptr
  %t4 = load i8, ptr %t14, align 1, !tbaa !13
  %t15 = and i32 %c0_0, 4294967040
  %t16 = zext i8 %t4 to i32
  %t17 = or i32 %t15, %t16
  %t18 = trunc i32 %t17 to i8
  %t19 = zext i32 %c0_28 to i64
  %t20 = lshr i64 %t19, 12
  %t21 = getelementptr i64, ptr %tbl, i64 %t20
  %t22 = load i64, ptr %t21, !tbaa !12
  %t23 = and i64 %t22, 2
  %t24 = icmp ne i64 %t23, 0
  br i1 %t24, label %L25, label %X0_32, !prof !1
L25:
  %t26 = and i64 %t22, -4096
  %t27 = add i64 %t26, %t19
  %t28 = inttoptr i64 %t27 to ptr
  store i8 %t18, ptr %t28, align 1, !tbaa !13
  %t30 = sext i8 %t18 to i32
  %t31 = icmp eq i32 %t30, 0
  %t32 = xor i1 %t31, true
  br i1 %t32, label %J29, label %L33
L33:
  br label %X0_160
B36:
  %t39 = getelementptr i8, ptr %cpu, i64 <eflags>
  %t40 = load i32, ptr %t39, !tbaa !11
  %t42 = lshr i32 %t40, 10
  %t41 = trunc i32 %t42 to i1
  %t43 = select i1 %t41, i32 4294967295, i32 1
  %t44 = add i32 %c0_24, %t43
  %t45 = add i32 %c0_28, %t43
  br label %body0
J29:
  %t34 = add i64 %budget0, -4
  %t35 = icmp sge i64 %t34, 0
  %t38 = and i1 %t35, %own96
  br i1 %t38, label %B36, label %L37, !prof !1
L37:
  %t46 = getelementptr i8, ptr %uop, i64 128
  %t47 = load ptr, ptr %t46, !tbaa !14
  %t48 = add i64 %budget0, 1
  %t49 = load i32, ptr %t47, !tbaa !14
  %t50 = zext i32 %t49 to i64
  %t51 = sub i64 %t48, %t50
  %t52 = icmp slt i64 %t51, 0
  br i1 %t52, label %X0_96, label %L53, !prof !2
L53:
  %t54 = getelementptr i8, ptr %cpu, i64 <eflags>
  %t55 = load i32, ptr %t54, !tbaa !11
  %t57 = lshr i32 %t55, 10
  %t56 = trunc i32 %t57 to i1
  %t58 = select i1 %t56, i32 4294967295, i32 1
  %t59 = add i32 %c0_24, %t58
  %t60 = add i32 %c0_28, %t58
  store i32 %t17, ptr %cpu, !tbaa !11
  %t61 = getelementptr i8, ptr %cpu, i64 <regs + 24>
  store i32 %t59, ptr %t61, !tbaa !11
  %t62 = getelementptr i8, ptr %cpu, i64 <regs + 28>
  store i32 %t60, ptr %t62, !tbaa !11
  %t63 = getelementptr i8, ptr %cpu, i64 <fl_res>
  store i32 %t30, ptr %t63, !tbaa !11
  %t64 = getelementptr i8, ptr %cpu, i64 <fl_aux>
  store i32 0, ptr %t64, !tbaa !11
  %t65 = getelementptr i8, ptr %t47, i64 80
  %t66 = getelementptr i8, ptr %t47, i64 8
  %t67 = load ptr, ptr %t66, !tbaa !14
  musttail call preserve_nonecc void %t67(ptr %cpu, ptr %t65, i32 %eip, i64 %t51, ptr %tbl)
  ret void
X0_0:
  store i32 %c0_0, ptr %cpu, !tbaa !11
  %t68 = getelementptr i8, ptr %cpu, i64 <regs + 24>
  store i32 %c0_24, ptr %t68, !tbaa !11
  %t69 = getelementptr i8, ptr %cpu, i64 <regs + 28>
  store i32 %c0_28, ptr %t69, !tbaa !11
  %t70 = getelementptr i8, ptr %cpu, i64 <fl_res>
  store i32 %c0_40, ptr %t70, !tbaa !11
  %t71 = getelementptr i8, ptr %cpu, i64 <fl_aux>
  store i32 %c0_44, ptr %t71, !tbaa !11
  %t72 = load ptr, ptr %uop, !tbaa !14
  musttail call preserve_nonecc void %t72(ptr %cpu, ptr %uop, i32 %eip, i64 %budget0, ptr %tbl)
  ret void
X0_32:
  %t73 = getelementptr i8, ptr %cpu, i64 <eflags>
  %t74 = load i32, ptr %t73, !tbaa !11
  %t76 = lshr i32 %t74, 10
  %t75 = trunc i32 %t76 to i1
  %t77 = select i1 %t75, i32 4294967295, i32 1
  %t78 = add i32 %c0_24, %t77
  store i32 %t17, ptr %cpu, !tbaa !11
  %t79 = getelementptr i8, ptr %cpu, i64 <regs + 24>
  store i32 %t78, ptr %t79, !tbaa !11
  %t80 = getelementptr i8, ptr %cpu, i64 <regs + 28>
  store i32 %c0_28, ptr %t80, !tbaa !11
  %t81 = getelementptr i8, ptr %cpu, i64 <fl_res>
  store i32 %c0_40, ptr %t81, !tbaa !11
  %t82 = getelementptr i8, ptr %cpu, i64 <fl_aux>
  store i32 %c0_44, ptr %t82, !tbaa !11
  %t83 = getelementptr i8, ptr %uop, i64 32
  %t84 = load ptr, ptr %t83, !tbaa !14
  musttail call preserve_nonecc void %t84(ptr %cpu, ptr %t83, i32 %eip, i64 %budget0, ptr %tbl)
  ret void
X0_96:
  %t85 = getelementptr i8, ptr %cpu, i64 <eflags>
  %t86 = load i32, ptr %t85, !tbaa !11
  %t88 = lshr i32 %t86, 10
  %t87 = trunc i32 %t88 to i1
  %t89 = select i1 %t87, i32 4294967295, i32 1
  %t90 = add i32 %c0_24, %t89
  %t91 = add i32 %c0_28, %t89
  store i32 %t17, ptr %cpu, !tbaa !11
  %t92 = getelementptr i8, ptr %cpu, i64 <regs + 24>
  store i32 %t90, ptr %t92, !tbaa !11
  %t93 = getelementptr i8, ptr %cpu, i64 <regs + 28>
  store i32 %t91, ptr %t93, !tbaa !11
  %t94 = getelementptr i8, ptr %cpu, i64 <fl_res>
  store i32 %t30, ptr %t94, !tbaa !11
  %t95 = getelementptr i8, ptr %cpu, i64 <fl_aux>
  store i32 0, ptr %t95, !tbaa !11
  %t96 = getelementptr i8, ptr %uop, i64 96
  %t97 = load ptr, ptr %t96, !tbaa !14
  musttail call preserve_nonecc void %t97(ptr %cpu, ptr %t96, i32 %eip, i64 %budget0, ptr %tbl)
  ret void
X0_160:
  %t98 = getelementptr i8, ptr %cpu, i64 <eflags>
  %t99 = load i32, ptr %t98, !tbaa !11
  %t101 = lshr i32 %t99, 10
  %t100 = trunc i32 %t101 to i1
  %t102 = select i1 %t100, i32 4294967295, i32 1
  %t103 = add i32 %c0_24, %t102
  %t104 = add i32 %c0_28, %t102
  store i32 %t17, ptr %cpu, !tbaa !11
  %t105 = getelementptr i8, ptr %cpu, i64 <regs + 24>
  store i32 %t103, ptr %t105, !tbaa !11
  %t106 = getelementptr i8, ptr %cpu, i64 <regs + 28>
  store i32 %t104, ptr %t106, !tbaa !11
  %t107 = getelementptr i8, ptr %cpu, i64 <fl_res>
  store i32 %t30, ptr %t107, !tbaa !11
  %t108 = getelementptr i8, ptr %cpu, i64 <fl_aux>
  store i32 0, ptr %t108, !tbaa !11
  %t109 = getelementptr i8, ptr %uop, i64 160
  %t110 = load ptr, ptr %t109, !tbaa !14
  musttail call preserve_nonecc void %t110(ptr %cpu, ptr %t109, i32 %eip, i64 %budget0, ptr %tbl)
  ret void
}
