; The block of jump_table.s: 5 instructions of a guest.
; x86-64-v3: 27 instructions before the first one that always jumps, 107 in all
; neoverse-n1: 25 instructions before the first one that always jumps, 90 in all

define preserve_nonecc void @jump_table(ptr %cpu, ptr %uop, i32 %eip, i64 %paid, ptr %tbl) #0 section ".jump_table" {
entry:
  br label %body0
body0:
  %budget0 = phi i64 [ %paid, %entry ]
  %t2 = load i32, ptr %cpu, !tbaa !11
  %t3 = add i32 %t2, 4294967264
  %t4 = icmp ult i32 %t3, 90
  %t5 = add i32 %t2, 4294967174
  %t6 = icmp eq i32 %t5, 0
  %t7 = or i1 %t4, %t6
  %t8 = xor i1 %t7, true
  br i1 %t8, label %J1, label %L9
L9:
  %t31 = add i32 %t2, 8160
  %t32 = zext i32 %t31 to i64
  %t33 = lshr i64 %t32, 12
  %t34 = getelementptr i64, ptr %tbl, i64 %t33
  %t35 = load i64, ptr %t34, !tbaa !12
  %t36 = and i64 %t35, 1
  %t37 = icmp ne i64 %t36, 0
  br i1 %t37, label %L38, label %X0_128, !prof !1
L38:
  %t39 = and i64 %t35, -4096
  %t40 = add i64 %t39, %t32
  %t41 = inttoptr i64 %t40 to ptr
  %t30 = load i8, ptr %t41, align 1, !tbaa !13
  %t43 = zext i8 %t30 to i32
  %t44 = shl i32 %t43, 2
  %t45 = add i32 %t44, 12288
  %t46 = zext i32 %t45 to i64
  %t47 = lshr i64 %t46, 12
  %t48 = getelementptr i64, ptr %tbl, i64 %t47
  %t49 = load i64, ptr %t48, !tbaa !12
  %t50 = and i64 %t49, 1
  %t51 = icmp ne i64 %t50, 0
  %t53 = and i64 %t46, 4095
  %t54 = icmp ule i64 %t53, 4092
  %t55 = and i1 %t51, %t54
  br i1 %t55, label %L52, label %X0_160, !prof !1
L52:
  %t56 = and i64 %t49, -4096
  %t57 = add i64 %t56, %t46
  %t58 = inttoptr i64 %t57 to ptr
  %t42 = load i32, ptr %t58, align 1, !tbaa !13
  br label %J59
J1:
  %t10 = getelementptr i8, ptr %uop, i64 96
  %t11 = load ptr, ptr %t10, !tbaa !14
  %t12 = add i64 %budget0, 2
  %t13 = load i32, ptr %t11, !tbaa !14
  %t14 = zext i32 %t13 to i64
  %t15 = sub i64 %t12, %t14
  %t16 = icmp slt i64 %t15, 0
  br i1 %t16, label %X0_64, label %L17, !prof !2
L17:
  %t18 = add i32 %eip, 22
  %t19 = xor i32 %t3, 4294967295
  %t20 = and i32 %t19, 90
  %t21 = xor i32 %t3, 4294967205
  %t22 = and i32 %t21, %t5
  %t23 = or i32 %t20, %t22
  %t24 = and i32 %t23, 3221225480
  %t25 = getelementptr i8, ptr %cpu, i64 <fl_res>
  store i32 %t5, ptr %t25, !tbaa !11
  %t26 = getelementptr i8, ptr %cpu, i64 <fl_aux>
  store i32 %t24, ptr %t26, !tbaa !11
  store i32 %t3, ptr %cpu, !tbaa !11
  %t27 = getelementptr i8, ptr %t11, i64 80
  %t28 = getelementptr i8, ptr %t11, i64 8
  %t29 = load ptr, ptr %t28, !tbaa !14
  musttail call preserve_nonecc void %t29(ptr %cpu, ptr %t27, i32 %t18, i64 %t15, ptr %tbl)
  ret void
J59:
  %t60 = getelementptr i8, ptr %cpu, i64 <jump_key>
  %t61 = load i64, ptr %t60, !tbaa !11
  %t62 = getelementptr i8, ptr %cpu, i64 <ptr + 112>
  %t63 = load ptr, ptr %t62, !tbaa !11
  %t64 = zext i32 %t42 to i64
  %t65 = or i64 %t61, %t64
  %t66 = lshr i32 %t42, 4
  %t67 = and i32 %t42, 255
  %t68 = xor i32 %t66, %t67
  %t69 = and i32 %t68, 65535
  %t70 = zext i32 %t69 to i64
  %t71 = getelementptr [16 x i8], ptr %t63, i64 %t70
  %t72 = load i64, ptr %t71, !tbaa !14
  %t73 = icmp eq i64 %t72, %t65
  br i1 %t73, label %L74, label %X0_160, !prof !1
