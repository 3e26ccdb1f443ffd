/**
 * One setting in two spellings: what stands in a file (`128MB`, `on`, `1h`) and what a server shows (`16384` of `8kB`). Pure; both
 * come to the same text exactly when Postgres would call them equal, so that a comparison is never a false alarm.
 */
export type SettingShown = {
  readonly name: string;
  readonly setting: string;
  readonly unit: string | null;
  readonly vartype: string;
  /** The files say another value, which waits for a restart. */
  readonly pendingRestart: boolean;
};

/** A setting that is not what it was given: `found` null where it is missing. */
export type Deviation = { readonly name: string; readonly given: string | null; readonly found: string | null };

const memoryBytes: Readonly<Record<string, number>> = {
  B: 1,
  kB: 2 ** 10,
  MB: 2 ** 20,
  GB: 2 ** 30,
  TB: 2 ** 40,
  "8kB": 8 * 2 ** 10,
};
const timeMs: Readonly<Record<string, number>> = {
  us: 0.001,
  ms: 1,
  s: 1000,
  min: 60_000,
  h: 3_600_000,
  d: 86_400_000,
};

/** A text of a setting as Postgres would understand it, in the unit that the server counts it in. */
export function canonicalSetting(text: string, { unit, vartype }: Pick<SettingShown, "unit" | "vartype">): string {
  const plain = text.trim();
  if (vartype === "bool") return isTrue(plain) ? "on" : "off";
  if (vartype === "enum") return plain.toLowerCase();
  if (vartype !== "integer" && vartype !== "real") return text;
  const [, amount, suffix = ""] = /^([-+]?[\d.]+)\s*([a-zA-Z]*)$/.exec(plain) ?? [];
  if (amount === undefined) return plain;
  const scale = memoryBytes[unit ?? ""] === undefined ? timeMs : memoryBytes;
  const [from, to] = [scale[suffix], scale[unit ?? ""]];
  const value = Number(amount) * (suffix !== "" && from !== undefined && to !== undefined ? from / to : 1);
  return String(vartype === "integer" ? Math.round(value) : value);
}

const isTrue = (text: string) => /^(on|true|yes|1|tr|tru|t|y|ye)$/i.test(text);

/** What a server shows otherwise than it was given. A name that the server does not know is not compared. */
export function deviationsOf(
  given: Readonly<Record<string, string>>,
  shown: readonly SettingShown[],
): readonly Deviation[] {
  return shown.flatMap((one) => {
    const wanted = given[one.name];
    if (wanted === undefined || canonicalSetting(wanted, one) === canonicalSetting(one.setting, { ...one, unit: null }))
      return [];
    return [{ name: one.name, given: wanted, found: `${one.setting}${one.unit === null ? "" : ` ${one.unit}`}` }];
  });
}
