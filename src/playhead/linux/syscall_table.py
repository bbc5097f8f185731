"""The system calls of Linux on i386: number, name, and what their arguments are, for the commonly used ones.

A line each: `number name kind...`; `?` where the arguments are not described here (they are shown in hexadecimal, as
far as registers go). Kinds: d, u, x numbers (signed, unsigned, hexadecimal); f a file descriptor; at one that a path is
relative to; path and str texts in memory; argv a list of texts; in:N and out:N bytes in memory, as many as argument N
says, that the call takes or gives; mode octal; the rest are flags and constants of `syscall_args.py`.

Sources: Linux's table of system calls for i386 (names and numbers), the manual pages of section 2 (arguments).
"""

from __future__ import annotations

from typing import NamedTuple


class Signature(NamedTuple):
    """`kinds` is None where the arguments are not described."""

    name: str
    kinds: tuple[str, ...] | None


def signature(number: int) -> Signature:
    """Of any number: one that is not in the table is `syscall_NUMBER`."""
    return CALLS.get(number) or Signature(f"syscall_{number}", None)


TABLE = """\
0 restart_syscall
1 exit d
2 fork
3 read f out:2 u
4 write f in:2 u
5 open path oflags mode
6 close f
7 waitpid d x x
8 creat path mode
9 link path path
10 unlink path
11 execve path argv x
12 chdir path
13 time x
14 mknod path mode x
15 chmod path mode
16 lchown path d d
17 break ?
18 oldstat path x
19 lseek f d whence
20 getpid
21 mount path path str x x
22 umount path
23 setuid d
24 getuid
25 stime ?
26 ptrace x d x x
27 alarm u
28 oldfstat f x
29 pause
30 utime path x
31 stty ?
32 gtty ?
33 access path access
34 nice d
35 ftime ?
36 sync
37 kill d sig
38 rename path path
39 mkdir path mode
40 rmdir path
41 dup f
42 pipe x
43 times x
44 prof ?
45 brk x
46 setgid d
47 getgid
48 signal sig x
49 geteuid
50 getegid
51 acct path
52 umount2 path x
53 lock ?
54 ioctl f ioctl x
55 fcntl f fcntl x
56 mpx ?
57 setpgid d d
58 ulimit ?
59 oldolduname x
60 umask mode
61 chroot path
62 ustat x x
63 dup2 f f
64 getppid
65 getpgrp
66 setsid
67 sigaction sig x x
68 sgetmask ?
69 ssetmask ?
70 setreuid d d
71 setregid d d
72 sigsuspend ?
73 sigpending x
74 sethostname in:1 u
75 setrlimit d x
76 getrlimit d x
77 getrusage d x
78 gettimeofday x x
79 settimeofday x x
80 getgroups d x
81 setgroups d x
82 select d x x x x
83 symlink path path
84 oldlstat path x
85 readlink path out:2 u
86 uselib ?
87 swapon path x
88 reboot x x x x
89 readdir ?
90 mmap x
91 munmap x u
92 truncate path u
93 ftruncate f u
94 fchmod f mode
95 fchown f d d
96 getpriority d d
97 setpriority d d d
98 profil ?
99 statfs path x
100 fstatfs f x
101 ioperm x u d
102 socketcall d x
103 syslog d x d
104 setitimer d x x
105 getitimer d x
106 stat path x
107 lstat path x
108 fstat f x
109 olduname x
110 iopl d
111 vhangup
112 idle ?
113 vm86old ?
114 wait4 d x x x
115 swapoff path
116 sysinfo x
117 ipc u d d d x
118 fsync f
119 sigreturn
120 clone clone x x x x
121 setdomainname in:1 u
122 uname x
123 modify_ldt d x u
124 adjtimex x
125 mprotect x u prot
126 sigprocmask how x x
127 create_module ?
128 init_module x u str
129 delete_module str x
130 get_kernel_syms ?
131 quotactl x path d x
132 getpgid d
133 fchdir f
134 bdflush ?
135 sysfs ?
136 personality x
137 afs_syscall ?
138 setfsuid d
139 setfsgid d
140 _llseek f u u x whence
141 getdents f x u
142 _newselect d x x x x
143 flock f d
144 msync x u x
145 readv f x u
146 writev f x u
147 getsid d
148 fdatasync f
149 _sysctl ?
150 mlock x u
151 munlock x u
152 mlockall ?
153 munlockall ?
154 sched_setparam d x
155 sched_getparam d x
156 sched_setscheduler d d x
157 sched_getscheduler d
158 sched_yield
159 sched_get_priority_max d
160 sched_get_priority_min d
161 sched_rr_get_interval ?
162 nanosleep x x
163 mremap x u u x x
164 setresuid d d d
165 getresuid x x x
166 vm86 ?
167 query_module ?
168 poll x u d
169 nfsservctl ?
170 setresgid d d d
171 getresgid x x x
172 prctl d x x x x
173 rt_sigreturn
174 rt_sigaction sig x x u
175 rt_sigprocmask how x x u
176 rt_sigpending x u
177 rt_sigtimedwait x x x u
178 rt_sigqueueinfo d sig x
179 rt_sigsuspend x u
180 pread64 f out:2 u u u
181 pwrite64 f in:2 u u u
182 chown path d d
183 getcwd out:1 u
184 capget x x
185 capset x x
186 sigaltstack x x
187 sendfile f f x u
188 getpmsg ?
189 putpmsg ?
190 vfork
191 ugetrlimit d x
192 mmap2 x u prot map f x
193 truncate64 path u u
194 ftruncate64 f u u
195 stat64 path x
196 lstat64 path x
197 fstat64 f x
198 lchown32 path d d
199 getuid32
200 getgid32
201 geteuid32
202 getegid32
203 setreuid32 d d
204 setregid32 d d
205 getgroups32 d x
206 setgroups32 d x
207 fchown32 f d d
208 setresuid32 d d d
209 getresuid32 x x x
210 setresgid32 d d d
211 getresgid32 x x x
212 chown32 path d d
213 setuid32 d
214 setgid32 d
215 setfsuid32 d
216 setfsgid32 d
217 pivot_root path path
218 mincore x u x
219 madvise x u d
220 getdents64 f x u
221 fcntl64 f fcntl x
224 gettid
225 readahead f u u u
226 setxattr path str x u x
227 lsetxattr ?
228 fsetxattr ?
229 getxattr path str x u
230 lgetxattr path str x u
231 fgetxattr f str x u
232 listxattr path x u
233 llistxattr path x u
234 flistxattr ?
235 removexattr ?
236 lremovexattr ?
237 fremovexattr ?
238 tkill d sig
239 sendfile64 f f x u
240 futex x x d x x x
241 sched_setaffinity d u x
242 sched_getaffinity d u x
243 set_thread_area x
244 get_thread_area x
245 io_setup ?
246 io_destroy ?
247 io_getevents ?
248 io_submit ?
249 io_cancel ?
250 fadvise64 f u u u d
252 exit_group d
253 lookup_dcookie ?
254 epoll_create d
255 epoll_ctl f d f x
256 epoll_wait f x d d
257 remap_file_pages ?
258 set_tid_address x
259 timer_create d x x
260 timer_settime d x x x
261 timer_gettime d x
262 timer_getoverrun ?
263 timer_delete d
264 clock_settime d x
265 clock_gettime d x
266 clock_getres d x
267 clock_nanosleep d x x x
268 statfs64 path u x
269 fstatfs64 f u x
270 tgkill d d sig
271 utimes path x
272 fadvise64_64 f u u u u d
273 vserver ?
274 mbind ?
275 get_mempolicy ?
276 set_mempolicy ?
277 mq_open ?
278 mq_unlink ?
279 mq_timedsend ?
280 mq_timedreceive ?
281 mq_notify ?
282 mq_getsetattr ?
283 kexec_load ?
284 waitid d d x x x
286 add_key ?
287 request_key ?
288 keyctl ?
289 ioprio_set ?
290 ioprio_get ?
291 inotify_init
292 inotify_add_watch f path x
293 inotify_rm_watch f d
294 migrate_pages ?
295 openat at path oflags mode
296 mkdirat at path mode
297 mknodat at path mode x
298 fchownat at path d d x
299 futimesat at path x
300 fstatat64 at path x x
301 unlinkat at path x
302 renameat at path at path
303 linkat at path at path x
304 symlinkat path at path
305 readlinkat at path out:3 u
306 fchmodat at path mode
307 faccessat at path access
308 pselect6 d x x x x x
309 ppoll x u x x u
310 unshare clone
311 set_robust_list x u
312 get_robust_list d x x
313 splice f x f x u x
314 sync_file_range ?
315 tee f f u x
316 vmsplice ?
317 move_pages ?
318 getcpu x x x
319 epoll_pwait f x d d x u
320 utimensat at path x x
321 signalfd f x u
322 timerfd_create d oflags
323 eventfd u
324 fallocate f x u u u u
325 timerfd_settime f x x x
326 timerfd_gettime ?
327 signalfd4 f x u oflags
328 eventfd2 u oflags
329 epoll_create1 oflags
330 dup3 f f oflags
331 pipe2 x oflags
332 inotify_init1 oflags
333 preadv f x u u u
334 pwritev f x u u u
335 rt_tgsigqueueinfo ?
336 perf_event_open x d d f x
337 recvmmsg ?
338 fanotify_init ?
339 fanotify_mark ?
340 prlimit64 d d x x
341 name_to_handle_at ?
342 open_by_handle_at ?
343 clock_adjtime ?
344 syncfs f
345 sendmmsg ?
346 setns f clone
347 process_vm_readv d x u x u x
348 process_vm_writev d x u x u x
349 kcmp ?
350 finit_module f str x
351 sched_setattr ?
352 sched_getattr ?
353 renameat2 at path at path x
354 seccomp d x x
355 getrandom x u x
356 memfd_create str x
357 bpf d x u
358 execveat at path argv x x
359 socket d x d
360 socketpair d x d x
361 bind f x u
362 connect f x u
363 listen f d
364 accept4 f x x x
365 getsockopt f d d x x
366 setsockopt f d d x u
367 getsockname f x x
368 getpeername f x x
369 sendto f in:2 u x x u
370 sendmsg f x x
371 recvfrom f out:2 u x x x
372 recvmsg f x x
373 shutdown f d
374 userfaultfd ?
375 membarrier d x d
376 mlock2 ?
377 copy_file_range f x f x u x
378 preadv2 ?
379 pwritev2 ?
380 pkey_mprotect ?
381 pkey_alloc ?
382 pkey_free ?
383 statx at path x x x
384 arch_prctl x x
385 io_pgetevents ?
386 rseq x u x x
393 semget ?
394 semctl ?
395 shmget ?
396 shmctl ?
397 shmat ?
398 shmdt ?
399 msgget ?
400 msgsnd ?
401 msgrcv ?
402 msgctl ?
403 clock_gettime64 d x
404 clock_settime64 d x
405 clock_adjtime64 ?
406 clock_getres_time64 d x
407 clock_nanosleep_time64 d x x x
408 timer_gettime64 ?
409 timer_settime64 ?
410 timerfd_gettime64 ?
411 timerfd_settime64 f x x x
412 utimensat_time64 at path x x
413 pselect6_time64 d x x x x x
414 ppoll_time64 x u x x u
416 io_pgetevents_time64 ?
417 recvmmsg_time64 ?
418 mq_timedsend_time64 ?
419 mq_timedreceive_time64 ?
420 semtimedop_time64 ?
421 rt_sigtimedwait_time64 ?
422 futex_time64 x x d x x x
423 sched_rr_get_interval_time64 ?
424 pidfd_send_signal f sig x x
425 io_uring_setup ?
426 io_uring_enter ?
427 io_uring_register ?
428 open_tree ?
429 move_mount ?
430 fsopen ?
431 fsconfig ?
432 fsmount ?
433 fspick ?
434 pidfd_open d x
435 clone3 x u
436 close_range f f x
437 openat2 at path x u
438 pidfd_getfd ?
439 faccessat2 at path access x
440 process_madvise ?
441 epoll_pwait2 ?
442 mount_setattr ?
443 quotactl_fd ?
444 landlock_create_ruleset ?
445 landlock_add_rule ?
446 landlock_restrict_self ?
447 memfd_secret ?
448 process_mrelease ?
449 futex_waitv ?
450 set_mempolicy_home_node ?
451 cachestat ?
452 fchmodat2 ?
453 map_shadow_stack ?
454 futex_wake ?
455 futex_wait ?
456 futex_requeue ?
457 statmount ?
458 listmount ?
459 lsm_get_self_attr ?
460 lsm_set_self_attr ?
461 lsm_list_modules ?
462 mseal ?
"""


def _parsed() -> dict[int, Signature]:
    found = {}
    for line in TABLE.splitlines():
        number, name, *kinds = line.split()
        found[int(number)] = Signature(name, None if kinds == ["?"] else tuple(kinds))
    return found


CALLS = _parsed()
NUMBERS = {one.name: number for number, one in CALLS.items()}
