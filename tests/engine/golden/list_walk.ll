; The block of list_walk.s: 6 instructions of a guest.
; x86-64-v3: 53 instructions before the first one that always jumps, 157 in all
; neoverse-n1: 45 instructions before the first one that always jumps, 118 in all

define preserve_nonecc void @list_walk(ptr %cpu, ptr %uop, i32 %eip, i64 %paid, ptr %tbl) #0 section ".list_walk" {
entry:
  %t31 = getelementptr i8, ptr %cpu, i64 <regs + 8>
  %t32 = load i32, ptr %t31, !tbaa !11
  %t80 = getelementptr i8, ptr %cpu, i64 <regs + 16>
  %t81 = load i32, ptr %t80, !tbaa !11
  %t151 = getelementptr i8, ptr %uop, i64 -48
  %t152 = getelementptr i8, ptr %uop, i64 192
  %t153 = load ptr, ptr %t152, !tbaa !14
  %own160 = icmp eq ptr %t153, %t151
  %t154 = load i32, ptr %cpu, !tbaa !11
  %t155 = getelementptr i8, ptr %cpu, i64 <fl_res>
  %t156 = load i32, ptr %t155, !tbaa !11
  %t157 = getelementptr i8, ptr %cpu, i64 <fl_aux>
  %t158 = load i32, ptr %t157, !tbaa !11
  br label %body
body:
  %budget = phi i64 [ %paid, %entry ], [ %t61, %B64 ]
  %c0 = phi i32 [ %t154, %entry ], [ %t1, %B64 ]
  %c40 = phi i32 [ %t156, %entry ], [ %t1, %B64 ]
  %c44 = phi i32 [ %t158, %entry ], [ 0, %B64 ]
  %t2 = zext i32 %c0 to i64
  %t3 = lshr i64 %t2, 12
  %t4 = getelementptr i64, ptr %tbl, i64 %t3
  %t5 = load i64, ptr %t4, !tbaa !12
  %t6 = and i64 %t5, 1
  %t7 = icmp ne i64 %t6, 0
  %t9 = and i64 %t2, 4095
  %t10 = icmp ule i64 %t9, 4092
  %t11 = and i1 %t7, %t10
  br i1 %t11, label %L8, label %X0, !prof !1
L8:
  %t12 = and i64 %t5, -4096
  %t13 = add i64 %t12, %t2
  %t14 = inttoptr i64 %t13 to ptr
  %t1 = load i32, ptr %t14, align 1, !tbaa !13
  %t16 = add i32 %t1, 8
  %t17 = zext i32 %t16 to i64
  %t18 = lshr i64 %t17, 12
  %t19 = getelementptr i64, ptr %tbl, i64 %t18
  %t20 = load i64, ptr %t19, !tbaa !12
  %t21 = and i64 %t20, 1
  %t22 = icmp ne i64 %t21, 0
  %t24 = and i64 %t17, 4095
  %t25 = icmp ule i64 %t24, 4092
  %t26 = and i1 %t22, %t25
  br i1 %t26, label %L23, label %X32, !prof !1
L23:
  %t27 = and i64 %t20, -4096
  %t28 = add i64 %t27, %t17
  %t29 = inttoptr i64 %t28 to ptr
  %t15 = load i32, ptr %t29, align 1, !tbaa !13
  %t33 = sub i32 %t15, %t32
  %t34 = icmp eq i32 %t33, 0
  br i1 %t34, label %J30, label %L35
L35:
  %t58 = icmp eq i32 %t1, 0
  %t59 = xor i1 %t58, true
  br i1 %t59, label %J57, label %L60
L60:
  %t82 = zext i32 %t81 to i64
  %t83 = lshr i64 %t82, 12
  %t84 = getelementptr i64, ptr %tbl, i64 %t83
  %t85 = load i64, ptr %t84, !tbaa !12
  %t86 = and i64 %t85, 1
  %t87 = icmp ne i64 %t86, 0
  %t89 = and i64 %t82, 4095
  %t90 = icmp ule i64 %t89, 4092
  %t91 = and i1 %t87, %t90
  br i1 %t91, label %L88, label %X224, !prof !1
L88:
  %t92 = and i64 %t85, -4096
  %t93 = add i64 %t92, %t82
  %t94 = inttoptr i64 %t93 to ptr
  %t79 = load i32, ptr %t94, align 1, !tbaa !13
  br label %J95
