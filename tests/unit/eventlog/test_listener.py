"""Who waits for the log to grow: what is heard while the database is asked how long it is, is not forgotten."""

from eventlog.postgres.listener import Listener


def listening(position: int) -> Listener:
    listener = Listener("postgresql://nobody@127.0.0.1:1/x", lambda _: None)
    listener.heard(position)
    return listener


def test_what_was_heard_while_the_database_was_asked_is_newer_than_its_answer() -> None:
    listener = listening(100)
    before = listener.position
    listener.heard(101)
    listener.confirm(100, before)
    assert listener.position == 101


def test_a_log_that_was_restored_is_shorter_than_it_was() -> None:
    listener = listening(100)
    listener.confirm(40, listener.position)
    assert listener.position == 40


def test_what_was_not_heard_of_is_learnt_by_asking() -> None:
    listener = listening(100)
    listener.confirm(103, listener.position)
    assert listener.position == 103
