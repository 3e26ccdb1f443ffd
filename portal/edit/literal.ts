import { durationSeconds, sizeBytes } from "../../platform/spec/index.ts";
import type { Json } from "./types.ts";

/** The value of a literal's text; undefined for what is not one string, number, boolean, null or `undefined`. */
export function parseLiteral(text: string): Json | undefined {
  if (text === "true" || text === "false") return text === "true";
  if (text === "null" || text === "undefined") return null;
  if (/^[-+]?\s*[\d.]/.test(text)) return parseNumber(text.replaceAll(/[_\s]/g, ""));
  const quote = text[0];
  if (quote !== '"' && quote !== "'" && quote !== "`") return undefined;
  const body = text.slice(1, -1);
  if (quote === "`" && body.includes("${")) return undefined;
  return body.includes("\\") ? withEscapes(body) : body;
}

function parseNumber(text: string): number | undefined {
  const sign = text.startsWith("-") ? -1 : 1;
  const value = sign * Number(text.replace(/^[-+]/, ""));
  return Number.isFinite(value) ? value : undefined;
}

/** Through JSON, which knows most escapes; for the others the text is not understood and counts as different. */
function withEscapes(body: string): string | undefined {
  try {
    const json = body.replaceAll(/\\(['`])/g, "$1").replaceAll(/(?<!\\)((?:\\\\)*)"/g, '$1\\"');
    return JSON.parse(`"${json}"`) as string;
  } catch {
    return undefined;
  }
}

/** Whether two declared values mean the same: `"300s"` is `"5m"`, and `1.0` is `1`. */
export function sameValue(a: Json | undefined, b: Json): boolean {
  if (a === b) return true;
  if (typeof a !== "string" || typeof b !== "string") return false;
  const same = (read: (text: string) => number | undefined) => read(a) !== undefined && read(a) === read(b);
  return same(durationSeconds) || same(sizeBytes);
}
