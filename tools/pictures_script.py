"""What is said in the pictures of the web client, in each language."""

from typing import Final, NamedTuple


class Line(NamedTuple):
    """Something that is said in a room."""

    who: str
    text: str
    answers: int | None = None
    """The line that it answers, counted from 0."""


class Whisper(NamedTuple):
    """Something that is said to Alice, or by her, in private."""

    who: str
    text: str


class Script(NamedTuple):
    """A session in one language."""

    names: tuple[str, ...]
    lobby: tuple[Line, ...]
    room: str
    elsewhere: tuple[Line, ...]
    code_room: str
    code: tuple[Line, ...]
    draft: str
    whispers: tuple[Whisper, ...]
    long_name: str
    long_whisper: str
    empty_room: str
    meanwhile: str


LOOP: Final = """\
```python
async with causerie.connect(url) as chat:
    async for event in chat:
        print(event)
```"""

BREAK: Final = """\
```python
if event.content == "stop":
    break
```"""

SCRIPTS: Final = {
    "en": Script(
        names=("Bob", "Chloé", "Dora", "Emil"),
        lobby=(
            Line("Bob", "Good morning! Who’s coming to the **picnic** on Saturday?"),
            Line("Chloé", "I am, and I’ll bring the quiche 🥧"),
            Line("Dora", "Count me in. Is the meadow by the river dry again?"),
            Line("Bob", "It is, I cycled past it yesterday.", 2),
            Line("Alice", "Lovely! I’ll take the big blanket and lemonade. @Chloé, plates?"),
            Line("Chloé", "Of course, and glasses :+1:"),
            Line("Emil", "23 °C and no clouds, says https://weather.example/saturday"),
            Line("Emil", "☀️🎉"),
            Line("Dora", "Then it’s settled: *noon*, at the bridge. Shall we take the ball?"),
        ),
        room="garden",
        elsewhere=(
            Line("Emil", "The first tomatoes are ripe!"),
            Line("Dora", "Who waters on Sunday?"),
        ),
        code_room="python",
        code=(
            Line("Emil", "Why does this never end?"),
            Line(
                "Emil",
                LOOP,
            ),
            Line("Dora", "Because it waits for what comes next, and there is always more.", 1),
            Line("Dora", "Leave the loop with `break` once you have seen enough."),
            Line("Emil", "Ah! And the connection?", 3),
            Line("Dora", "`async with` closes it, whichever way you leave."),
            Line("Emil", f"Thank you! That did it:\n{BREAK}"),
        ),
        draft="The README has a whole example",
        whispers=(
            Whisper("Chloé", "Psst, Bob turns 40 on Saturday 🎂"),
            Whisper("Alice", "I know :) Shall we get him a lamp for his bicycle?"),
            Whisper("Chloé", "Perfect, he has been talking of nothing else since winter."),
            Whisper("Chloé", "I’ll order it tonight, shall we share?"),
            Whisper("Alice", "Gladly. I’ll write the card."),
        ),
        long_name="Maximiliane-Alexandra.of.Bergen1",
        long_whisper="What a long name, isn’t it?",
        empty_room="a-very-long-name-for-a-reading-club-in-the-evening",
        meanwhile="I’ll bring the ball, then.",
    ),
    "fr": Script(
        names=("Bob", "Chloé", "Dora", "Émile"),
        lobby=(
            Line("Bob", "Bonjour ! Qui vient au **pique-nique** samedi ?"),
            Line("Chloé", "Moi, et j’apporte la quiche 🥧"),
            Line("Dora", "J’en suis. Le pré au bord de la rivière est-il sec ?"),
            Line("Bob", "Oui, j’y suis passé hier à vélo.", 2),
            Line("Alice", "Parfait ! Je prends la couverture. @Chloé, des assiettes ?"),
            Line("Chloé", "Bien sûr, et des verres :+1:"),
            Line("Émile", "23 °C et pas un nuage : https://meteo.example/samedi"),
            Line("Émile", "☀️🎉"),
            Line("Dora", "C’est décidé : *midi*, sous le pont. On prend le ballon ?"),
        ),
        room="jardin",
        elsewhere=(
            Line("Émile", "Les premières tomates sont mûres !"),
            Line("Dora", "Qui arrose dimanche ?"),
        ),
        code_room="python",
        code=(
            Line("Émile", "Pourquoi est-ce que ceci ne finit jamais ?"),
            Line(
                "Émile",
                LOOP,
            ),
            Line("Dora", "Parce que la boucle attend la suite, et il y en a toujours une.", 1),
            Line("Dora", "Quittez-la avec `break` quand vous en avez vu assez."),
            Line("Émile", "Ah ! Et la connexion ?", 3),
            Line("Dora", "`async with` la ferme, quelle que soit la sortie."),
            Line("Émile", f"Merci ! C’était ça :\n{BREAK}"),
        ),
        draft="Le README en a un exemple complet",
        whispers=(
            Whisper("Chloé", "Psst, Bob fête ses 40 ans samedi 🎂"),
            Whisper("Alice", "Je sais :) On lui offre une lampe pour son vélo ?"),
            Whisper("Chloé", "Parfait, il ne parle que de ça depuis l’hiver."),
            Whisper("Chloé", "Je la commande ce soir, on partage ?"),
            Whisper("Alice", "Volontiers. J’écris la carte."),
        ),
        long_name="Maximilienne-Alexandra.du.Rivage",
        long_whisper="Quel long nom, n’est-ce pas ?",
        empty_room="un-très-long-nom-pour-un-club-de-lecture-du-soir",
        meanwhile="Alors j’apporte le ballon.",
    ),
}
