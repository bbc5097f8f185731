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
  %t40 = and i64 %t24, -4096
  %t41 = add i64 %t40, %t21
  %t43 = add i64 %t41, 8
  %t42 = inttoptr i64 %t43 to ptr
  store i32 %t1, ptr %t42, align 1, !tbaa !13
  %t44 = add i32 %t3, 4294967284
  %t46 = add i64 %t41, 4
  %t45 = inttoptr i64 %t46 to ptr
  store i32 %t44, ptr %t45, align 1, !tbaa !13
  %t47 = add i32 %eip, 14
  %t48 = inttoptr i64 %t41 to ptr
  store i32 %t47, ptr %t48, align 1, !tbaa !13
  br label %J49
W31:
  %t32 = add i64 %t21, 11
  %t33 = lshr i64 %t32, 12
  %t38 = icmp ult i64 %t32, 4294967296
  %t39 = and i1 %t38, %t26
  %t34 = getelementptr i64, ptr %tbl, i64 %t33
  %t35 = load i64, ptr %t34, !tbaa !12
  %t36 = icmp eq i64 %t24, %t35
  %t37 = and i1 %t36, %t39
  br i1 %t37, label %L27, label %X0_0, !prof !1
J49:
  %t50 = getelementptr i8, ptr %uop, i64 160
  %t51 = load ptr, ptr %t50, !tbaa !14
  %t52 = load i32, ptr %t51, !tbaa !14
  %t53 = zext i32 %t52 to i64
  %t54 = sub i64 %budget0, %t53
  %t55 = icmp slt i64 %t54, 0
  br i1 %t55, label %X0_128, label %L56, !prof !2
L56:
  %t57 = add i32 %eip, 15
  %t58 = getelementptr i8, ptr %cpu, i64 <regs + 28>
  %t59 = load i32, ptr %t58, !tbaa !11
  %t60 = getelementptr i8, ptr %cpu, i64 <regs + 16>
  store i32 %t20, ptr %t60, !tbaa !11
  store i32 %t44, ptr %cpu, !tbaa !11
  %t61 = getelementptr i8, ptr %cpu, i64 <regs + 8>
  store i32 %t59, ptr %t61, !tbaa !11
  %t62 = getelementptr i8, ptr %t51, i64 80
  %t63 = getelementptr i8, ptr %t51, i64 8
  %t64 = load ptr, ptr %t63, !tbaa !14
  musttail call preserve_nonecc void %t64(ptr %cpu, ptr %t62, i32 %t57, i64 %t54, ptr %tbl)
  ret void
X0_0:
  %t65 = load ptr, ptr %uop, !tbaa !14
  musttail call preserve_nonecc void %t65(ptr %cpu, ptr %uop, i32 %eip, i64 %budget0, ptr %tbl)
  ret void
X0_128:
  %t66 = add i32 %t19, 4294967288
  %t67 = getelementptr i8, ptr %cpu, i64 <regs + 28>
  %t68 = load i32, ptr %t67, !tbaa !11
  %t69 = getelementptr i8, ptr %cpu, i64 <regs + 16>
  store i32 %t66, ptr %t69, !tbaa !11
  store i32 %t44, ptr %cpu, !tbaa !11
  %t70 = getelementptr i8, ptr %cpu, i64 <regs + 8>
  store i32 %t68, ptr %t70, !tbaa !11
  %t71 = getelementptr i8, ptr %uop, i64 128
  %t72 = load ptr, ptr %t71, !tbaa !14
  musttail call preserve_nonecc void %t72(ptr %cpu, ptr %t71, i32 %eip, i64 %budget0, ptr %tbl)
  ret void
}
