#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Checks that what is generated from the program is up to date, that the JSON Schema is one, accepts the configurations that
come with the project and refuses broken ones, that the program and the schema accept every configuration in the documentation,
and that links lead somewhere. With --write, writes the generated files instead. Commands are tested by integration/test_docs.py."""
import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile

import jsonschema
import yaml

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "packaging"))
import doc_blocks  # noqa: E402
import manpages  # noqa: E402  (found through the path above)

SENSORGW = os.environ.get("SENSORGW", "sensorgw")
TEMPLATES = ROOT / "config" / "templates"
VALID = ["config/sensorgw.example.yaml", "script/demo.yaml", "packaging/sensorgw.yaml"]
REFUSED = {  # a change to the example, and what is wrong then
    "an unknown key": lambda c: c.update(storrage={}),
    "no sources": lambda c: c.pop("sources"),
    "a driver that there is not": lambda c: c["sources"][0].update(driver="modbuss"),
    "a text for a number": lambda c: c.setdefault("gateway", {}).update(workers="two"),
    "a range that is none": lambda c: c["sources"][0]["devices"][0].update(unit_id=[1, "5-"]),
    "a sensor without a place": lambda c: c["sources"][0]["devices"][0]["sensors"][0].pop("holding"),
    "too many workers": lambda c: c.setdefault("gateway", {}).update(workers=1000),
}


def check(option):
    return subprocess.run([SENSORGW, "check", option], check=True, capture_output=True, text=True).stdout


def schema_text():
    return json.dumps(json.loads(check("--schema")), indent=1, ensure_ascii=False) + "\n"


def configuration_man():
    return manpages.sensorgw_yaml_5(SENSORGW, (ROOT / "packaging/sensorgw.yaml").read_text(encoding="utf-8"))


GENERATED = {  # file: what it must hold
    "docs/configuration.md": lambda: check("--reference"),
    "config/sensorgw.schema.json": schema_text,
    "docs/man/sensorgw.1": lambda: manpages.sensorgw_1(SENSORGW),
    "docs/man/sensorgw.yaml.5": configuration_man,
}


def load(path):
    text = (ROOT / path).read_text(encoding="utf-8")
    return yaml.safe_load(re.sub(r"@[A-Z0-9]+@", "127.0.0.1:1", text))  # what script/demo puts in


def problems():
    for path, generate in GENERATED.items():
        if (ROOT / path).read_text(encoding="utf-8") != generate():
            yield f"{path} is not what the program says; run tests/check_docs.py --write"
    schema = json.loads(schema_text())
    jsonschema.Draft202012Validator.check_schema(schema)
    validator = jsonschema.Draft202012Validator(schema)
    for path in VALID:
        for error in validator.iter_errors(load(path)):
            yield f"{path}: the schema refuses {error.json_path}: {error.message}"
    for what, spoil in REFUSED.items():
        config = load(VALID[0])
        spoil(config)
        if validator.is_valid(config):
            yield f"the schema accepts {what}"
    yield from block_problems(validator)
    yield from template_problems({"additionalProperties": {"$ref": "#/$defs/template"}, "$defs": schema["$defs"]})
    for page, line, target in doc_blocks.links():
        if not target.exists():
            yield f"{page}:{line}: there is no {target}"


def template_problems(schema):
    """Files with templates: those that come with the program, and in the documentation."""
    validator = jsonschema.Draft202012Validator(schema)
    files = [(path.name, 1, path.read_text(encoding="utf-8")) for path in sorted(TEMPLATES.glob("*.yaml"))]
    for page, line, text in files + list(doc_blocks.template_files()):
        for error in validator.iter_errors(yaml.safe_load(text)):
            yield f"{page}:{line}: the schema refuses {error.json_path}: {error.message}"


def block_problems(validator):
    """Configurations in the documentation, checked beside a folder with the secrets that they may name."""
    with tempfile.TemporaryDirectory() as folder:
        secrets, config = pathlib.Path(folder, "credentials"), pathlib.Path(folder, "sensorgw.yaml")
        secrets.mkdir()
        for name in ("mqtt_password", "mqtt_key", "http_token"):
            (secrets / name).write_text("secret\n", encoding="utf-8")
        environment = {key: value for key, value in os.environ.items() if key != "CREDENTIALS_DIRECTORY"}
        for page, line, block in doc_blocks.configurations():
            for error in validator.iter_errors(yaml.safe_load(block)):
                yield f"{page}:{line}: the schema refuses {error.json_path}: {error.message}"
            # The ones that come with the program need not be installed here.
            config.write_text((f"template_dir: {TEMPLATES}\n" if "template:" in block else "") + block, encoding="utf-8")
            done = subprocess.run([SENSORGW, "check", str(config)], capture_output=True, text=True, check=False, env=environment)
            if done.returncode != 0:
                yield f"{page}:{line}: {done.stderr}"


if sys.argv[1:] == ["--write"]:
    for name, generated in GENERATED.items():
        (ROOT / name).write_text(generated(), encoding="utf-8")
    sys.exit(0)
found = list(problems())
print(*found, sep="\n")
sys.exit(bool(found))
