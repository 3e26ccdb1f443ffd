/** The outermost select: one row with everything an answer needs, its body built by Postgres. */
import { quoteIdent } from "../../../platform/sql/index.ts";
import { type Media, notAcceptable } from "../request/media.ts";

/** What the rows that are answered with are like. */
export type Shape = {
  /** A function's scalar, in this column. */
  readonly scalar?: { readonly column: string; readonly type: string };
  /** Rows, or exactly one. */
  readonly isSet: boolean;
  /** The only column, when there is one only. */
  readonly only?: string;
};

export type AnswerParts = {
  readonly ctes?: readonly string[];
  /** The rows. */
  readonly rows: string;
  /** An expression. */
  readonly total?: string;
  readonly page?: string;
  /** An expression over the rows `t`; `null` for no body. */
  readonly body: string;
  readonly inserted?: string;
  readonly keys?: string;
  readonly maxBytes: number;
};

export function answerSql(parts: AnswerParts): string {
  const { ctes = [], rows, total = "null::bigint", page = "pg_catalog.count(*)", body, maxBytes } = parts;
  const { inserted = "null", keys = "null" } = parts;
  const size = "pg_catalog.octet_length(x.body)";
  return (
    (ctes.length === 0 ? "" : `with ${ctes.join(", ")} `) +
    `select x.total, x.page, ${size}, case when ${size} <= ${maxBytes} then x.body end, ` +
    "pg_catalog.current_setting('response.headers', true), pg_catalog.current_setting('response.status', true), " +
    `${inserted}::text, x.keys::text ` +
    `from (select ${total} as total, ${page} as page, (${body})::text as body, ${keys} as keys from (${rows}) as t) as x`
  );
}

export const noBody = "null";

/** @throws Refusal PGRST107 when the rows have no such form. */
export function bodySql(media: Media, shape: Shape): string {
  const value = shape.scalar === undefined ? "t" : `t.${quoteIdent(shape.scalar.column)}`;
  switch (media.kind) {
    case "array":
      return strip(
        shape.isSet
          ? `coalesce(pg_catalog.json_agg(${value}), '[]')`
          : `coalesce(pg_catalog.json_agg(${value}) -> 0, 'null')`,
        media.stripsNulls,
      );
    case "object":
      return strip(`coalesce(pg_catalog.json_agg(${value}) -> 0, 'null')`, media.stripsNulls);
    case "csv":
      return shape.scalar === undefined ? csv : textOf(shape);
    case "text":
      return textOf(shape);
    case "binary":
      return `coalesce(pg_catalog.encode(pg_catalog.string_agg(t.${quoteIdent(onlyOf(shape, "application/octet-stream"))}::bytea, ''), 'hex'), '')`;
    case "plan":
      return strip(`coalesce(pg_catalog.json_agg(${value}), '[]')`, false);
    case "openapi":
      throw notAcceptable("application/openapi+json");
  }
}

const strip = (json: string, strips: boolean) => (strips ? `pg_catalog.json_strip_nulls(${json})` : json);

const textOf = (shape: Shape) =>
  `coalesce(pg_catalog.string_agg(t.${quoteIdent(onlyOf(shape, "text/plain"))}::text, ''), '')`;

function onlyOf({ scalar, only }: Shape, type: string): string {
  if (type === "application/octet-stream" && scalar !== undefined && scalar.type !== "bytea") throw notAcceptable(type);
  const column = scalar?.column ?? only;
  if (column === undefined) throw notAcceptable(type);
  return column;
}

/** A header of the first row's keys, then each row as Postgres writes a record. */
const csv =
  "coalesce((pg_catalog.array_agg((select pg_catalog.string_agg(k, ',') from pg_catalog.json_object_keys(pg_catalog.row_to_json(t)) as k)))[1], '') || e'\\n' || " +
  "coalesce(pg_catalog.string_agg(pg_catalog.substring(t::text, 2, pg_catalog.length(t::text) - 2), e'\\n'), '')";
