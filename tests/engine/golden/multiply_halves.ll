; The block of multiply_halves.s: 18 instructions of a guest.
; x86-64-v3: 51 instructions before the first one that always jumps, 80 in all
; neoverse-n1: 40 instructions before the first one that always jumps, 63 in all

define preserve_nonecc void @multiply_halves(ptr %cpu, ptr %uop, i32 %eip, i64 %paid, ptr %tbl) #0 section ".multiply_halves" {
entry:
  br label %body0
body0:
  %budget0 = phi i64 [ %paid, %entry ]
  %t2 = getelementptr i8, ptr %cpu, i64 <regs + 20>
  %t3 = load i32, ptr %t2, !tbaa !11
  %t4 = add i32 %t3, 4294967272
  %t5 = zext i32 %t4 to i64
  %t6 = lshr i64 %t5, 12
  %t7 = getelementptr i64, ptr %tbl, i64 %t6
  %t8 = load i64, ptr %t7, !tbaa !12
  %t9 = and i64 %t8, 2
  %t10 = icmp ne i64 %t9, 0
  %t12 = and i64 %t5, 4095
  %t13 = icmp ule i64 %t12, 4060
  %t14 = and i1 %t10, %t13
  br i1 %t14, label %L11, label %W15, !prof !1
L11:
  %t24 = and i64 %t8, -4096
  %t25 = add i64 %t24, %t5
  %t27 = add i64 %t25, 8
  %t26 = inttoptr i64 %t27 to ptr
  %t1 = load i32, ptr %t26, align 1, !tbaa !13
  %t30 = add i64 %t25, 32
  %t29 = inttoptr i64 %t30 to ptr
  %t28 = load i32, ptr %t29, align 1, !tbaa !13
  %t31 = zext i32 %t1 to i64
  %t32 = shl i64 %t31, 1
  %t33 = lshr i64 %t32, 16
  %t34 = lshr i64 %t33, 1
  %t35 = trunc i64 %t34 to i32
  %t36 = sext i32 %t35 to i64
  %t37 = sext i32 %t28 to i64
  %t38 = mul i64 %t36, %t37
  %t39 = trunc i64 %t38 to i32
  %t40 = trunc i32 %t1 to i16
  %t41 = zext i16 %t40 to i64
  %t42 = mul i64 %t41, %t37
  %t43 = trunc i64 %t42 to i32
  %t44 = zext i32 %t43 to i64
  %t45 = shl i64 %t44, 1
  %t46 = lshr i64 %t45, 16
  %t47 = lshr i64 %t46, 1
  %t48 = trunc i64 %t47 to i32
  %t49 = add i32 %t39, %t48
  %t51 = add i64 %t25, 4
  %t50 = inttoptr i64 %t51 to ptr
  store i32 %t49, ptr %t50, align 1, !tbaa !13
  %t52 = icmp ult i32 %t49, %t48
  %t53 = and i32 %t28, 4294967040
  %t54 = zext i1 %t52 to i32
  %t55 = or i32 %t53, %t54
  %t56 = trunc i32 %t55 to i8
  %t57 = zext i8 %t56 to i32
  %t58 = select i1 %t52, i32 65536, i32 %t57
  %t59 = inttoptr i64 %t25 to ptr
  store i32 %t58, ptr %t59, align 1, !tbaa !13
  br label %J60
W15:
  %t16 = add i64 %t5, 35
  %t17 = lshr i64 %t16, 12
  %t22 = icmp ult i64 %t16, 4294967296
  %t23 = and i1 %t22, %t10
  %t18 = getelementptr i64, ptr %tbl, i64 %t17
  %t19 = load i64, ptr %t18, !tbaa !12
  %t20 = icmp eq i64 %t8, %t19
  %t21 = and i1 %t20, %t23
  br i1 %t21, label %L11, label %X0_0, !prof !1