L74:
  %t75 = getelementptr i8, ptr %t71, i64 8
  %t76 = load ptr, ptr %t75, !tbaa !14
  %t77 = load i32, ptr %t76, !tbaa !14
  %t78 = zext i32 %t77 to i64
  %t79 = sub i64 %budget0, %t78
  %t80 = icmp slt i64 %t79, 0
  br i1 %t80, label %X0_160, label %L81, !prof !2
L81:
  %t82 = xor i32 %t3, 4294967295
  %t83 = and i32 %t82, 90
  %t84 = xor i32 %t3, 4294967205
  %t85 = and i32 %t84, %t5
  %t86 = or i32 %t83, %t85
  %t87 = and i32 %t86, 3221225480
  %t88 = getelementptr i8, ptr %cpu, i64 <fl_res>
  store i32 %t5, ptr %t88, !tbaa !11
  %t89 = getelementptr i8, ptr %cpu, i64 <fl_aux>
  store i32 %t87, ptr %t89, !tbaa !11
  store i32 %t43, ptr %cpu, !tbaa !11
  %t90 = getelementptr i8, ptr %t76, i64 80
  %t91 = getelementptr i8, ptr %t76, i64 8
  %t92 = load ptr, ptr %t91, !tbaa !14
  musttail call preserve_nonecc void %t92(ptr %cpu, ptr %t90, i32 %t42, i64 %t79, ptr %tbl)
  ret void
X0_64:
  %t93 = xor i32 %t3, 4294967295
  %t94 = and i32 %t93, 90
  %t95 = xor i32 %t3, 4294967205
  %t96 = and i32 %t95, %t5
  %t97 = or i32 %t94, %t96
  %t98 = and i32 %t97, 3221225480
  %t99 = getelementptr i8, ptr %cpu, i64 <fl_res>
  store i32 %t5, ptr %t99, !tbaa !11
  %t100 = getelementptr i8, ptr %cpu, i64 <fl_aux>
  store i32 %t98, ptr %t100, !tbaa !11
  store i32 %t3, ptr %cpu, !tbaa !11
  %t101 = getelementptr i8, ptr %uop, i64 64
  %t102 = load ptr, ptr %t101, !tbaa !14
  musttail call preserve_nonecc void %t102(ptr %cpu, ptr %t101, i32 %eip, i64 %budget0, ptr %tbl)
  ret void
X0_128:
  %t103 = xor i32 %t3, 4294967295
  %t104 = and i32 %t103, 90
  %t105 = xor i32 %t3, 4294967205
  %t106 = and i32 %t105, %t5
  %t107 = or i32 %t104, %t106
  %t108 = and i32 %t107, 3221225480
  %t109 = getelementptr i8, ptr %cpu, i64 <fl_res>
  store i32 %t5, ptr %t109, !tbaa !11
  %t110 = getelementptr i8, ptr %cpu, i64 <fl_aux>
  store i32 %t108, ptr %t110, !tbaa !11
  store i32 %t3, ptr %cpu, !tbaa !11
  %t111 = getelementptr i8, ptr %uop, i64 128
  %t112 = load ptr, ptr %t111, !tbaa !14
  musttail call preserve_nonecc void %t112(ptr %cpu, ptr %t111, i32 %eip, i64 %budget0, ptr %tbl)
  ret void
X0_160:
  %t113 = xor i32 %t3, 4294967295
  %t114 = and i32 %t113, 90
  %t115 = xor i32 %t3, 4294967205
  %t116 = and i32 %t115, %t5
  %t117 = or i32 %t114, %t116
  %t118 = and i32 %t117, 3221225480
  %t119 = getelementptr i8, ptr %cpu, i64 <fl_res>
  store i32 %t5, ptr %t119, !tbaa !11
  %t120 = getelementptr i8, ptr %cpu, i64 <fl_aux>
  store i32 %t118, ptr %t120, !tbaa !11
  store i32 %t43, ptr %cpu, !tbaa !11
  %t121 = getelementptr i8, ptr %uop, i64 160
  %t122 = load ptr, ptr %t121, !tbaa !14
  musttail call preserve_nonecc void %t122(ptr %cpu, ptr %t121, i32 %eip, i64 %budget0, ptr %tbl)
  ret void
}
