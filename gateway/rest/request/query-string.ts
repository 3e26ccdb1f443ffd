import { Refusal, unparsed } from "../refusal.ts";
import { Cursor } from "./cursor.ts";
import { fieldName, fieldRef } from "./field.ts";
import { parseLogic, parseOperation, type Slots } from "./filter.ts";
import { parseOrder } from "./order.ts";
import { parseSelect } from "./select.ts";
import type { FieldRef, Level, Operation, ParsedQuery, SelectItem } from "./types.ts";

const mostParameters = 1000;
const reserved: ReadonlySet<string> = new Set(["order", "limit", "offset", "and", "or"]);

type Draft = {
  select: readonly SelectItem[];
  columns?: readonly string[];
  onConflict?: readonly string[];
  readonly level: Level;
  readonly args: { readonly name: string; readonly slot: number }[];
  readonly shape: string[];
};

export type QueryOptions = {
  /** Of a function: parameters that are no filters are arguments. */
  readonly isCall: boolean;
  /** The largest limit of an embed. */
  readonly maxRows: number | null;
};

/** @throws Refusal naming the parameter and the place in it. */
export function parseQuery(raw: string, options: QueryOptions): ParsedQuery {
  const values: string[] = [];
  const slots: Slots = { add: (value) => values.push(value) - 1 };
  const draft: Draft = { select: [{ kind: "star" }], level: emptyLevel(), args: [], shape: [] };
  const pairs = raw === "" ? [] : raw.split("&");
  if (pairs.length > mostParameters)
    throw new Refusal(400, "PGRST100", `a request has at most ${mostParameters} parameters`);
  for (const pair of pairs) {
    if (pair === "") continue;
    const cut = pair.indexOf("=");
    const key = decode(cut < 0 ? pair : pair.slice(0, cut));
    take(draft, key, decode(cut < 0 ? "" : pair.slice(cut + 1)), slots, options);
  }
  const { select, level, args, columns, onConflict } = draft;
  return {
    ...{ select, level, args, values },
    ...(columns === undefined ? {} : { columns }),
    ...(onConflict === undefined ? {} : { onConflict }),
    shape: draft.shape.join("&"),
  };
}

/** One decoding, of well-formed UTF-8 only. */
export function decode(text: string): string {
  if (!/[%+]/.test(text)) return refuseNul(text);
  try {
    return refuseNul(decodeURIComponent(text.replaceAll("+", " ")));
  } catch (thrown) {
    if (thrown instanceof Refusal) throw thrown;
    throw unparsed("query string", text, 1, "this is no percent-encoded UTF-8");
  }
}

function refuseNul(text: string): string {
  if (text.includes("\0")) throw unparsed("query string", text.replaceAll("\0", "%00"), 1, "a NUL byte is no text");
  return text;
}

function take(draft: Draft, key: string, text: string, slots: Slots, options: QueryOptions): void {
  const { shape } = draft;
  switch (key) {
    case "select":
      draft.select = parseSelect(text);
      shape.push(`select=${text}`);
      return;
    case "columns":
      draft.columns = names(text, "columns parameter");
      shape.push(`columns=${text}`);
      return;
    case "on_conflict":
      draft.onConflict = names(text, "on_conflict parameter");
      shape.push(`on_conflict=${text}`);
      return;
    default:
      takeAtPath(draft, key, text, slots, options);
  }
}

/** Names between commas, each once. */
export function names(text: string, what: string): readonly string[] {
  const cursor = new Cursor(text, what);
  const found: string[] = [];
  if (text.trim() === "") return found;
  do found.push(fieldName(cursor));
  while (cursor.takes(","));
  if (!cursor.isDone()) throw cursor.fail("expected a comma or the end");
  return [...new Set(found)];
}

function takeAtPath(draft: Draft, key: string, text: string, slots: Slots, options: QueryOptions): void {
  const isArgument = options.isCall && !looksLikeOperation(text);
  if (isArgument && !reserved.has(lastName(key))) return takeArgument(draft, key, text, slots);
  const { path, field } = parseKey(key);
  const last = field.path.length === 0 ? field.name : "";
  const isNegated = path.at(-1) === "not";
  if ((last === "and" || last === "or") && text.startsWith("(")) {
    const logic = parseLogic(last, isNegated, text, slots);
    levelAt(draft.level, isNegated ? path.slice(0, -1) : path).filters.push(logic);
    draft.shape.push(`${key}=${JSON.stringify(logic)}`);
    return;
  }
  if (last === "order") {
    levelAt(draft.level, path).order = parseOrder(text);
    draft.shape.push(`${key}=${text}`);
    return;
  }
  if (last === "limit" || last === "offset") {
    levelAt(draft.level, path)[last] = slots.add(count(last, text, options.maxRows));
    draft.shape.push(`${key}=`);
    return;
  }
  const cursor = new Cursor(text, "filter");
  const { isNegated: isFilterNegated, operation } = parseOperation(cursor, slots, "whole");
  if (!cursor.isDone()) throw cursor.fail("expected the end");
  levelAt(draft.level, path).filters.push({ kind: "filter", field, isNegated: isFilterNegated, operation });
  draft.shape.push(`${key}=${isFilterNegated ? "not." : ""}${shapeOf(operation)}`);
}

const operationStart =
  /^(?:not\.)?(?:eq|neq|gte?|lte?|like|ilike|i?match|isdistinct|cs|cd|ov|sl|sr|nxr|nxl|adj|in|is|(?:pl|ph|w)?fts)(?:\([^)]*\))?\./;
const looksLikeOperation = (text: string) => operationStart.test(text);
const lastName = (key: string) => key.slice(key.lastIndexOf(".") + 1);

function takeArgument(draft: Draft, name: string, text: string, slots: Slots): void {
  draft.args.push({ name, slot: slots.add(text) });
  draft.shape.push(`${name}:`);
}

/** Column or reserved word at the end of a path of embeds: `client.projects.name`. */
function parseKey(key: string): { readonly path: readonly string[]; readonly field: FieldRef } {
  const cursor = new Cursor(key, "filter name");
  const path: string[] = [];
  for (;;) {
    const spot = cursor.at;
    const name = fieldName(cursor);
    if (cursor.takes(".")) {
      path.push(name);
      continue;
    }
    cursor.at = spot;
    const field = fieldRef(cursor);
    if (!cursor.isDone()) throw cursor.fail('expected ".", "->" or the end');
    return { path, field };
  }
}

const emptyLevel = (): Level => ({ filters: [], embeds: new Map() });

function levelAt(root: Level, path: readonly string[]): Level {
  let level = root;
  for (const name of path) {
    const next = level.embeds.get(name) ?? emptyLevel();
    level.embeds.set(name, next);
    level = next;
  }
  return level;
}

function count(what: "limit" | "offset", text: string, maxRows: number | null): string {
  if (/^-\d+$/.test(text))
    throw new Refusal(416, "PGRST103", "Requested range not satisfiable", {
      details: `${what === "limit" ? "Limit" : "Offset"} should be greater than or equal to zero.`,
    });
  if (!/^\d{1,15}$/.test(text)) throw unparsed(what, text, 1, "expected a whole number");
  return what === "limit" && maxRows !== null && Number(text) > maxRows ? String(maxRows) : text;
}

function shapeOf(operation: Operation): string {
  switch (operation.kind) {
    case "compare":
      return `${operation.operator}${operation.quantifier ?? ""}`;
    case "in":
      return "in";
    case "is":
      return `is ${operation.value}`;
    case "search":
      return `${operation.operator}${operation.language === undefined ? "" : "()"}`;
  }
}