J30:
  %t36 = getelementptr i8, ptr %uop, i64 96
  %t37 = load ptr, ptr %t36, !tbaa !14
  %t38 = add i64 %budget, 3
  %t39 = load i32, ptr %t37, !tbaa !14
  %t40 = zext i32 %t39 to i64
  %t41 = sub i64 %t38, %t40
  %t42 = icmp slt i64 %t41, 0
  br i1 %t42, label %X64, label %L43, !prof !2
L43:
  %t44 = add i32 %eip, 11
  %t45 = xor i32 %t15, 4294967295
  %t46 = and i32 %t45, %t32
  %t47 = xor i32 %t15, %t32
  %t48 = xor i32 %t47, 4294967295
  %t49 = and i32 %t48, %t33
  %t50 = or i32 %t46, %t49
  %t51 = and i32 %t50, 3221225480
  store i32 %t1, ptr %cpu, !tbaa !11
  %t52 = getelementptr i8, ptr %cpu, i64 <fl_res>
  store i32 %t33, ptr %t52, !tbaa !11
  %t53 = getelementptr i8, ptr %cpu, i64 <fl_aux>
  store i32 %t51, ptr %t53, !tbaa !11
  %t54 = getelementptr i8, ptr %t37, i64 48
  %t55 = getelementptr i8, ptr %t37, i64 8
  %t56 = load ptr, ptr %t55, !tbaa !14
  musttail call preserve_nonecc void %t56(ptr %cpu, ptr %t54, i32 %t44, i64 %t41, ptr %tbl)
  ret void
B64:
  br label %body
J57:
  %t61 = add i64 %budget, -5
  %t62 = icmp sge i64 %t61, 0
  %t63 = and i1 %t62, %own160
  br i1 %t63, label %B64, label %L65, !prof !1
L65:
  %t66 = getelementptr i8, ptr %uop, i64 192
  %t67 = load ptr, ptr %t66, !tbaa !14
  %t68 = add i64 %budget, 1
  %t69 = load i32, ptr %t67, !tbaa !14
  %t70 = zext i32 %t69 to i64
  %t71 = sub i64 %t68, %t70
  %t72 = icmp slt i64 %t71, 0
  br i1 %t72, label %X160, label %L73, !prof !2
L73:
  store i32 %t1, ptr %cpu, !tbaa !11
  %t74 = getelementptr i8, ptr %cpu, i64 <fl_res>
  store i32 %t1, ptr %t74, !tbaa !11
  %t75 = getelementptr i8, ptr %cpu, i64 <fl_aux>
  store i32 0, ptr %t75, !tbaa !11
  %t76 = getelementptr i8, ptr %t67, i64 48
  %t77 = getelementptr i8, ptr %t67, i64 8
  %t78 = load ptr, ptr %t77, !tbaa !14
  musttail call preserve_nonecc void %t78(ptr %cpu, ptr %t76, i32 %eip, i64 %t71, ptr %tbl)
  ret void
J95:
  %t96 = getelementptr i8, ptr %cpu, i64 <jump_key>
  %t97 = load i64, ptr %t96, !tbaa !11
  %t98 = getelementptr i8, ptr %cpu, i64 <ptr + 112>
  %t99 = load ptr, ptr %t98, !tbaa !11
  %t100 = zext i32 %t79 to i64
  %t101 = or i64 %t97, %t100
  %t102 = lshr i32 %t79, 4
  %t103 = and i32 %t79, 255
  %t104 = xor i32 %t102, %t103
  %t105 = and i32 %t104, 16383
  %t106 = zext i32 %t105 to i64
  %t107 = getelementptr [16 x i8], ptr %t99, i64 %t106
  %t108 = load i64, ptr %t107, !tbaa !14
  %t109 = icmp eq i64 %t108, %t101
  br i1 %t109, label %L110, label %X224, !prof !1
L110:
  %t111 = getelementptr i8, ptr %t107, i64 8
  %t112 = load ptr, ptr %t111, !tbaa !14
  %t113 = load i32, ptr %t112, !tbaa !14
  %t114 = zext i32 %t113 to i64
  %t115 = sub i64 %budget, %t114
  %t116 = icmp slt i64 %t115, 0
  br i1 %t116, label %X224, label %L117, !prof !2
