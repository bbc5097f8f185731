"""Character devices: the host's ends of serial ports, of the debug port, of monitors and of debuggers. `spec.py` has
the words for them, `backends.py` opens them, `device.py` is what all of them are; `mux.py` lets several share one.
"""
