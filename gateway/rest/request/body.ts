import { isUtf8 } from "node:buffer";
import { Refusal } from "../refusal.ts";
import { parseCsv } from "./csv.ts";

/** What a request brings: rows as one JSON text, or bytes for a function that takes them as they are. */
export type Payload =
  | {
      readonly kind: "rows";
      /** Of one object or an array of objects. Goes to Postgres as it came. */
      readonly json: string;
      /** Of the first object; all have the same unless `columns` is given. */
      readonly keys: readonly string[];
      readonly count: number;
      readonly isArray: boolean;
    }
  | { readonly kind: "raw"; readonly type: "json" | "text" | "bytea" | "xml"; readonly bytes: Buffer };

const invalid = (message: string, hint?: string) =>
  new Refusal(400, "PGRST102", message, hint === undefined ? {} : { hint });

export type BodyOptions = {
  /** Objects may have different keys. */
  readonly hasColumns: boolean;
  /** Of a call: anything JSON may be the one unnamed argument; nothing is the same as `{}`. */
  readonly isCall: boolean;
};

export function parseBody(contentType: string | undefined, body: Buffer, options: BodyOptions): Payload {
  const [raw = ""] = (contentType ?? "application/json").split(";", 1);
  const type = raw.trim().toLowerCase();
  if (type === "application/octet-stream" && options.isCall) return { kind: "raw", type: "bytea", bytes: body };
  if (!isUtf8(body)) throw invalid("The request body is not UTF-8");
  switch (type) {
    case "":
    case "application/json":
    case "application/vnd.pgrst.object+json":
      return json(body, options);
    case "text/csv":
      return csv(body.toString());
    case "application/x-www-form-urlencoded":
      return form(body.toString());
    case "text/plain":
      if (options.isCall) return { kind: "raw", type: "text", bytes: body };
      break;
    case "text/xml":
      if (options.isCall) return { kind: "raw", type: "xml", bytes: body };
      break;
  }
  throw invalid(
    `Content-Type not acceptable: ${type.slice(0, 100)}`,
    "Send application/json, text/csv or application/x-www-form-urlencoded.",
  );
}

function json(body: Buffer, { hasColumns, isCall }: BodyOptions): Payload {
  if (body.length === 0 && isCall) return { kind: "rows", json: "{}", keys: [], count: 1, isArray: false };
  const text = body.toString();
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (thrown) {
    const details = thrown instanceof Error ? thrown.message : null; // where, in the parser's words
    throw new Refusal(400, "PGRST102", "Empty or invalid json", { details });
  }
  if (isObject(value)) return { kind: "rows", json: text, keys: Object.keys(value), count: 1, isArray: false };
  if (isCall) return { kind: "raw", type: "json", bytes: body };
  if (!Array.isArray(value) || !value.every(isObject))
    throw invalid("The request body must be an object or an array of objects");
  const keys = Object.keys(value[0] ?? {});
  if (!hasColumns && !value.every((row) => hasSameKeys(row, keys))) throw invalid("All object keys must match");
  return { kind: "rows", json: text, keys, count: value.length, isArray: true };
}

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null && !Array.isArray(value);

function hasSameKeys(row: Record<string, unknown>, keys: readonly string[]): boolean {
  return Object.keys(row).length === keys.length && keys.every((key) => Object.hasOwn(row, key));
}

/** The first line names the columns; an unquoted `NULL` is null, everything else is text. */
function csv(text: string): Payload {
  const rows = parseCsv(text);
  const [header, ...lines] = rows ?? [];
  if (header === undefined) throw invalid("Empty or invalid CSV");
  if (lines.some((line) => line.length !== header.length)) throw invalid("All lines must have same number of fields");
  const objects = lines.map((line) =>
    Object.fromEntries(header.map((name, i) => [name, line[i] === "NULL" ? null : line[i]])),
  );
  return {
    kind: "rows",
    json: JSON.stringify(objects),
    keys: [...new Set(header)],
    count: objects.length,
    isArray: true,
  };
}

function form(text: string): Payload {
  const fields = Object.fromEntries(new URLSearchParams(text));
  return { kind: "rows", json: JSON.stringify(fields), keys: Object.keys(fields), count: 1, isArray: false };
}
