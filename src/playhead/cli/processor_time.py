"""Processor time, for `--profile`: of the thread that runs the guest, of the others, of processes that have ended."""

import os
import time

thread_ns = time.thread_time_ns


def others_ns() -> tuple[int, int]:
    """(other threads of this process, processes that it has started and that have ended)"""
    times = os.times()
    return time.process_time_ns() - thread_ns(), int((times.children_user + times.children_system) * 1e9)
