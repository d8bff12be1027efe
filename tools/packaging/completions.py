"""Completions for bash, zsh and fish, from what a program's --help says."""

_FOLDERS = {"DIR", "MOUNTPOINT"}
_FILES = {"PATH", "PATH…", "REMOTE…", "FILE"}


def _kind(value):
    """What a value is completed with: "folders", "files", or nothing."""
    if value in _FOLDERS:
        return "folders"
    return "files" if value in _FILES else ""


def _identifier(program):
    return "_" + program.replace("-", "_")


def _bash_command(top):
    """Finds which command the line is of."""
    if not top.commands:
        return ""
    nested = " | ".join(c.path[0] for c in top.commands if c.commands) or "-"
    return f"""  for ((i = 1; i < COMP_CWORD; i++)); do
    case "$command:${{COMP_WORDS[i]}}" in
      *:-*) ;;
      :*) command=${{COMP_WORDS[i]}} ;;
    esac
    case $command in
      {nested}) [[ $i -lt $((COMP_CWORD - 1)) && ${{COMP_WORDS[i + 1]}} != -* ]] &&
        command="$command ${{COMP_WORDS[i + 1]}}" ;;
    esac
  done
"""


def bash(program, top):
    """Needs nothing of the package bash-completion, only its folder to be found in."""
    function = _identifier(program)
    values, words = [], []
    for command in top.all():
        name = " ".join(command.path)
        names = " ".join(n for option in command.options for n in option.names)
        below = " ".join(c.path[-1] for c in command.commands)
        kinds = {_kind(p.name) for p in command.positionals}
        kind = max(kinds, default="")
        words.append(f'      "{name}") options="{names}" commands="{below}" kind="{kind}" ;;')
        for option in command.options:
            if not option.value:
                continue
            pattern = " | ".join(f'"{name}:{n}"' for n in option.names)
            action = f'words="{" ".join(option.choices)}"'
            if not option.choices:
                action = f'kind="{_kind(option.value)}"'
            values.append(f"    {pattern}) {action} takes_value=1 ;;")
    return f"""# bash completion of {program}; made from its --help

{function}() {{
  local current=${{COMP_WORDS[COMP_CWORD]}} previous=${{COMP_WORDS[COMP_CWORD - 1]}}
  local command="" options="" commands="" kind="" words="" takes_value=0 i
{_bash_command(top)}  [[ $previous == "=" ]] && previous=${{COMP_WORDS[COMP_CWORD - 2]}}
  [[ $current == "=" ]] && previous=${{COMP_WORDS[COMP_CWORD - 1]}} current=""
  case "$command:$previous" in
{chr(10).join(values)}
  esac
  if ((!takes_value)); then
    case $command in
{chr(10).join(words)}
    esac
    words=$commands
    if [[ $current == -* ]]; then words=$options kind=""; fi
  fi
  COMPREPLY=()
  if [[ -n $words ]]; then
    mapfile -t COMPREPLY < <(compgen -W "$words" -- "$current")
  elif [[ -n $kind ]]; then
    compopt -o filenames 2>/dev/null
    local how=-f
    [[ $kind == folders ]] && how=-d
    mapfile -t COMPREPLY < <(compgen $how -- "$current")
  fi
}}
complete -F {function} {program}
"""


def _quoted(text):
    return "'" + text.replace("'", "'\\''") + "'"


def _zsh_escaped(text):
    for character in "\\:[]":
        text = text.replace(character, "\\" + character)
    return text


def _zsh_action(value, choices):
    if choices:
        return f"({' '.join(choices)})"
    return {"folders": "_files -/", "files": "_files"}.get(_kind(value), "")


def _zsh_arguments(command):
    specs = []
    for option in command.options:
        text = f"[{_zsh_escaped(option.help)}]"
        after = ""
        if option.value:
            after = f":{_zsh_escaped(option.value)}:{_zsh_action(option.value, option.choices)}"
        for name in option.names:
            joined = "=" if option.value and name.startswith("--") else ""
            specs.append(_quoted(f"{name}{joined}{text}{after}"))
    for positional in command.positionals:
        many = "*" if positional.name.endswith("…") else ""
        optional = "" if positional.required or many else ":"
        name = _zsh_escaped(positional.name)
        specs.append(_quoted(f"{many}:{optional}{name}:{_zsh_action(positional.name, [])}"))
    return specs


def _is_word(name):
    """Whether a name is such as -label."""
    return not name.startswith("--") and len(name) > 2


def _zsh_function(program, command):
    name = "_".join([_identifier(program), *(p.replace("-", "_") for p in command.path)])
    specs = _zsh_arguments(command)
    if not command.commands:
        # One letter behind another, unless a whole word stands behind one dash.
        stacked = "" if any(_is_word(n) for o in command.options for n in o.names) else " -s"
        body = f"  _arguments{stacked} \\\n    " + " \\\n    ".join(specs or ["''"]) + "\n"
        return f"{name}() {{\n{body}}}\n"
    listed = "\n".join(
        f"    {_quoted(c.path[-1] + ':' + _zsh_escaped(c.help))}" for c in command.commands
    )
    cases = "\n".join(
        f"      {c.path[-1]}) {name}_{c.path[-1].replace('-', '_')} ;;" for c in command.commands
    )
    specs = [*specs, "'1: :->command'", "'*:: :->arguments'"]
    arguments = " \\\n    ".join(specs)
    return f"""{name}() {{
  local context state state_descr line
  typeset -A opt_args
  local -a commands=(
{listed}
  )
  _arguments -C \\
    {arguments}
  case $state in
    command) _describe command commands ;;
    arguments) case $line[1] in
{cases}
    esac ;;
  esac
}}
"""


def zsh(program, top):
    functions = "\n".join(_zsh_function(program, command) for command in top.all())
    return f"""#compdef {program}
# made from {program} --help

{functions}
{_identifier(program)} "$@"
"""


def _fish_quoted(text):
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


def _fish_condition(command, top):
    """When the line is at this command."""
    if not command.path:
        return "__fish_use_subcommand" if top.commands else ""
    seen = "; and ".join(f"__fish_seen_subcommand_from {name}" for name in command.path)
    if command.commands:
        below = " ".join(c.path[-1] for c in command.commands)
        seen += f"; and not __fish_seen_subcommand_from {below}"
    return seen


def _fish_option(option):
    words = []
    for name in option.names:
        kind = "-l" if name.startswith("--") else "-o" if _is_word(name) else "-s"
        words += [kind, name.lstrip("-")]
    if option.choices:
        words += ["-x", "-a", _fish_quoted(" ".join(option.choices))]
    elif _kind(option.value) == "folders":
        words += ["-x", "-a", "'(__fish_complete_directories)'"]
    elif _kind(option.value) == "files":
        words.append("-rF")
    elif option.value:
        words.append("-x")
    return [*words, "-d", _fish_quoted(option.help)]


def fish(program, top):
    lines = [f"# made from {program} --help", f"complete -c {program} -f"]
    for command in top.all():
        condition = _fish_condition(command, top)
        start = f"complete -c {program}" + (f" -n {_fish_quoted(condition)}" if condition else "")
        for option in command.options:
            lines.append(" ".join([start, *_fish_option(option)]))
        for below in command.commands:
            name, text = below.path[-1], _fish_quoted(below.help)
            lines.append(f"{start} -a {name} -d {text}")
        kinds = {_kind(p.name) for p in command.positionals}
        if "files" in kinds:
            lines.append(f"{start} -F")
        elif "folders" in kinds:
            lines.append(f"{start} -a '(__fish_complete_directories)'")
    return "\n".join(lines) + "\n"
