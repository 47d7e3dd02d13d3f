"""What was made of an object is given again for that object alone, and for no more of them than is said."""

from services.token.made import Made


def test_what_was_made_is_given_again_for_that_very_object_and_no_equal_one() -> None:
    made = Made[list[int], list[int]](list)
    one, equal = [1], [1]
    assert made(one) is made(one)
    assert made(equal) is not made(one)


def test_no_more_are_kept_than_is_said() -> None:
    made = Made[list[int], list[int]](list, remember=2)
    objects = [[number] for number in range(3)]
    first = made(objects[0])
    made(objects[1])
    made(objects[2])
    assert made(objects[0]) is not first
    assert [made(one) for one in objects] == objects


def test_an_object_that_is_kept_lends_its_identity_to_no_other() -> None:
    made = Made[list[int], list[int]](list, remember=4)
    assert [made([number]) for number in range(100)] == [[number] for number in range(100)]
