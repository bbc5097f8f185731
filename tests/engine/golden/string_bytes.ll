; The block of string_bytes.s: 5 instructions of a guest.
; x86-64-v3: 44 instructions before the first one that always jumps, 115 in all
; neoverse-n1: 35 instructions before the first one that always jumps, 82 in all

define preserve_nonecc void @string_bytes(ptr %cpu, ptr %uop, i32 %eip, i64 %paid, ptr %tbl) #0 section ".string_bytes" {
entry:
  %t108 = getelementptr i8, ptr %uop, i64 -48
  %t109 = getelementptr i8, ptr %uop, i64 128
  %t110 = load ptr, ptr %t109, !tbaa !14
  %own96 = icmp eq ptr %t110, %t108
  %t111 = load i32, ptr %cpu, !tbaa !11
  %t112 = getelementptr i8, ptr %cpu, i64 <regs + 24>
  %t113 = load i32, ptr %t112, !tbaa !11
  %t114 = getelementptr i8, ptr %cpu, i64 <regs + 28>
  %t115 = load i32, ptr %t114, !tbaa !11
  %t116 = getelementptr i8, ptr %cpu, i64 <fl_res>
  %t117 = load i32, ptr %t116, !tbaa !11
  %t118 = getelementptr i8, ptr %cpu, i64 <fl_aux>
  %t119 = load i32, ptr %t118, !tbaa !11
  br label %body
body:
  %budget = phi i64 [ %paid, %entry ], [ %t31, %B34 ]
  %c0 = phi i32 [ %t111, %entry ], [ %t14, %B34 ]
  %c24 = phi i32 [ %t113, %entry ], [ %t41, %B34 ]
  %c28 = phi i32 [ %t115, %entry ], [ %t42, %B34 ]
  %c40 = phi i32 [ %t117, %entry ], [ %t27, %B34 ]
  %c44 = phi i32 [ %t119, %entry ], [ 0, %B34 ]
  %t2 = zext i32 %c24 to i64
  %t3 = lshr i64 %t2, 12
  %t4 = getelementptr i64, ptr %tbl, i64 %t3
  %t5 = load i64, ptr %t4, !tbaa !12
  %t6 = and i64 %t5, 1
  %t7 = icmp ne i64 %t6, 0
  br i1 %t7, label %L8, label %X0, !prof !1
L8:
  %t9 = and i64 %t5, -4096
  %t10 = add i64 %t9, %t2
  %t11 = inttoptr i64 %t10 to ptr
  %t1 = load i8, ptr %t11, align 1, !tbaa !13
  %t12 = and i32 %c0, 4294967040
  %t13 = zext i8 %t1 to i32
  %t14 = or i32 %t12, %t13
  %t15 = trunc i32 %t14 to i8
  %t16 = zext i32 %c28 to i64
  %t17 = lshr i64 %t16, 12
  %t18 = getelementptr i64, ptr %tbl, i64 %t17
  %t19 = load i64, ptr %t18, !tbaa !12
  %t20 = and i64 %t19, 2
  %t21 = icmp ne i64 %t20, 0
  br i1 %t21, label %L22, label %X32, !prof !1
L22:
  %t23 = and i64 %t19, -4096
  %t24 = add i64 %t23, %t16
  %t25 = inttoptr i64 %t24 to ptr
  store i8 %t15, ptr %t25, align 1, !tbaa !13
  %t27 = sext i8 %t15 to i32
  %t28 = icmp eq i32 %t27, 0
  %t29 = xor i1 %t28, true
  br i1 %t29, label %J26, label %L30
L30:
  br label %X160
B34:
  %t36 = getelementptr i8, ptr %cpu, i64 <eflags>
  %t37 = load i32, ptr %t36, !tbaa !11
  %t39 = lshr i32 %t37, 10
  %t38 = trunc i32 %t39 to i1
  %t40 = select i1 %t38, i32 4294967295, i32 1
  %t41 = add i32 %c24, %t40
  %t42 = add i32 %c28, %t40
  br label %body
J26:
  %t31 = add i64 %budget, -4
  %t32 = icmp sge i64 %t31, 0
  %t33 = and i1 %t32, %own96
  br i1 %t33, label %B34, label %L35, !prof !1
L35:
  %t43 = getelementptr i8, ptr %uop, i64 128
  %t44 = load ptr, ptr %t43, !tbaa !14
  %t45 = add i64 %budget, 1
  %t46 = load i32, ptr %t44, !tbaa !14
  %t47 = zext i32 %t46 to i64
  %t48 = sub i64 %t45, %t47
  %t49 = icmp slt i64 %t48, 0
  br i1 %t49, label %X96, label %L50, !prof !2
L50:
  %t51 = getelementptr i8, ptr %cpu, i64 <eflags>
  %t52 = load i32, ptr %t51, !tbaa !11
  %t54 = lshr i32 %t52, 10
  %t53 = trunc i32 %t54 to i1
  %t55 = select i1 %t53, i32 4294967295, i32 1
  %t56 = add i32 %c24, %t55
  %t57 = add i32 %c28, %t55
  store i32 %t14, ptr %cpu, !tbaa !11
  %t58 = getelementptr i8, ptr %cpu, i64 <regs + 24>
  store i32 %t56, ptr %t58, !tbaa !11
  %t59 = getelementptr i8, ptr %cpu, i64 <regs + 28>
  store i32 %t57, ptr %t59, !tbaa !11
  %t60 = getelementptr i8, ptr %cpu, i64 <fl_res>
  store i32 %t27, ptr %t60, !tbaa !11
  %t61 = getelementptr i8, ptr %cpu, i64 <fl_aux>
  store i32 0, ptr %t61, !tbaa !11
  %t62 = getelementptr i8, ptr %t44, i64 48
  %t63 = getelementptr i8, ptr %t44, i64 8
  %t64 = load ptr, ptr %t63, !tbaa !14
  musttail call preserve_nonecc void %t64(ptr %cpu, ptr %t62, i32 %eip, i64 %t48, ptr %tbl)
  ret void
