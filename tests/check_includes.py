#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Checks who includes whom: gateway/core <- config <- {drivers, storage} <- gateway <- tests, and that each
third-party header stays in the folder that wraps it. Prints every violation; exit status 1 if there is one."""
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent

# Longest prefix first. A folder may include itself and what is listed.
MAY_INCLUDE = [
    ("gateway/core", []),
    ("config", ["gateway/core"]),
    ("drivers", ["gateway/core", "config"]),
    ("storage", ["gateway/core", "config"]),
    ("gateway", ["gateway/core", "config", "drivers", "storage"]),
]
FOLDERS = [folder for folder, _ in MAY_INCLUDE]

HOMES = {
    r"modbus(/modbus)?\.h": ["drivers/modbus"],
    r"MQTT\w+\.h": ["drivers/mqtt"],
    r"sqlite3\.h": ["storage"],
    r"microhttpd\.h": ["gateway/http"],
    r"yaml\.h": ["config"],
    r"cmocka\.h": [],
    r"systemd/.*": ["gateway"],
    r"termios\.h": ["drivers"],
    r"cjson/.*": ["drivers/mqtt", "gateway", "config"],
}

INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]', re.MULTILINE)


def folder_of(path):
    return next((f for f in FOLDERS if path == f or path.startswith(f + "/")), None)


def problem(path, quote, included):
    """Why `path` may not include it, or None."""
    folder = folder_of(path)
    if quote == '"':
        target = folder_of(included)
        if target is None:
            return None if included == "version.h" else "is not named from the top of the tree"
        allowed = [folder] + dict(MAY_INCLUDE)[folder]
        return None if target in allowed else f"{folder} may include only {', '.join(allowed)}"
    for pattern, homes in HOMES.items():
        if re.fullmatch(pattern, included) and not any(path.startswith(h + "/") for h in homes):
            return f"belongs to {' and '.join(homes) or 'tests'} alone"
    return None


def main():
    files = [p for f in FOLDERS for p in (ROOT / f).rglob("*.[ch]")]
    violations = []
    for file in sorted(set(files)):
        path = file.relative_to(ROOT).as_posix()
        for quote, included in INCLUDE.findall(file.read_text(encoding="utf-8")):
            why = problem(path, quote, included)
            if why:
                violations.append(f"{path}: {included}: {why}")
    print("\n".join(violations) or f"{len(set(files))} files include as they may")
    # The check must be able to fail.
    assert problem("storage/store.c", '"', "drivers/driver.h")
    assert problem("gateway/core/log.c", '"', "config/config.h")
    assert problem("gateway/worker.c", "<", "sqlite3.h")
    return 1 if violations else 0


if __name__ == "__main__":
    sys.exit(main())
