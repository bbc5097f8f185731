"""The RFB protocol (VNC), RFC 6143 and the extensions that clients use, without sockets: bytes in, bytes out.

`connection.py` is one client's state machine, `messages.py` what it may send, `security.py` its password; `view.py`,
`changes.py`, `pixel_format.py`, `encoder.py` and `encodings/` make of a picture what goes to it. The sockets are in
`host/display/vnc.py`.
"""