X0:
  store i32 %c0, ptr %cpu, !tbaa !11
  %t65 = getelementptr i8, ptr %cpu, i64 <regs + 24>
  store i32 %c24, ptr %t65, !tbaa !11
  %t66 = getelementptr i8, ptr %cpu, i64 <regs + 28>
  store i32 %c28, ptr %t66, !tbaa !11
  %t67 = getelementptr i8, ptr %cpu, i64 <fl_res>
  store i32 %c40, ptr %t67, !tbaa !11
  %t68 = getelementptr i8, ptr %cpu, i64 <fl_aux>
  store i32 %c44, ptr %t68, !tbaa !11
  %t69 = load ptr, ptr %uop, !tbaa !14
  musttail call preserve_nonecc void %t69(ptr %cpu, ptr %uop, i32 %eip, i64 %budget, ptr %tbl)
  ret void
X32:
  %t70 = getelementptr i8, ptr %cpu, i64 <eflags>
  %t71 = load i32, ptr %t70, !tbaa !11
  %t73 = lshr i32 %t71, 10
  %t72 = trunc i32 %t73 to i1
  %t74 = select i1 %t72, i32 4294967295, i32 1
  %t75 = add i32 %c24, %t74
  store i32 %t14, ptr %cpu, !tbaa !11
  %t76 = getelementptr i8, ptr %cpu, i64 <regs + 24>
  store i32 %t75, ptr %t76, !tbaa !11
  %t77 = getelementptr i8, ptr %cpu, i64 <regs + 28>
  store i32 %c28, ptr %t77, !tbaa !11
  %t78 = getelementptr i8, ptr %cpu, i64 <fl_res>
  store i32 %c40, ptr %t78, !tbaa !11
  %t79 = getelementptr i8, ptr %cpu, i64 <fl_aux>
  store i32 %c44, ptr %t79, !tbaa !11
  %t80 = getelementptr i8, ptr %uop, i64 32
  %t81 = load ptr, ptr %t80, !tbaa !14
  musttail call preserve_nonecc void %t81(ptr %cpu, ptr %t80, i32 %eip, i64 %budget, ptr %tbl)
  ret void
X96:
  %t82 = getelementptr i8, ptr %cpu, i64 <eflags>
  %t83 = load i32, ptr %t82, !tbaa !11
  %t85 = lshr i32 %t83, 10
  %t84 = trunc i32 %t85 to i1
  %t86 = select i1 %t84, i32 4294967295, i32 1
  %t87 = add i32 %c24, %t86
  %t88 = add i32 %c28, %t86
  store i32 %t14, ptr %cpu, !tbaa !11
  %t89 = getelementptr i8, ptr %cpu, i64 <regs + 24>
  store i32 %t87, ptr %t89, !tbaa !11
  %t90 = getelementptr i8, ptr %cpu, i64 <regs + 28>
  store i32 %t88, ptr %t90, !tbaa !11
  %t91 = getelementptr i8, ptr %cpu, i64 <fl_res>
  store i32 %t27, ptr %t91, !tbaa !11
  %t92 = getelementptr i8, ptr %cpu, i64 <fl_aux>
  store i32 0, ptr %t92, !tbaa !11
  %t93 = getelementptr i8, ptr %uop, i64 96
  %t94 = load ptr, ptr %t93, !tbaa !14
  musttail call preserve_nonecc void %t94(ptr %cpu, ptr %t93, i32 %eip, i64 %budget, ptr %tbl)
  ret void
X160:
  %t95 = getelementptr i8, ptr %cpu, i64 <eflags>
  %t96 = load i32, ptr %t95, !tbaa !11
  %t98 = lshr i32 %t96, 10
  %t97 = trunc i32 %t98 to i1
  %t99 = select i1 %t97, i32 4294967295, i32 1
  %t100 = add i32 %c24, %t99
  %t101 = add i32 %c28, %t99
  store i32 %t14, ptr %cpu, !tbaa !11
  %t102 = getelementptr i8, ptr %cpu, i64 <regs + 24>
  store i32 %t100, ptr %t102, !tbaa !11
  %t103 = getelementptr i8, ptr %cpu, i64 <regs + 28>
  store i32 %t101, ptr %t103, !tbaa !11
  %t104 = getelementptr i8, ptr %cpu, i64 <fl_res>
  store i32 %t27, ptr %t104, !tbaa !11
  %t105 = getelementptr i8, ptr %cpu, i64 <fl_aux>
  store i32 0, ptr %t105, !tbaa !11
  %t106 = getelementptr i8, ptr %uop, i64 160
  %t107 = load ptr, ptr %t106, !tbaa !14
  musttail call preserve_nonecc void %t107(ptr %cpu, ptr %t106, i32 %eip, i64 %budget, ptr %tbl)
  ret void
}
