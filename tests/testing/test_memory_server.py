from causerie.server.settings import HubSettings
from causerie.testing.memory_server import MemoryServer, MemorySocket

HELLO = '{"type":"hello","id":"h","username":"%s","key":"%s"}'
JOIN = '{"type":"join","id":"j","room":"lobby"}'


def in_lobby(server: MemoryServer, name: str) -> MemorySocket:
    socket = server.connect()
    socket.send(HELLO % (name, name[0] * 22))
    socket.send(JOIN)
    server.run()
    socket.take()
    return socket


def said(socket: MemorySocket) -> str:
    return b" ".join(socket.take()).decode()


def say(content: str) -> str:
    return f'{{"type":"message","id":"{content}","room":"lobby","content":"{content}"}}'


def test_what_was_sent_before_a_close_frame_is_read_before_it() -> None:
    server = MemoryServer()
    alice, bob = in_lobby(server, "Alice"), in_lobby(server, "Bob")
    alice.send(say("first"))
    alice.send(say("last"))
    alice.hang_up(1000)
    server.run()
    assert not alice.is_open
    told = said(bob)
    assert told.index('"first"') < told.index('"last"')
    server.advance(1.0)
    assert '"left":["Alice"]' in said(bob)


def test_after_a_close_frame_nothing_more_is_sent() -> None:
    server = MemoryServer()
    alice, bob = in_lobby(server, "Alice"), in_lobby(server, "Bob")
    alice.send(say("in time"))
    alice.hang_up(1000)
    alice.hang_up(1001)
    alice.send(say("late"))
    server.run()
    server.advance(1.0)
    told = said(bob)
    assert "in time" in told
    assert "late" not in told
    assert '"left":["Alice"]' in told, "1000 came first, and is a goodbye"


def test_a_close_frame_waits_with_what_is_before_it_while_the_server_does_not_read() -> None:
    server = MemoryServer()
    alice, bob = in_lobby(server, "Alice"), in_lobby(server, "Bob")
    alice.pause_reading()
    alice.send(say("held up"))
    alice.hang_up(1000)
    server.run()
    was_open = alice.is_open
    assert "held up" not in said(bob)
    alice.resume_reading()
    server.run()
    assert (was_open, alice.is_open) == (True, False)
    assert "held up" in said(bob)


def test_a_close_frame_with_nothing_before_it_is_read_at_once() -> None:
    server = MemoryServer()
    alice, bob = in_lobby(server, "Alice"), in_lobby(server, "Bob")
    alice.hang_up(1000)
    assert not alice.is_open
    server.run()
    server.advance(1.0)
    assert '"left":["Alice"]' in said(bob)


def test_who_vanishes_takes_along_what_was_not_read() -> None:
    server = MemoryServer(settings=HubSettings(grace=2.0))
    alice, bob = in_lobby(server, "Alice"), in_lobby(server, "Bob")
    alice.send(say("lost"))
    alice.hang_up(None)
    assert not alice.is_open
    server.run()
    assert "lost" not in said(bob)
    server.advance(1.0)
    assert "Alice" not in said(bob), "the grace period is not over"
    server.advance(2.0)
    assert '"left":["Alice"]' in said(bob)


def test_who_vanishes_after_a_close_frame_that_was_not_read_has_not_said_it() -> None:
    server = MemoryServer()
    alice, bob = in_lobby(server, "Alice"), in_lobby(server, "Bob")
    alice.send('{"type":"ping"}')
    alice.hang_up(1000)
    alice.hang_up(None)
    server.run()
    server.advance(1.0)
    assert "Alice" not in said(bob)


def test_what_was_written_before_the_servers_close_frame_reaches_who_reads_on() -> None:
    server = MemoryServer()
    alice, bob = in_lobby(server, "Alice"), in_lobby(server, "Bob")
    bob.read_more(0)
    alice.send(say("written"))
    server.run()
    bob.close(1001)
    assert "written" not in said(bob)
    bob.read_more(None)
    assert "written" in said(bob)


def test_who_is_cut_off_gets_nothing_more() -> None:
    server = MemoryServer()
    alice, bob = in_lobby(server, "Alice"), in_lobby(server, "Bob")
    bob.read_more(0)
    alice.send(say("written"))
    server.run()
    bob.abort()
    bob.read_more(None)
    assert said(bob) == ""


def test_who_reads_nothing_gets_what_was_said_when_they_read_again() -> None:
    server = MemoryServer()
    alice, bob = in_lobby(server, "Alice"), in_lobby(server, "Bob")
    bob.read_more(10)
    alice.send(say("first"))
    server.run()
    assert bob.unsent() > 0
    assert said(bob) == ""
    alice.send(say("second"))
    server.run()
    bob.read_more(None)
    server.run()
    told = said(bob)
    assert bob.unsent() == 0
    assert told.index('"first"') < told.index('"second"')


def test_who_answers_no_pings_is_cut() -> None:
    server = MemoryServer()
    alice, bob = in_lobby(server, "Alice"), in_lobby(server, "Bob")
    bob.answers_pings = False
    server.advance(100.0)
    assert (bob.pings, bob.aborted, bob.is_open) == (2, True, False)
    assert (alice.pings, alice.is_open) == (0, True)


def test_who_wants_to_be_told_of_frames_is_known_and_has_none_to_be_told_of() -> None:
    server = MemoryServer()
    alice, bob = in_lobby(server, "Alice"), in_lobby(server, "Bob")
    alice.send('{"type":"trace","on":true}')
    server.run()
    assert (alice.is_traced, bob.is_traced) == (True, False)
    assert said(alice) == '{"type":"tracing","on":true}'
    alice.send('{"type":"ping"}')
    server.run()
    assert '"traced"' not in said(alice)
