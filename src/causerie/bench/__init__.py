"""`causerie bench`: load on any server that speaks the protocol, and what it costs that server.

The generator has to be lighter than what it measures, or it measures itself. So it is written with
bare sockets and one epoll: most members only count the marks in the bytes that come (`marks.py`),
and a few are read whole. Where cores allow, several processes share the load (`crew.py`).
"""
