# SPDX-License-Identifier: Apache-2.0
"""What the documentation holds besides prose: blocks in fences, and commands within the text."""
import pathlib
import re

TEMPLATE_FILE = "# templates/"
ROOT = pathlib.Path(__file__).resolve().parent.parent
PAGES = ["README.md", "docker/README.md"] + sorted(f"docs/{page.name}" for page in (ROOT / "docs").glob("*.md"))


def blocks(language):
    """(page, line, text) of each block in that language."""
    for page in PAGES:
        text = (ROOT / page).read_text(encoding="utf-8")
        for block in re.finditer(rf"^```{language}\n(.*?)^```", text, re.S | re.M):
            yield page, text.count("\n", 0, block.start(1)) + 1, block[1]


def configurations():
    """(page, line, text) of each block in YAML; what is a single source becomes a whole configuration."""
    for page, line, text in blocks("yaml"):
        if text.startswith(TEMPLATE_FILE):
            continue
        if re.search(r"^driver:", text, re.M):
            text = "sources:\n  - " + text.replace("\n", "\n    ").rstrip() + "\n"
        yield page, line, text


def template_files():
    """(page, line, text) of each block that is a file with templates."""
    for page, line, text in blocks("yaml"):
        if text.startswith(TEMPLATE_FILE):
            yield page, line, text


def commands():
    """(page, line, command) of each line of a shell block."""
    for page, line, text in blocks("sh"):
        for offset, command in enumerate(text.splitlines()):
            command = re.sub(r"\s+# .*", "", command).strip()
            if command and not command.startswith("#"):
                yield page, line + offset, command


def mentions():
    """(page, line, command) of each `sensorgw COMMAND …` within the text."""
    for page in PAGES:
        for line, text in enumerate((ROOT / page).read_text(encoding="utf-8").splitlines(), 1):
            for command in re.findall(r"`(?:sudo )?(sensorgw [a-z][^`]*)`", text):
                yield page, line, command


def links():
    """(page, line, target) of each link to another file of the project."""
    for page in PAGES:
        for line, text in enumerate((ROOT / page).read_text(encoding="utf-8").splitlines(), 1):
            for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", text):
                yield page, line, (ROOT / page).parent / target
