/**
 * The start-up parameter `options` and the settings that a client may bring along. Pure.
 *
 * 1. Only settings go upstream, as `-c name=value`; a server's other switches do not.
 * 2. What would load code into a session, hold it up, or speak in our name is refused by name, not dropped in silence.
 */
import { Refused } from "./refusal.ts";

export type Options = {
  /** `endpoint=<name>`, however it was written. */
  readonly endpoint: string | undefined;
  /** In the order given. */
  readonly settings: readonly (readonly [name: string, value: string])[];
};

const settingName = /^[A-Za-z_][A-Za-z0-9_$]*(\.[A-Za-z_][A-Za-z0-9_$]*)*$/;
const refusedSettings =
  /^(local_preload_libraries|session_preload_libraries|dynamic_library_path|post_auth_delay|pre_auth_delay|ignore_system_indexes|allow_system_table_mods|nebula\..*)$/;

/** @throws Refused naming the word that is no setting, or the setting that is not for clients. */
export function parseOptions(text: string): Options {
  let endpoint: string | undefined;
  const settings: [string, string][] = [];
  const words = splitWords(text);
  for (let i = 0; i < words.length; i++) {
    const word = words[i] ?? "";
    const assignment = word === "-c" ? (words[++i] ?? "") : word.replace(/^(--|-c)/, "");
    const equals = assignment.indexOf("=");
    const name = (equals === -1 ? assignment : assignment.slice(0, equals)).replaceAll("-", "_");
    const value = equals === -1 ? undefined : assignment.slice(equals + 1);
    if (name === "endpoint" && value !== undefined) endpoint = value;
    else if (word.startsWith("-") && value !== undefined) settings.push([mustBeAllowed(name), value]);
    else throw new Refused(unknownSwitch(word));
  }
  return { endpoint, settings };
}

/** The same name when a client may set it. @throws Refused */
export function mustBeAllowed(name: string): string {
  if (!settingName.test(name)) throw new Refused(unknownSwitch(name));
  if (refusedSettings.test(name.toLowerCase()))
    throw new Refused({
      reason: "unsupported",
      code: "42501",
      message: `permission denied to set parameter "${name}" at the start of a session`,
      hint: "Leave it out of the connection string.",
    });
  return name;
}

const unknownSwitch = (word: string) =>
  ({
    reason: "unsupported",
    code: "42601",
    message: `invalid command-line argument for server process: ${word.slice(0, 60)}`,
    hint: "options takes settings only: -c name=value, and endpoint=<name>.",
  }) as const;

/** Blanks part words, a backslash keeps the next letter as it is: as Postgres splits them. */
function splitWords(text: string): string[] {
  const words: string[] = [];
  let word: string | undefined;
  for (let i = 0; i < text.length; i++) {
    const letter = text[i] ?? "";
    if (/\s/.test(letter)) {
      if (word !== undefined) words.push(word);
      word = undefined;
    } else word = (word ?? "") + (letter === "\\" ? (text[++i] ?? "") : letter);
  }
  if (word !== undefined) words.push(word);
  return words;
}

export const renderOptions = (settings: readonly (readonly [name: string, value: string])[]): string =>
  settings.map(([name, value]) => `-c ${escapeWord(`${name}=${value}`)}`).join(" ");

const escapeWord = (word: string): string => word.replaceAll(/[\s\\]/g, (letter) => `\\${letter}`);
