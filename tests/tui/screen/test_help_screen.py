from tests.tui.screen.seats import seat


async def test_help_is_shown_over_everything_and_closed_by_keys() -> None:
    async with seat(size=(100, 50)) as alice:
        for key in ("escape", "q", "enter", "f1"):
            await alice.press("f1")
            await alice.see("Keys", "/msg NAME text", "Esc closes this.")
            await alice.press(key)
            await alice.miss("Keys")
        assert alice.composer.text == ""


async def test_a_small_screen_has_it_broken_and_scrolled() -> None:
    async with seat(size=(60, 20), language="fr") as alice:
        await alice.press("f1")
        await alice.see("Touches")
        await alice.press(*["pagedown"] * 6)
        await alice.see("Échap ferme ceci.")
        await alice.press("pageup")
        await alice.miss("Échap ferme ceci.")
        await alice.pilot.resize_terminal(100, 50)
        await alice.see("Touches", "Échap ferme ceci.")
