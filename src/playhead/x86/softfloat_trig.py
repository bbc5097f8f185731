"""stub"""
from playhead.x86.table import routine


@routine(32, faults=False)
def fp_trig(m, kind):
    """stub"""
