import { quoteIdent, quoteLiteral } from "../../../platform/sql/index.ts";
import type { PlannedLogic, Value } from "../plan/types.ts";
import type { CompareOperator, Operation, TextSearch } from "../request/types.ts";
import { qualified, type Writer } from "./writer.ts";

export function valueSql({ node, source, path }: Value, writer: Writer): string {
  const base =
    source.kind === "column"
      ? `r${node}.${quoteIdent(source.column.name)}`
      : `${qualified(source.routine)}(${writer.row(node)})`;
  if (path.length === 0) return base;
  const isJson = baseType(source) === "json" || baseType(source) === "jsonb";
  const steps = path.map(
    ({ kind, name, isText }) => `${isText ? "->>" : "->"} ${kind === "index" ? name : quoteLiteral(name)}`,
  );
  return `(${isJson ? base : `pg_catalog.to_jsonb(${base})`} ${steps.join(" ")})`;
}

function baseType(source: Value["source"]): string {
  if (source.kind === "column") return source.column.type;
  return source.routine.result.kind === "scalar" ? source.routine.result.type : "";
}

function typeOf({ source, path }: Value): string {
  const last = path.at(-1);
  if (last === undefined) return baseType(source);
  return last.isText ? "text" : "jsonb";
}

const operators: Readonly<Record<CompareOperator, string>> = {
  ...{ eq: "=", neq: "<>", gt: ">", gte: ">=", lt: "<", lte: "<=" },
  ...{ like: "like", ilike: "ilike", match: "~", imatch: "~*", isdistinct: "is distinct from" },
  ...{ cs: "@>", cd: "<@", ov: "&&", sl: "<<", sr: ">>", nxr: "&<", nxl: "&>", adj: "-|-" },
};

const searches: Readonly<Record<TextSearch, string>> = {
  ...{ fts: "to_tsquery", plfts: "plainto_tsquery", phfts: "phraseto_tsquery", wfts: "websearch_to_tsquery" },
};

const isValues = { null: "null", not_null: "not null", true: "true", false: "false", unknown: "unknown" } as const;

function operationSql(value: Value, operation: Operation, writer: Writer): string {
  const left = valueSql(value, writer);
  switch (operation.kind) {
    case "compare": {
      const right = writer.slot(operation.slot);
      const operator = operators[operation.operator];
      return operation.quantifier === undefined
        ? `${left} ${operator} ${right}`
        : `${left} ${operator} ${operation.quantifier}(${right})`;
    }
    case "in":
      return `${left} = any(${writer.slot(operation.slot)})`;
    case "is":
      return `${left} is ${isValues[operation.value]}`;
    case "search": {
      const language = operation.language === undefined ? "" : `${writer.slot(operation.language)}::regconfig, `;
      const query = `pg_catalog.${searches[operation.operator]}(${language}${writer.slot(operation.slot)}::text)`;
      const text = typeOf(value) === "tsvector" ? left : `pg_catalog.to_tsvector(${language}${left})`;
      return `${text} @@ ${query}`;
    }
  }
}

export function logicSql(logic: PlannedLogic, writer: Writer): string {
  switch (logic.kind) {
    case "filter": {
      const sql = operationSql(logic.value, logic.operation, writer);
      return logic.isNegated ? `not (${sql})` : `(${sql})`;
    }
    case "embedded": {
      const embed = `e${logic.node}`;
      if (logic.isToOne) return `(${embed} is ${logic.wantsNull ? "not " : ""}distinct from null)`;
      return `(${embed}.${embeddedRows} is ${logic.wantsNull ? "" : "not "}null)`;
    }
    default: {
      const members = logic.members.map((member) => logicSql(member, writer)).join(` ${logic.kind} `);
      return logic.isNegated ? `not (${members})` : `(${members})`;
    }
  }
}

/** The column of a to-many lateral that is null when there are no rows. */
export const embeddedRows = '"nebula_rows"';
