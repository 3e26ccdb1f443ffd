import { type Cursor, quoted } from "./cursor.ts";
import type { FieldRef, JsonStep } from "./types.ts";

/** Letters of any script, digits, `_`, `$`, spaces, and dashes that begin no arrow. */
const name = /(?:[\p{L}\p{N}_ $]|-(?!>))+/uy;
/** Of a JSON key: anything but what ends it. */
const key = /(?:[^(\-:.,>)"]|-(?!>))+/y;

/** The longest path into a JSON value. */
const mostSteps = 32;

export function fieldName(cursor: Cursor): string {
  if (cursor.peek() === '"') return quoted(cursor);
  const found = cursor.match(name)?.trim();
  if (found === undefined || found === "") throw cursor.fail("expected a field name (* or [a..z0..9_$])");
  return found;
}

/** `name`, `name->key`, `name->0->>key`. */
export function fieldRef(cursor: Cursor): FieldRef {
  return { name: fieldName(cursor), path: jsonPath(cursor) };
}

function jsonPath(cursor: Cursor): JsonStep[] {
  const steps: JsonStep[] = [];
  while (cursor.sees("->")) {
    if (steps.length === mostSteps) throw cursor.fail(`a JSON path has at most ${mostSteps} steps`);
    cursor.need("->");
    const isText = cursor.takes(">");
    steps.push(jsonStep(cursor, isText));
  }
  return steps;
}

function jsonStep(cursor: Cursor, isText: boolean): JsonStep {
  if (cursor.peek() === '"') return { kind: "key", name: quoted(cursor), isText };
  const index = cursor.match(/[+-]?\d{1,9}(?=$|->|::|[.,)])/y);
  if (index !== undefined) return { kind: "index", name: String(Number(index)), isText };
  const found = cursor.match(key);
  if (found === undefined) throw cursor.fail("expected a key or an index after the arrow");
  return { kind: "key", name: found, isText };
}
