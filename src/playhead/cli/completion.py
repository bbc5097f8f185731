"""`playhead completion bash|zsh|fish`: a script that makes a shell complete command lines of `playhead` and
`playhead-system-i386`.

The script only asks this verb again, with the line so far (`--line`); what may come next follows from the tables of
options (`complete_words.py`), so the three shells need no knowledge of their own.
"""

import sys

from playhead.cli.options import Option, help_text, parse_arguments
from playhead.cli.value_types import TEXT

BASH = """# playhead: completion for bash. eval "$(playhead completion bash)", or a file in /etc/bash_completion.d
_playhead_complete() {
    mapfile -t COMPREPLY < <(command playhead completion --line "${COMP_LINE:0:COMP_POINT}" \\
        --breaks "$COMP_WORDBREAKS" bash 2>/dev/null)
    if [[ ${#COMPREPLY[@]} == 1 && ${COMPREPLY[0]} == *[=/,:.] ]]; then compopt -o nospace; fi
}
complete -F _playhead_complete playhead playhead-system-i386
"""
ZSH = """#compdef playhead playhead-system-i386
# playhead: completion for zsh. eval "$(playhead completion zsh)" after compinit, or a file _playhead in $fpath
_playhead_complete() {
    local -a found
    found=("${(@f)$(command playhead completion --line "${(j: :)words[1,CURRENT-1]} $PREFIX" zsh 2>/dev/null)}")
    compadd -Q -S '' -- ${(M)found:#*[=/,:.]}
    compadd -Q -- ${found:#*[=/,:.]}
}
compdef _playhead_complete playhead playhead-system-i386
"""
FISH = """# playhead: completion for fish. playhead completion fish | source, or a file in ~/.config/fish/completions
function __playhead_complete
    command playhead completion --line (commandline -cp | string collect) fish 2>/dev/null
end
complete -c playhead -f -a '(__playhead_complete)'
complete -c playhead-system-i386 -f -a '(__playhead_complete)'
"""
SCRIPTS = {"bash": BASH, "zsh": ZSH, "fish": FISH}

OPTIONS = (
    Option("--line", "for these scripts: print what may complete this line, one word a line", parse=TEXT,
           since="0.4.0"),
    Option("--breaks", "for bash: characters that split its words, beside blanks", parse=TEXT, default="",
           since="0.4.0"),
)  # fmt: skip
OPERANDS = ("|".join(SCRIPTS),)


def help() -> str:
    what = (
        "Prints a script that makes a shell complete the command lines of playhead and playhead-system-i386: options,\n"
        "sub-options, their values, devices and their properties, ids, and files. For bash: add\n"
        "eval \"$(playhead completion bash)\" to ~/.bashrc."
    )
    return help_text("completion", "playhead completion bash|zsh|fish", what, OPTIONS)


def main(words: list[str]) -> int:
    values = parse_arguments("completion", OPTIONS, words, OPERANDS)
    from playhead.base.errors import UsageError

    shell = values[OPERANDS[0]]
    if shell not in SCRIPTS:
        raise UsageError(f"completion {shell}: there is {', '.join(SCRIPTS)}")
    if values["line"] is None:
        print(SCRIPTS[shell], end="")
        return 0
    from playhead.cli.complete_words import complete

    for word in complete(values["line"], values["breaks"], quoted=shell != "fish"):
        sys.stdout.buffer.write(word.encode("utf-8", "surrogateescape") + b"\n")
    sys.stdout.flush()
    return 0
