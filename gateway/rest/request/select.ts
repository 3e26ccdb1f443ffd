import { Cursor } from "./cursor.ts";
import { fieldName, fieldRef } from "./field.ts";
import type { Aggregate, SelectEmbed, SelectItem } from "./types.ts";

const aggregates: ReadonlySet<string> = new Set(["sum", "avg", "min", "max", "count"]);
const mostDepth = 12;
const mostItems = 1600;

/** `id,name:full_name::text,data->>key,client!fk!inner(id),...clients(name),amount.sum()`. Empty is `*`. */
export function parseSelect(text: string): readonly SelectItem[] {
  if (text.trim() === "") return [{ kind: "star" }];
  const cursor = new Cursor(text, "select parameter");
  const items = list(cursor, 0);
  if (!cursor.isDone()) throw cursor.fail("expected a comma or the end");
  return items;
}

function list(cursor: Cursor, depth: number): readonly SelectItem[] {
  const items: SelectItem[] = [];
  if (depth > 0 && cursor.peek() === ")") return items;
  do {
    if (items.length === mostItems) throw cursor.fail(`at most ${mostItems} fields`);
    items.push(item(cursor, depth));
  } while (cursor.takes(","));
  return items;
}

function item(cursor: Cursor, depth: number): SelectItem {
  cursor.match(/ +/y);
  if (cursor.takes("*")) return { kind: "star" };
  if (cursor.takes("...")) return embed(cursor, depth, undefined, fieldName(cursor), true);
  const alias = takeAlias(cursor);
  const spot = cursor.at;
  const name = fieldName(cursor);
  if (name === "count" && cursor.takes("()"))
    return { kind: "field", ...named(alias), aggregate: "count", ...cast(cursor, "aggregateCast") };
  if (cursor.sees("(") || cursor.sees("!")) return embed(cursor, depth, alias, name, false);
  cursor.at = spot;
  const field = fieldRef(cursor);
  const first = cast(cursor, "cast");
  const aggregate = takeAggregate(cursor);
  return {
    kind: "field",
    field,
    ...named(alias),
    ...first,
    ...(aggregate === undefined ? {} : { aggregate, ...cast(cursor, "aggregateCast") }),
  };
}

const named = (alias: string | undefined) => (alias === undefined ? {} : { alias });

/** `alias:`, but not the first half of `::`. */
function takeAlias(cursor: Cursor): string | undefined {
  const spot = cursor.at;
  try {
    const alias = fieldName(cursor);
    if (cursor.peek() === ":" && !cursor.sees("::")) {
      cursor.at++;
      return alias;
    }
  } catch {
    // what follows says it with the right place
  }
  cursor.at = spot;
  return undefined;
}

function cast<K extends string>(cursor: Cursor, name: K): { readonly [P in K]?: string } {
  if (!cursor.takes("::")) return {};
  const type = cursor.match(/[\p{L}_][\p{L}\p{N}_ ]*(?:\[\])?/uy)?.trim();
  if (type === undefined) throw cursor.fail("expected a type after ::");
  return { [name]: type } as { [P in K]?: string };
}

function takeAggregate(cursor: Cursor): Aggregate | undefined {
  if (!cursor.takes(".")) return undefined;
  const name = cursor.match(/[a-z]+/y);
  if (name === undefined || !aggregates.has(name)) throw cursor.fail("expected sum(), avg(), min(), max() or count()");
  cursor.need("()");
  return name as Aggregate;
}

function embed(cursor: Cursor, depth: number, alias: string | undefined, name: string, isSpread: boolean): SelectEmbed {
  if (depth >= mostDepth) throw cursor.fail(`embeds nest at most ${mostDepth} deep`);
  let hint: string | undefined;
  let join: "inner" | "left" = "left";
  while (cursor.takes("!")) {
    const word = fieldName(cursor);
    if (word === "inner" || word === "left") join = word;
    else hint = word;
  }
  cursor.need("(");
  const items = list(cursor, depth + 1);
  cursor.need(")");
  return { kind: "embed", name, ...named(alias), ...(hint === undefined ? {} : { hint }), join, isSpread, items };
}
