"""Manual pages: a text by hand (docs/man/*.in), in which a line "@OPTIONS@" or "@COMMANDS@" stands for
what the program's --help says."""

_STRONG, _WEAK = r"\fB{}\fR", r"\fI{}\fR"


def _roff(text):
    text = text.replace("\\", r"\e").replace("-", r"\-").replace("…", "...")
    return "\\&" + text if text.startswith((".", "'")) else text


def _option(option):
    names = ", ".join(_STRONG.format(_roff(name)) for name in option.names)
    value = " " + _WEAK.format(_roff(option.value)) if option.value else ""
    return f".TP\n{names}{value}\n{_roff(option.help)}\n" if option.help else f".TP\n{names}{value}\n\\&\n"


def options(command):
    return "".join(_option(o) for o in command.options if "--help" not in o.names)


def _synopsis(program, command):
    words = [_STRONG.format(_roff(" ".join((program, *command.path))))]
    if any("--help" not in o.names for o in command.options):
        words.append("[" + _WEAK.format("OPTIONS") + "]")
    for positional in command.positionals:
        name = _WEAK.format(_roff(positional.name))
        words.append(name if positional.required else f"[{name}]")
    return " ".join(words)


def _command(program, command):
    text = f".SS {' '.join(command.path)}\n{_synopsis(program, command)}\n.PP\n{_roff(command.help)}\n"
    for positional in command.positionals:
        if positional.help:
            text += f".TP\n{_WEAK.format(_roff(positional.name))}\n{_roff(positional.help)}\n"
    return text + options(command)


def commands(program, top):
    return "".join(_command(program, c) for c in top.all() if c.path and not c.commands)


def page(template, program, top, version, date):
    """`date`: of the release, as 2026-11-27."""
    for mark, text in (
        ("@OPTIONS@\n", options(top)),
        ("@COMMANDS@\n", commands(program, top)),
        ("@VERSION@", version),
        ("@DATE@", date),
    ):
        template = template.replace(mark, text)
    return template
