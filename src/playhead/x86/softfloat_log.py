"""stub"""
from playhead.x86.table import routine


@routine(32, faults=False)
def fp_yl2x(m, kind):
    """stub"""


@routine(faults=False)
def fp_2xm1(m):
    """stub"""


@routine(faults=False)
def fp_patan(m):
    """stub"""
