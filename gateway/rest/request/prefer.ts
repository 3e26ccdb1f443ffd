import { Refusal } from "../refusal.ts";

/** `Prefer` headers (RFC 7240), as PostgREST names them. The first of a kind counts. */
export type Preferences = {
  readonly return?: "minimal" | "headers-only" | "representation";
  readonly count?: "exact" | "planned" | "estimated";
  readonly resolution?: "merge-duplicates" | "ignore-duplicates";
  readonly missing?: "default" | "null";
  readonly tx?: "commit" | "rollback";
  readonly handling?: "strict" | "lenient";
  readonly timezone?: string;
  readonly maxAffected?: number;
};

const words = {
  return: ["minimal", "headers-only", "representation"],
  count: ["exact", "planned", "estimated"],
  resolution: ["merge-duplicates", "ignore-duplicates"],
  missing: ["default", "null"],
  tx: ["commit", "rollback"],
  handling: ["strict", "lenient"],
} as const;

const none: Preferences = {};

/** @throws Refusal PGRST122 when `handling=strict` and something is not understood. */
export function parsePrefer(header: string | undefined): Preferences {
  if (header === undefined || header === "") return none;
  const found: Record<string, string | number> = {};
  const unknown: string[] = [];
  for (const raw of header.split(",")) {
    const text = raw.trim();
    if (text === "") continue;
    const [name = "", value = ""] = text.split("=", 2).map((part) => part.trim());
    const known = (words as Readonly<Record<string, readonly string[]>>)[name];
    if (Object.hasOwn(words, name) && known?.includes(value)) found[name] ??= value;
    else if (name === "timezone" && isTimeZone(value)) found.timezone ??= value;
    else if (name === "max-affected" && /^\d{1,9}$/.test(value)) found.maxAffected ??= Number(value);
    else unknown.push(text);
  }
  if (found.handling === "strict" && unknown.length > 0)
    throw new Refusal(400, "PGRST122", "Invalid preferences given with handling=strict", {
      details: `Invalid preferences: ${unknown.join(", ")}`,
    });
  return found as Preferences;
}

function isTimeZone(name: string): boolean {
  if (!/^[A-Za-z][A-Za-z0-9_+\-/]{0,62}$/.test(name)) return false;
  try {
    new Intl.DateTimeFormat("en", { timeZone: name });
    return true;
  } catch {
    return false;
  }
}

/** Of `Preference-Applied`: what the answer obeyed, in the order that PostgREST writes. */
export function appliedOf(prefer: Preferences, obeyed: ReadonlySet<keyof Preferences>): string | undefined {
  const order = ["resolution", "missing", "return", "count", "tx", "handling", "timezone", "maxAffected"] as const;
  const applied = order
    .filter((name) => prefer[name] !== undefined && obeyed.has(name))
    .map((name) => `${name === "maxAffected" ? "max-affected" : name}=${prefer[name]}`);
  return applied.length === 0 ? undefined : applied.join(", ");
}
