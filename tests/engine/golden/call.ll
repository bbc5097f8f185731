; The block of call.s: 5 instructions of a guest.
; x86-64-v3: 44 instructions before the first one that always jumps, 64 in all
; neoverse-n1: 36 instructions before the first one that always jumps, 54 in all

define preserve_nonecc void @call(ptr %cpu, ptr %uop, i32 %eip, i64 %paid, ptr %tbl) #0 section ".call" {
entry:
  br label %body0
body0:
  %budget0 = phi i64 [ %paid, %entry ]
  %t2 = getelementptr i8, ptr %cpu, i64 <regs + 20>
  %t3 = load i32, ptr %t2, !tbaa !11
  %t4 = add i32 %t3, 8
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
  %t18 = getelementptr i8, ptr %cpu, i64 <regs + 16>
  %t19 = load i32, ptr %t18, !tbaa !11
  %t20 = add i32 %t19, 4294967284
  %t21 = zext i32 %t20 to i64
  %t22 = lshr i64 %t21, 12
  %t23 = getelementptr i64, ptr %tbl, i64 %t22
  %t24 = load i64, ptr %t23, !tbaa !12
  %t25 = and i64 %t24, 2
  %t26 = icmp ne i64 %t25, 0
  %t28 = and i64 %t21, 4095
  %t29 = icmp ule i64 %t28, 4084
  %t30 = and i1 %t26, %t29
  br i1 %t30, label %L27, label %W31, !prof !1
L27:
  %t41 = and i64 %t24, -4096
  %t42 = add i64 %t41, %t21
  %t44 = add i64 %t42, 8
  %t43 = inttoptr i64 %t44 to ptr
  store i32 %t1, ptr %t43, align 1, !tbaa !13
  %t45 = add i32 %t3, 4294967284
  %t47 = add i64 %t42, 4
  %t46 = inttoptr i64 %t47 to ptr
  store i32 %t45, ptr %t46, align 1, !tbaa !13
  %t48 = add i32 %eip, 14
  %t49 = inttoptr i64 %t42 to ptr
  store i32 %t48, ptr %t49, align 1, !tbaa !13
  br label %J50
W31:
  %t32 = add i64 %t21, 11
  %t33 = and i64 %t32, 4294967295
  %t34 = lshr i64 %t33, 12
  %t39 = icmp eq i64 %t32, %t33
  %t40 = and i1 %t39, %t26
  %t35 = getelementptr i64, ptr %tbl, i64 %t34
  %t36 = load i64, ptr %t35, !tbaa !12
  %t37 = icmp eq i64 %t24, %t36
  %t38 = and i1 %t37, %t40
  br i1 %t38, label %L27, label %X0_0, !prof !1
J50:
  %t51 = getelementptr i8, ptr %uop, i64 160
  %t52 = load ptr, ptr %t51, !tbaa !14
  %t53 = load i32, ptr %t52, !tbaa !14
  %t54 = zext i32 %t53 to i64
  %t55 = sub i64 %budget0, %t54
  %t56 = icmp slt i64 %t55, 0
  br i1 %t56, label %X0_128, label %L57, !prof !2
L57:
  %t58 = add i32 %eip, 15
  %t59 = getelementptr i8, ptr %cpu, i64 <regs + 28>
  %t60 = load i32, ptr %t59, !tbaa !11
  %t61 = getelementptr i8, ptr %cpu, i64 <regs + 16>
  store i32 %t20, ptr %t61, !tbaa !11
  store i32 %t45, ptr %cpu, !tbaa !11
  %t62 = getelementptr i8, ptr %cpu, i64 <regs + 8>
  store i32 %t60, ptr %t62, !tbaa !11
  %t63 = getelementptr i8, ptr %t52, i64 80
  %t64 = getelementptr i8, ptr %t52, i64 8
  %t65 = load ptr, ptr %t64, !tbaa !14
  musttail call preserve_nonecc void %t65(ptr %cpu, ptr %t63, i32 %t58, i64 %t55, ptr %tbl)
  ret void
X0_0:
  %t66 = load ptr, ptr %uop, !tbaa !14
  musttail call preserve_nonecc void %t66(ptr %cpu, ptr %uop, i32 %eip, i64 %budget0, ptr %tbl)
  ret void
X0_128:
  %t67 = add i32 %t19, 4294967288
  %t68 = getelementptr i8, ptr %cpu, i64 <regs + 28>
  %t69 = load i32, ptr %t68, !tbaa !11
  %t70 = getelementptr i8, ptr %cpu, i64 <regs + 16>
  store i32 %t67, ptr %t70, !tbaa !11
  store i32 %t45, ptr %cpu, !tbaa !11
  %t71 = getelementptr i8, ptr %cpu, i64 <regs + 8>
  store i32 %t69, ptr %t71, !tbaa !11
  %t72 = getelementptr i8, ptr %uop, i64 128
  %t73 = load ptr, ptr %t72, !tbaa !14
  musttail call preserve_nonecc void %t73(ptr %cpu, ptr %t72, i32 %eip, i64 %budget0, ptr %tbl)
  ret void
}
