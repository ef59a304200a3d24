# SPDX-License-Identifier: Apache-2.0
"""The man pages, made from what the program says of itself: sensorgw(1) from the help of its commands, sensorgw.yaml(5)
from the reference of its options. tests/check_docs.py keeps docs/man in step with them."""
import re
import subprocess

ONE_HEAD = r"""sensorgw \- gateway for Modbus, serial, 1-wire and MQTT sensors
.SH SYNOPSIS
.B sensorgw
.RB [ \-c
.IR FILE ]
.I COMMAND
.RI [ OPTION \&...]
.SH DESCRIPTION
.B sensorgw run
reads the sensors that its configuration names, watches their limits, sends alerts over MQTT, and keeps the history in one
SQLite file. The other commands look into that file, check the configuration, or talk to devices.
.SH COMMANDS
"""
ONE_TAIL = r""".SH EXIT STATUS
.TP
.B 0
Done.
.TP
.B 1
Failed; the reason is on standard error.
.TP
.B 2
The command line is wrong.
.TP
.B 75
.B sensorgw run
only: another program has the database or the port of http.listen; trying again later may help.
.TP
.B 78
.B sensorgw run
only: the configuration is not valid, the folder of storage.path cannot be written, or the file there is no database of
sensorgw; starting again would not help.
.SH FILES
.TP
.I /etc/sensorgw/sensorgw.yaml
The configuration, unless there is a
.I sensorgw.yaml
in the current folder or
.B \-c
names another one; see
.BR sensorgw.yaml (5).
.TP
.I /etc/sensorgw/credentials/
The password for the broker
.RI ( mqtt_password ),
the key of its certificate
.RI ( mqtt_key )
and the token for HTTP
.RI ( http_token ).
The service has them below
.IR ${CREDENTIALS_DIRECTORY} .
.TP
.I /var/lib/sensorgw/sensorgw.db
The history. It can be opened with
.B sqlite3 \-readonly
while the gateway runs.
.TP
.I /usr/share/sensorgw/templates/
Devices that are described already.
.SH ENVIRONMENT
.TP
.B CREDENTIALS_DIRECTORY
Folder of secrets, set by systemd for the service. Where it is not set, the folder
.I credentials
beside the configuration takes its place.
.SH SIGNALS
.TP
.BR SIGTERM ", " SIGINT
End; what was accepted is stored first.
.TP
.B SIGHUP
Read the configuration again; one with an error is refused and changes nothing.
.SH SEE ALSO
.BR sensorgw.yaml (5),
.BR mosquitto_sub (1),
.BR sqlite3 (1)
"""
FIVE_HEAD = r"""sensorgw.yaml \- configuration of sensorgw
.SH DESCRIPTION
One file in YAML. Unknown keys are errors;
.B sensorgw check
prints every error with its line and column, and what the file would do.
"""
FIVE_TAIL = r""".SH EXAMPLE
.EX
%s.EE
.SH FILES
.I /etc/sensorgw/sensorgw.yaml
.SH SEE ALSO
.BR sensorgw (1)
"""


def run(program, *arguments):
    return subprocess.run([program, *arguments], check=True, capture_output=True, text=True).stdout


def escape(text):
    """Plain text for roff: what it would take for a command or for a typographic sign is kept as it is."""
    text = text.replace("\\", r"\e").replace("-", r"\-").replace("'", r"\(aq").replace("`", r"\(ga").replace("^", r"\(ha")
    text = text.replace("~", r"\(ti")
    return re.sub(r"^\.", r"\\&.", text, flags=re.M)


def marked(text):
    """The same for Markdown: `code` becomes bold."""
    parts = re.split(r"`([^`]*)`", text.replace("\\|", "|"))
    return "".join(rf"\fB{escape(part)}\fP" if i % 2 else escape(part) for i, part in enumerate(parts))


def title(name, section, what):
    return f'.\\" Made from the program by tests/check_docs.py --write; do not edit.\n.TH {name} {section} "" "sensorgw" "{what}"\n.SH NAME\n'


def help_body(lines):
    """The text of one command's help: options become tagged paragraphs, indented lines stay as they are, the rest flows."""
    out, state = [], ""

    def enter(new, *opening):
        nonlocal state
        if state != new and state == "verbatim":
            out.append(".fi")
        if state != new or new == "option":
            out.extend(opening)
        state = new

    for line in lines:
        option = re.match(r" {2,6}(-\S.*?)(?:  +(\S.*))?$", line)
        if not line.strip():
            enter("")
        elif option:
            enter("option", ".TP", rf".B {escape(option[1])}")
            out.extend([escape(option[2])] if option[2] else [])
        elif state == "option" and line.startswith(" " * 10):
            out.append(escape(line.strip()))
        elif line.startswith("  "):
            enter("verbatim", ".PP", ".nf")
            out.append(escape(line))
        else:
            enter("text", ".PP")
            out.append(escape(line))
    enter("")
    return out


def command_section(program, name):
    usage, summary, _, *body = run(program, name, "--help").rstrip("\n").split("\n")
    kept = [line for line in body if not line.startswith("Exit status: 0 done; 1 failed")]
    common = next(i for i, line in enumerate(kept) if line.startswith("  -c, --config"))
    end = next(i for i, line in enumerate(kept) if line.startswith("  -h, --help"))
    del kept[common:end + 1]
    synopsis = usage.removeprefix("Usage: ")
    return [f".SS {escape(name)}", rf".B {escape(synopsis)}", ".PP", escape(summary)] + help_body(kept)


def sensorgw_1(program):
    names = re.findall(r"^  ([a-z][a-z-]*) ", run(program, "--help").partition("Commands:")[2], re.M)
    lines = [r"Each takes", r".BR \-h ", "too, and", r".B \-c", r".IR FILE ,", "the configuration."]
    for name in names:
        lines += command_section(program, name)
    return title("SENSORGW", 1, "User Commands") + ONE_HEAD + "\n".join(lines) + "\n" + ONE_TAIL


def table_row(line):
    key, value, fallback, what = [cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:5]]
    notes = [marked(value)] if value else []
    if "required" in fallback:
        notes.append("required")
    elif fallback:
        notes.append("default " + marked(fallback))
    return [".TP", marked(key) + (f" ({'; '.join(notes)})" if notes else ""), marked(what)]


def reference_body(text):
    out = []
    for line in text.split("\n")[1:]:
        heading = re.match(r"(#+) (.*)", line)
        if heading:
            out.append((".SH " if heading[1] == "##" else ".SS ") + escape(heading[2]).upper())
        elif line.startswith("| `"):
            out += table_row(line)
        elif line.startswith("|"):
            continue
        elif not line.strip():
            out.append("")
        else:
            out.append(marked(line))
    return re.sub(r"\n{2,}", "\n.PP\n", "\n".join(out).strip("\n")).replace("\n.PP\n.S", "\n.S").replace("\n.PP\n.TP", "\n.TP")


def sensorgw_yaml_5(program, example):
    body = reference_body(run(program, "check", "--reference"))
    return title("SENSORGW.YAML", 5, "File Formats") + FIVE_HEAD + body + "\n" + FIVE_TAIL % escape(example)
