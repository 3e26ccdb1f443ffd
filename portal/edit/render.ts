import { keyText } from "../../platform/syntax/index.ts";
import type { Style } from "./style.ts";
import { isList, isObject, type Json } from "./types.ts";

const longestLine = 100;

/** A value as source text on one line. Nothing but literals comes out, whatever the value holds. */
export function inline(value: Json, quote: Style["quote"]): string {
  if (typeof value === "string") return quoted(value, quote);
  if (isList(value)) return `[${value.map((one) => inline(one, quote)).join(", ")}]`;
  if (!isObject(value)) return String(value);
  const members = Object.entries(value).map(([key, member]) => `${keyOf(key, quote)}: ${inline(member, quote)}`);
  return members.length === 0 ? "{}" : `{ ${members.join(", ")} }`;
}

/** The same over as many lines as it needs, the first one not indented. */
export function block(value: Json, style: Style, depth = 0): string {
  const line = inline(value, style.quote);
  const pad = style.indent.repeat(depth + 1);
  const long = depth === 0 || line.length + pad.length > longestLine;
  if (!long || (!isList(value) && !isObject(value)) || line === "{}" || line === "[]") return line;
  const inner = isList(value)
    ? value.map((one) => block(one, style, depth + 1))
    : Object.entries(value).map(([key, one]) => `${keyOf(key, style.quote)}: ${block(one, style, depth + 1)}`);
  const [open, close] = isList(value) ? ["[", "]"] : ["{", "}"];
  return [open, ...inner.map((one) => `${pad}${one},`), `${style.indent.repeat(depth)}${close}`].join(style.eol);
}

const keyOf = (key: string, quote: Style["quote"]): string => {
  const text = keyText(key);
  return text.startsWith('"') ? quoted(key, quote) : text;
};

function quoted(text: string, quote: Style["quote"]): string {
  const json = JSON.stringify(text).replaceAll("\u2028", "\\u2028").replaceAll("\u2029", "\\u2029");
  return quote === '"' ? json : `'${json.slice(1, -1).replaceAll('\\"', '"').replaceAll("'", "\\'")}'`;
}
