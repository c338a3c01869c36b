import gzip
from pathlib import Path

import pytest
from tests.server.test_http import ask

from causerie.server.web import POLICY, WebClient

SCRIPT = "console.log('hello');\n" * 100


@pytest.fixture
def web(tmp_path: Path) -> WebClient:
    folder = tmp_path / "dist"
    (folder / "assets").mkdir(parents=True)
    (folder / "index.html").write_text("<!doctype html><title>Causerie</title>")
    (folder / "favicon.svg").write_text("<svg/>")
    (folder / "assets" / "index-abc123.js").write_text(SCRIPT)
    (tmp_path / "secret").write_text("not to be had")
    return WebClient(folder)


async def test_the_page_may_load_nothing_but_what_its_own_server_has(web: WebClient) -> None:
    page = await ask("/", web=web)
    assert (page.status, page.headers["content-type"]) == (200, "text/html; charset=utf-8")
    assert page.headers["content-security-policy"] == POLICY
    assert "unsafe" not in POLICY
    assert page.headers["cross-origin-opener-policy"] == "same-origin"
    assert page.headers["x-content-type-options"] == "nosniff"
    assert page.headers["cache-control"] == "no-cache"
    assert (await ask("/index.html", web=web)).body == page.body


async def test_what_has_its_hash_in_its_name_is_never_asked_for_again(web: WebClient) -> None:
    script = await ask("/assets/index-abc123.js", web=web)
    assert script.headers["cache-control"] == "public, max-age=31536000, immutable"
    assert script.headers["content-type"] == "text/javascript; charset=utf-8"
    assert script.text == SCRIPT


async def test_what_is_known_already_is_not_sent_again(web: WebClient) -> None:
    etag = (await ask("/", web=web)).headers["etag"]
    assert etag.startswith('W/"'), "it is the same whether the file is compressed or not"
    again = await ask("/", web=web, headers={"If-None-Match": f'"other", {etag[2:]}'})
    assert again.status == 304
    again = await ask("/", web=web, headers={"If-None-Match": f'"other", {etag}'})
    assert (again.status, again.body) == (304, b"")
    assert again.headers["etag"] == etag
    changed = await ask("/", web=web, headers={"If-None-Match": '"other"'})
    assert changed.status == 200


@pytest.mark.parametrize(
    ("accepted", "compressed"),
    [
        ("gzip, deflate, br", True),
        ("br;q=1.0, GZIP;q=0.8", True),
        ("*", True),
        ("gzip;q=0", False),
        ("deflate", False),
        ("", False),
    ],
)
async def test_it_is_compressed_for_who_can_read_that(
    web: WebClient, accepted: str, compressed: bool
) -> None:
    script = await ask("/assets/index-abc123.js", web=web, headers={"Accept-Encoding": accepted})
    assert script.headers["vary"] == "Accept-Encoding"
    assert ("content-encoding" in script.headers) == compressed
    assert (gzip.decompress(script.body) if compressed else script.body) == SCRIPT.encode()


async def test_what_compression_would_only_lengthen_is_sent_as_it_is(web: WebClient) -> None:
    icon = await ask("/favicon.svg", web=web, headers={"Accept-Encoding": "gzip"})
    assert (icon.text, icon.headers["content-type"]) == ("<svg/>", "image/svg+xml")
    assert "content-encoding" not in icon.headers


async def test_a_head_request_is_told_of_the_page_and_not_sent_it(web: WebClient) -> None:
    page = await ask("/", method="HEAD", web=web)
    assert page.status == 200
    assert int(page.headers["content-length"]) > 0


@pytest.mark.parametrize(
    "path",
    [
        "/../secret",
        "/assets/../../secret",
        "/..%2fsecret",
        "/%2e%2e/secret",
        "/assets/..\\..\\secret",
        "//secret",
        "/assets/",
        "/assets",
        "/index.html/",
        "/nothing",
    ],
)
async def test_nothing_else_is_to_be_had(web: WebClient, path: str) -> None:
    response = await ask(path, web=web)
    assert response.status == 404
    assert "not to be had" not in response.text


async def test_without_it_a_page_says_how_to_reach_the_chat() -> None:
    page = await ask("/")
    assert (page.status, "websocat" in page.text) == (200, True)


def test_a_folder_without_a_page_is_no_web_client(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        WebClient(tmp_path)