L117:
  %t118 = add i32 %t81, 4
  store i32 %t1, ptr %cpu, !tbaa !11
  %t119 = getelementptr i8, ptr %cpu, i64 <fl_res>
  store i32 %t1, ptr %t119, !tbaa !11
  %t120 = getelementptr i8, ptr %cpu, i64 <fl_aux>
  store i32 0, ptr %t120, !tbaa !11
  %t121 = getelementptr i8, ptr %cpu, i64 <regs + 16>
  store i32 %t118, ptr %t121, !tbaa !11
  %t122 = getelementptr i8, ptr %t112, i64 48
  %t123 = getelementptr i8, ptr %t112, i64 8
  %t124 = load ptr, ptr %t123, !tbaa !14
  musttail call preserve_nonecc void %t124(ptr %cpu, ptr %t122, i32 %t79, i64 %t115, ptr %tbl)
  ret void
X0:
  store i32 %c0, ptr %cpu, !tbaa !11
  %t125 = getelementptr i8, ptr %cpu, i64 <fl_res>
  store i32 %c40, ptr %t125, !tbaa !11
  %t126 = getelementptr i8, ptr %cpu, i64 <fl_aux>
  store i32 %c44, ptr %t126, !tbaa !11
  %t127 = load ptr, ptr %uop, !tbaa !14
  musttail call preserve_nonecc void %t127(ptr %cpu, ptr %uop, i32 %eip, i64 %budget, ptr %tbl)
  ret void
X32:
  store i32 %t1, ptr %cpu, !tbaa !11
  %t128 = getelementptr i8, ptr %cpu, i64 <fl_res>
  store i32 %c40, ptr %t128, !tbaa !11
  %t129 = getelementptr i8, ptr %cpu, i64 <fl_aux>
  store i32 %c44, ptr %t129, !tbaa !11
  %t130 = getelementptr i8, ptr %uop, i64 32
  %t131 = load ptr, ptr %t130, !tbaa !14
  musttail call preserve_nonecc void %t131(ptr %cpu, ptr %t130, i32 %eip, i64 %budget, ptr %tbl)
  ret void
X64:
  %t132 = xor i32 %t15, 4294967295
  %t133 = and i32 %t132, %t32
  %t134 = xor i32 %t15, %t32
  %t135 = xor i32 %t134, 4294967295
  %t136 = and i32 %t135, %t33
  %t137 = or i32 %t133, %t136
  %t138 = and i32 %t137, 3221225480
  store i32 %t1, ptr %cpu, !tbaa !11
  %t139 = getelementptr i8, ptr %cpu, i64 <fl_res>
  store i32 %t33, ptr %t139, !tbaa !11
  %t140 = getelementptr i8, ptr %cpu, i64 <fl_aux>
  store i32 %t138, ptr %t140, !tbaa !11
  %t141 = getelementptr i8, ptr %uop, i64 64
  %t142 = load ptr, ptr %t141, !tbaa !14
  musttail call preserve_nonecc void %t142(ptr %cpu, ptr %t141, i32 %eip, i64 %budget, ptr %tbl)
  ret void
X160:
  store i32 %t1, ptr %cpu, !tbaa !11
  %t143 = getelementptr i8, ptr %cpu, i64 <fl_res>
  store i32 %t1, ptr %t143, !tbaa !11
  %t144 = getelementptr i8, ptr %cpu, i64 <fl_aux>
  store i32 0, ptr %t144, !tbaa !11
  %t145 = getelementptr i8, ptr %uop, i64 160
  %t146 = load ptr, ptr %t145, !tbaa !14
  musttail call preserve_nonecc void %t146(ptr %cpu, ptr %t145, i32 %eip, i64 %budget, ptr %tbl)
  ret void
X224:
  store i32 %t1, ptr %cpu, !tbaa !11
  %t147 = getelementptr i8, ptr %cpu, i64 <fl_res>
  store i32 %t1, ptr %t147, !tbaa !11
  %t148 = getelementptr i8, ptr %cpu, i64 <fl_aux>
  store i32 0, ptr %t148, !tbaa !11
  %t149 = getelementptr i8, ptr %uop, i64 224
  %t150 = load ptr, ptr %t149, !tbaa !14
  musttail call preserve_nonecc void %t150(ptr %cpu, ptr %t149, i32 %eip, i64 %budget, ptr %tbl)
  ret void
}
