import { createHash } from "node:crypto";
import { loadedSetting, settingLines } from "./conf.ts";
import type { Deviation } from "./setting-values.ts";
import type { Settings } from "./settings.ts";

/**
 * Reading back what `renderConf` wrote. Pure. A file is as written when its settings and the rules beside it have the fingerprint
 * that stands in it: so a newer release that would write other settings sees no difference in a file that nobody touched.
 */
export type FilesRead = {
  readonly settings: Settings;
  readonly rules: readonly string[];
  /** Both files are as some release of ours wrote them. */
  readonly asWritten: boolean;
};

export function readConf(conf: string, hba: string, header: string): FilesRead {
  const settings = parseConf(conf);
  const rules = parseRules(hba);
  const { [loadedSetting]: fingerprint, ...rest } = settings;
  const text = `${header}${rules.map((rule) => `${rule}\n`).join("")}`;
  const found = createHash("sha256").update(settingLines(rest)).update(text).digest("hex").slice(0, 16);
  return { settings, rules, asWritten: fingerprint === found };
}

/** Names and values as Postgres takes them: comments go, the last line of a name wins, an include is a setting of its own. */
export function parseConf(text: string): Settings {
  const settings: Record<string, string> = {};
  for (const line of text.split("\n")) {
    const [, name, value] = /^\s*([A-Za-z_][\w.$]*)\s*=?\s*(.*)$/.exec(line) ?? [];
    if (name === undefined || value === undefined) continue;
    const quoted = /^'((?:[^'\\]|''|\\.)*)'/.exec(value)?.[1];
    const plain = quoted?.replaceAll(/''|\\(.)/g, (whole, escaped) => (whole === "''" ? "'" : String(escaped)));
    settings[name.toLowerCase()] = plain ?? value.replace(/#.*$/, "").trim();
  }
  return settings;
}

/** Rules of a pg_hba.conf, each with single spaces, in their order; the order decides. */
export const parseRules = (text: string): readonly string[] =>
  text
    .split("\n")
    .map((line) => line.replace(/#.*$/, "").trim().replaceAll(/\s+/g, " "))
    .filter((line) => line !== "");

/** What differs from what the instance should say now. The whole list of rules is one setting. */
export function fileDeviations(found: FilesRead, wanted: FilesRead): readonly Deviation[] {
  const names = [...new Set([...Object.keys(found.settings), ...Object.keys(wanted.settings)])].sort();
  const settings = names
    .map((name) => ({ name, given: wanted.settings[name] ?? null, found: found.settings[name] ?? null }))
    .filter(({ given, found: seen }) => given !== seen);
  const [given, seen] = [wanted.rules.join("; "), found.rules.join("; ")];
  return given === seen ? settings : [...settings, { name: "pg_hba.conf", given, found: seen }];
}
