"""The tables of codes in PROTOCOL.md, which is written by hand otherwise.

`tools/generate.py` writes them.
"""

from typing import Any

Json = dict[str, Any]


def protocol_page(page: str, codes: Json) -> str:
    """The page, with its tables made anew from what codes.json says; the rest stays."""
    tables = {
        "errors": [
            "| `code` | when | again? |",
            "|---|---|---|",
            *(
                f"| `{error['code']}` | {error['doc']} | {'later' if error['retry'] else 'no'} |"
                for error in codes["errors"]
            ),
        ],
        "closes": [
            "| code | name | when | come back? |",
            "|---|---|---|---|",
            *(
                f"| {close['code']} | `{close['name']}` | {close['doc']} "
                f"| {'yes' if close['reconnect'] else 'no'} |"
                for close in codes["closes"]
            ),
        ],
    }
    for name, rows in tables.items():
        begin, end = f"<!-- {name}: made by tools/generate.py -->\n", f"<!-- end of {name} -->"
        before, _, rest = page.partition(begin)
        _, ended, after = rest.partition(end)
        assert ended, f"PROTOCOL.md has lost the marks around its table of {name}"
        page = before + begin + "\n".join(rows) + "\n" + end + after
    return page