J60:
  %t61 = getelementptr i8, ptr %uop, i64 576
  %t62 = load ptr, ptr %t61, !tbaa !14
  %t63 = load i32, ptr %t62, !tbaa !14
  %t64 = zext i32 %t63 to i64
  %t65 = sub i64 %budget0, %t64
  %t66 = icmp slt i64 %t65, 0
  br i1 %t66, label %X0_544, label %L67, !prof !2
L67:
  %t68 = add i32 %eip, 52
  %t69 = sub i32 %t49, %t48
  %t70 = xor i32 %t49, 4294967295
  %t71 = and i32 %t70, %t48
  %t72 = xor i32 %t49, %t48
  %t73 = xor i32 %t72, 4294967295
  %t74 = and i32 %t73, %t69
  %t75 = or i32 %t71, %t74
  %t76 = and i32 %t75, 3221225480
  store i32 %t49, ptr %cpu, !tbaa !11
  %t77 = getelementptr i8, ptr %cpu, i64 <regs + 4>
  store i32 %t58, ptr %t77, !tbaa !11
  %t78 = getelementptr i8, ptr %cpu, i64 <regs + 8>
  store i32 65536, ptr %t78, !tbaa !11
  %t79 = getelementptr i8, ptr %cpu, i64 <fl_res>
  store i32 %t69, ptr %t79, !tbaa !11
  %t80 = getelementptr i8, ptr %cpu, i64 <fl_aux>
  store i32 %t76, ptr %t80, !tbaa !11
  %t81 = getelementptr i8, ptr %cpu, i64 <regs + 24>
  store i32 %t43, ptr %t81, !tbaa !11
  %t82 = getelementptr i8, ptr %cpu, i64 <regs + 28>
  store i32 %t48, ptr %t82, !tbaa !11
  %t83 = getelementptr i8, ptr %t62, i64 80
  %t84 = getelementptr i8, ptr %t62, i64 8
  %t85 = load ptr, ptr %t84, !tbaa !14
  musttail call preserve_nonecc void %t85(ptr %cpu, ptr %t83, i32 %t68, i64 %t65, ptr %tbl)
  ret void
X0_0:
  %t86 = load ptr, ptr %uop, !tbaa !14
  musttail call preserve_nonecc void %t86(ptr %cpu, ptr %uop, i32 %eip, i64 %budget0, ptr %tbl)
  ret void
X0_544:
  %t87 = sub i32 %t49, %t48
  %t88 = xor i32 %t49, 4294967295
  %t89 = and i32 %t88, %t48
  %t90 = xor i32 %t49, %t48
  %t91 = xor i32 %t90, 4294967295
  %t92 = and i32 %t91, %t87
  %t93 = or i32 %t89, %t92
  %t94 = and i32 %t93, 3221225480
  store i32 %t49, ptr %cpu, !tbaa !11
  %t95 = getelementptr i8, ptr %cpu, i64 <regs + 4>
  store i32 %t58, ptr %t95, !tbaa !11
  %t96 = getelementptr i8, ptr %cpu, i64 <regs + 8>
  store i32 65536, ptr %t96, !tbaa !11
  %t97 = getelementptr i8, ptr %cpu, i64 <fl_res>
  store i32 %t87, ptr %t97, !tbaa !11
  %t98 = getelementptr i8, ptr %cpu, i64 <fl_aux>
  store i32 %t94, ptr %t98, !tbaa !11
  %t99 = getelementptr i8, ptr %cpu, i64 <regs + 24>
  store i32 %t43, ptr %t99, !tbaa !11
  %t100 = getelementptr i8, ptr %cpu, i64 <regs + 28>
  store i32 %t48, ptr %t100, !tbaa !11
  %t101 = getelementptr i8, ptr %uop, i64 544
  %t102 = load ptr, ptr %t101, !tbaa !14
  musttail call preserve_nonecc void %t102(ptr %cpu, ptr %t101, i32 %eip, i64 %budget0, ptr %tbl)
  ret void
}
