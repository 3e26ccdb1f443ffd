/** `nebula completion bash|zsh`: a script generated from the command tree. */
import type { Command, Option } from "commander";

type Node = { readonly path: string; readonly words: readonly string[] };

export function completion(program: Command, shell: "bash" | "zsh"): string {
  const nodes = walk(program, "", globalFlags(program));
  const cases = nodes.map(({ path, words }) => `    "${path}") words="${words.join(" ")}" ;;`).join("\n");
  const choices = allOptions(program)
    .filter((option) => option.argChoices)
    .map((option) => `    ${flagsOf(option).join("|")}) words="${option.argChoices?.join(" ")}" ;;`);
  const body = functionBody(cases, [...new Set(choices)].join("\n"));
  return shell === "bash"
    ? `${body}\ncomplete -o default -F _nebula nebula ./nebula\n`
    : `#compdef nebula\nautoload -U +X bashcompinit && bashcompinit\n${body}\ncomplete -o default -F _nebula nebula ./nebula\n`;
}

/** Words so far that are no options name the command; what may follow stands in the table. */
const functionBody = (cases: string, choices: string) => `_nebula() {
  local current="\${COMP_WORDS[COMP_CWORD]}" before="\${COMP_WORDS[COMP_CWORD-1]}" at="" words="" i
  for ((i = 1; i < COMP_CWORD; i++)); do
    case "\${COMP_WORDS[i]}" in
      -*) ;;
      *) at="\${at:+$at }\${COMP_WORDS[i]}" ;;
    esac
  done
  case "$before" in
${choices}
  esac
  while [ -z "$words" ]; do
    case "$at" in
${cases}
    esac
    [ -n "$words" ] || case "$at" in *" "*) at="\${at% *}" ;; "") break ;; *) at="" ;; esac
  done
  COMPREPLY=($(compgen -W "$words" -- "$current"))
}`;

function walk(command: Command, path: string, inherited: readonly string[]): Node[] {
  const children = command.commands.filter((child) => child.name() !== "help");
  const choices = command.registeredArguments.flatMap((argument) => argument.argChoices ?? []);
  const flags = [...command.options.flatMap(flagsOf), ...(path === "" ? [] : inherited), "--help"];
  const words = [...children.flatMap((child) => [child.name(), ...child.aliases()]), ...choices, ...new Set(flags)];
  const below = children.flatMap((child) => walk(child, `${path} ${child.name()}`.trim(), inherited));
  return [{ path, words }, ...below];
}

const globalFlags = (program: Command) => program.options.flatMap(flagsOf);
const flagsOf = (option: Option) => [option.short, option.long].filter((flag) => flag !== undefined);
const allOptions = (command: Command): Option[] => [...command.options, ...command.commands.flatMap(allOptions)];
