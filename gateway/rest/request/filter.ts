import { Cursor, quoted } from "./cursor.ts";
import { fieldRef } from "./field.ts";
import type { CompareOperator, Filter, IsValue, Logic, Operation, TextSearch } from "./types.ts";

/** Where the parsers put the texts that become parameters. */
export type Slots = { add(value: string): number };

const compare: ReadonlySet<string> = new Set<CompareOperator>([
  ...(["eq", "neq", "gt", "gte", "lt", "lte", "like", "ilike", "match", "imatch", "isdistinct"] as const),
  ...(["cs", "cd", "ov", "sl", "sr", "nxr", "nxl", "adj"] as const),
]);
const quantified: ReadonlySet<string> = new Set(["eq", "gt", "gte", "lt", "lte", "like", "ilike", "match", "imatch"]);
const searches: ReadonlySet<string> = new Set<TextSearch>(["fts", "plfts", "phfts", "wfts"]);
const isValues: ReadonlySet<string> = new Set<IsValue>(["null", "not_null", "true", "false", "unknown"]);
const mostMembers = 500;
const mostDepth = 32;

/** How a value ends: at the parameter's end, or also at the `,` and `)` of a logic tree. */
type Ending = "whole" | "member";

/** `[not.]op[(any|all)].value`, or undefined when it does not begin as one. */
export function parseOperation(cursor: Cursor, slots: Slots, ending: Ending): Pick<Filter, "isNegated" | "operation"> {
  const isNegated = cursor.takes("not.");
  return { isNegated, operation: operation(cursor, slots, ending) };
}

function operation(cursor: Cursor, slots: Slots, ending: Ending): Operation {
  const name = cursor.match(/[a-z]+/y) ?? "";
  if (name === "in") {
    cursor.need(".");
    return { kind: "in", slot: slots.add(arrayLiteral(valueList(cursor))) };
  }
  if (name === "is") {
    cursor.need(".");
    const value = cursor.match(/[a-zA-Z_]+/y)?.toLowerCase() ?? "";
    if (!isValues.has(value)) throw cursor.fail("expected null, not_null, true, false or unknown");
    return { kind: "is", value: value as IsValue };
  }
  if (searches.has(name)) {
    const language = cursor.takes("(") ? languageOf(cursor, slots) : undefined;
    cursor.need(".");
    const slot = slots.add(valueText(cursor, ending));
    return { kind: "search", operator: name as TextSearch, ...(language === undefined ? {} : { language }), slot };
  }
  if (!compare.has(name)) throw cursor.fail(`expected an operator (eq, gt, ...), not "${name}"`);
  const operator = name as CompareOperator;
  const quantifier = takeQuantifier(cursor, name);
  cursor.need(".");
  const text = valueText(cursor, ending);
  const slot = slots.add(operator === "like" || operator === "ilike" ? text.replaceAll("*", "%") : text);
  return { kind: "compare", operator, ...(quantifier === undefined ? {} : { quantifier }), slot };
}

function takeQuantifier(cursor: Cursor, name: string): "any" | "all" | undefined {
  if (cursor.peek() !== "(") return undefined;
  const quantifier = cursor.takes("(any)") ? "any" : cursor.takes("(all)") ? "all" : undefined;
  if (quantifier === undefined || !quantified.has(name)) throw cursor.fail(`expected "." after ${name}`);
  return quantifier;
}

function languageOf(cursor: Cursor, slots: Slots): number {
  const language = cursor.match(/[\p{L}\p{N}_]+/uy);
  if (language === undefined) throw cursor.fail("expected the name of a text search configuration");
  cursor.need(")");
  return slots.add(language);
}

function valueText(cursor: Cursor, ending: Ending): string {
  if (ending === "whole") return cursor.rest();
  if (cursor.peek() === '"') {
    const spot = cursor.at;
    const text = quoted(cursor);
    if (cursor.isDone() || cursor.peek() === "," || cursor.peek() === ")") return text;
    cursor.at = spot;
  }
  return cursor.match(/\{[^{}]*\}/y) ?? cursor.match(/[^,)]+/y) ?? "";
}

/** `(a,"b,c",d)` */
function valueList(cursor: Cursor): string[] {
  cursor.need("(");
  const values: string[] = [];
  if (cursor.takes(")")) return values;
  do values.push(element(cursor));
  while (cursor.takes(","));
  cursor.need(")");
  return values;
}

function element(cursor: Cursor): string {
  if (cursor.peek() === '"') {
    const spot = cursor.at;
    const text = quoted(cursor);
    if (cursor.peek() === "," || cursor.peek() === ")") return text;
    cursor.at = spot;
  }
  return cursor.match(/[^,)]+/y) ?? "";
}

/** Text of a Postgres array in which every element is quoted. */
export const arrayLiteral = (values: readonly string[]): string =>
  `{${values.map((value) => `"${value.replaceAll("\\", "\\\\").replaceAll('"', '\\"')}"`).join(",")}}`;

/** `(a.eq.1,and(b.gt.2,c.is.null))` under `and`, `or`, `not.and` or `not.or`. */
export function parseLogic(kind: "and" | "or", isNegated: boolean, text: string, slots: Slots): Logic {
  const cursor = new Cursor(text, "logic tree");
  const found = group(cursor, kind, isNegated, slots, 0);
  if (!cursor.isDone()) throw cursor.fail("expected the end");
  return found;
}

function group(cursor: Cursor, kind: "and" | "or", isNegated: boolean, slots: Slots, depth: number): Logic {
  if (depth > mostDepth) throw cursor.fail(`conditions nest at most ${mostDepth} deep`);
  cursor.need("(");
  const members: Logic[] = [];
  do {
    if (members.length === mostMembers) throw cursor.fail(`at most ${mostMembers} conditions`);
    members.push(member(cursor, slots, depth));
  } while (cursor.takes(","));
  cursor.need(")");
  return { kind, isNegated, members };
}

function member(cursor: Cursor, slots: Slots, depth: number): Logic {
  cursor.match(/ +/y);
  const nested = cursor.match(/(?:not\.)?(?:and|or)(?=\()/y);
  if (nested !== undefined)
    return group(cursor, nested.endsWith("and") ? "and" : "or", nested.startsWith("not."), slots, depth + 1);
  const field = fieldRef(cursor);
  cursor.need(".");
  const found = parseOperation(cursor, slots, "member");
  cursor.match(/ +/y);
  return { kind: "filter", field, ...found };
}
