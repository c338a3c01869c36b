from causerie.tui.screen.typed_history import MOST, TypedHistory


def test_what_was_typed_comes_back_and_goes_again() -> None:
    history = TypedHistory()
    for text in ("one", "two"):
        history.add(text)
    assert history.back("unfinished") == "two"
    assert history.back("two") == "one"
    assert history.back("one") is None
    assert history.forth() == "two"
    assert history.forth() == "unfinished"
    assert history.forth() is None


def test_it_begins_again_with_the_newest_after_each_text() -> None:
    history = TypedHistory()
    history.add("one")
    history.back("")
    history.add("two")
    assert history.back("") == "two"


def test_what_is_blank_or_the_same_again_is_not_kept() -> None:
    history = TypedHistory()
    for text in ("one", "one", " \n"):
        history.add(text)
    assert history.back("") == "one"
    assert history.back("one") is None
    assert TypedHistory().back("x") is None


def test_so_much_is_kept() -> None:
    history = TypedHistory()
    for number in range(MOST + 10):
        history.add(str(number))
    found = [history.back("") for _ in range(MOST + 1)]
    assert found[-2:] == ["10", None]
