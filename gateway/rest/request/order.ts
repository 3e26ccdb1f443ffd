import { Cursor } from "./cursor.ts";
import { fieldName, fieldRef } from "./field.ts";
import type { OrderTerm } from "./types.ts";

const mostTerms = 64;

/** `name.desc.nullslast,data->>key,client(name).asc` */
export function parseOrder(text: string): readonly OrderTerm[] {
  const cursor = new Cursor(text, "order");
  const terms: OrderTerm[] = [];
  do {
    if (terms.length === mostTerms) throw cursor.fail(`at most ${mostTerms} terms`);
    terms.push(term(cursor));
  } while (cursor.takes(","));
  if (!cursor.isDone()) throw cursor.fail("expected a comma, .asc, .desc, .nullsfirst, .nullslast or the end");
  return terms;
}

function term(cursor: Cursor): OrderTerm {
  const spot = cursor.at;
  const name = fieldName(cursor);
  let relation: string | undefined;
  if (cursor.takes("(")) relation = name;
  else cursor.at = spot;
  const field = fieldRef(cursor);
  if (relation !== undefined) cursor.need(")");
  const direction = cursor.takes(".asc") ? "asc" : cursor.takes(".desc") ? "desc" : undefined;
  const nulls = cursor.takes(".nullsfirst") ? "first" : cursor.takes(".nullslast") ? "last" : undefined;
  return {
    field,
    ...(relation === undefined ? {} : { relation }),
    ...(direction === undefined ? {} : { direction }),
    ...(nulls === undefined ? {} : { nulls }),
  };
}
