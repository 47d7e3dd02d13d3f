"""Every check of a campaign's topics fails where these have a gap or what never committed."""

from hashlib import sha256

from tests.fault.campaign.check import Published, TopicWatch

HASHES = {n: sha256(bytes([n])).digest() for n in range(1, 6)}


def test_a_topic_that_repeats_is_well_and_one_with_a_gap_is_not() -> None:
    records = [Published(n, position, HASHES[position]) for n, position in enumerate((1, 2, 1, 2, 3))]
    assert TopicWatch("token").take(records, HASHES) == []
    assert TopicWatch("token").take([Published(0, 1, HASHES[1]), Published(1, 3, HASHES[3])], HASHES)


def test_a_record_of_what_never_committed_is_seen() -> None:
    forged = [Published(0, 1, HASHES[2])]
    assert TopicWatch("token").take(forged, HASHES)
    assert TopicWatch("token").take([Published(0, 9, HASHES[2])], HASHES)
    assert TopicWatch("token", strangers=True).take(forged, HASHES) == []


def test_a_topic_that_lost_its_beginning_begins_anywhere_and_then_has_no_gap() -> None:
    topic = TopicWatch("token")
    topic.begins_anywhere()
    assert topic.take([Published(0, 3, HASHES[3])], HASHES) == []
    assert topic.take([Published(1, 5, HASHES[5])], HASHES)
