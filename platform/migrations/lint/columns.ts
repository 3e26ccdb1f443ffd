import { listAt, type Node, nodeAt, relationName, textAt, typeName, unwrap, walk } from "../read/tree.ts";
import { type Check, type Found, found, type Rule } from "./rule.ts";

const warn = (id: string, risk: Rule["risk"], hint: string): Rule => ({ id, level: "warn", risk, hint });

export const notNullWithoutDefault: Rule = {
  ...{ id: "not-null-without-default", level: "error", risk: "fails" },
  hint: "Give it a default, or add it nullable, fill it, and set not null in a later migration.",
};
export const volatileDefault = warn(
  "volatile-default",
  "rewrites",
  "Add the column without default, then set the default, then fill it in parts.",
);
export const rewritingColumn = warn(
  "rewriting-column",
  "rewrites",
  "Add a plain column, fill it in parts, and make it what it is to be afterwards.",
);
export const typeChange = warn(
  "type-change",
  "rewrites",
  "Add a column of the new type, keep both filled, move the clients over, drop the old one.",
);
export const setNotNull = warn(
  "set-not-null",
  "blocks",
  "Add check (x is not null) not valid, validate it in another migration, then set not null: it reads nothing then.",
);
export const dropNotNull = warn(
  "drop-not-null",
  "breaks clients",
  "Clients that never met a null there meet one now: change them first.",
);
export const constraintInColumn = warn(
  "constraint-in-column",
  "blocks",
  "Add the column alone; then the constraint not valid, and validate it in another migration.",
);
export const setStorage = warn("table-rewrite", "rewrites", "Make a new table and move the rows in parts.");
export const charType = warn("char-type", "style", "char(n) pads with spaces: text with a check says what is meant.");
export const timestampType = warn(
  "timestamp-without-time-zone",
  "style",
  "timestamptz keeps the moment; timestamp keeps what a clock showed somewhere.",
);
export const narrowKey = warn(
  "narrow-key",
  "style",
  "A key of four bytes runs out at 2,147,483,647: bigint generated always as identity.",
);

/** Same for every row of one statement, so Postgres need not write the rows. */
const steady = new Set(["now", "transaction_timestamp", "statement_timestamp", "current_user", "current_setting"]);
const serials = new Set(["serial", "serial4", "bigserial", "serial8", "smallserial", "serial2"]);

const alter: Check = (node, { isNew }) => {
  const table = relationName(nodeAt(node, "relation")) ?? "";
  if (isNew(table)) return [];
  return listAt(node, "cmds").flatMap((wrapped) => {
    const cmd = unwrap(wrapped).node;
    const name = textAt(cmd, "name") ?? "";
    switch (textAt(cmd, "subtype")) {
      case "AT_AddColumn":
        return addedColumn(nodeAt(cmd, "def", "ColumnDef") ?? {}, table);
      case "AT_AlterColumnType":
        return [
          found(
            typeChange,
            `changes the type of ${name} of ${table}: its rows are read, and often written anew, while nobody can`,
            table,
          ),
        ];
      case "AT_SetNotNull":
        return [found(setNotNull, `reads all of ${table} for nulls in ${name}, while nobody can use it`, table)];
      case "AT_DropNotNull":
        return [found(dropNotNull, `lets ${name} of ${table} be null`, table)];
      case "AT_SetLogged":
      case "AT_SetUnLogged":
      case "AT_SetAccessMethod":
      case "AT_SetTableSpace":
        return [found(setStorage, `writes ${table} anew, while nobody can use it`, table)];
      default:
        return [];
    }
  });
};

function addedColumn(column: Node, table: string): Found[] {
  const name = textAt(column, "colname") ?? "";
  const type = typeName(nodeAt(column, "typeName"));
  const constraints = listAt(column, "constraints").map((one) => unwrap(one).node);
  const of = (kind: string) => constraints.find((one) => textAt(one, "contype") === kind);
  const fills = of("CONSTR_DEFAULT") ?? of("CONSTR_GENERATED") ?? of("CONSTR_IDENTITY");
  const expression = of("CONSTR_DEFAULT")?.raw_expr;
  const generated = of("CONSTR_GENERATED");
  const rewrites =
    serials.has(type) ||
    of("CONSTR_IDENTITY") !== undefined ||
    (generated !== undefined && textAt(generated, "generated_kind") !== "v");
  const checked = of("CONSTR_FOREIGN") ?? of("CONSTR_CHECK") ?? of("CONSTR_UNIQUE") ?? of("CONSTR_PRIMARY");
  const missing = of("CONSTR_NOTNULL") !== undefined && fills === undefined && !serials.has(type);
  return [
    ...(missing
      ? [
          found(
            notNullWithoutDefault,
            `adds ${name} to ${table} as not null without a default: it fails where there are rows`,
            table,
          ),
        ]
      : []),
    ...(expression !== undefined && isVolatile(expression)
      ? [
          found(
            volatileDefault,
            `adds ${name} to ${table} with a default that is another for each row: every row is written anew`,
            table,
          ),
        ]
      : []),
    ...(rewrites
      ? [found(rewritingColumn, `adds ${name} to ${table}, computed for each row: every row is written anew`, table)]
      : []),
    ...(checked === undefined
      ? []
      : [
          found(
            constraintInColumn,
            `adds ${name} to ${table} with a constraint that is checked while nobody can write`,
            table,
          ),
        ]),
  ];
}

function isVolatile(expression: unknown): boolean {
  for (const { type, node } of walk([expression])) {
    if (type !== "FuncCall") continue;
    const name =
      listAt(node, "funcname")
        .flatMap((one) => textAt(one, "String", "sval") ?? [])
        .at(-1) ?? "";
    if (!steady.has(name)) return true;
  }
  return false;
}

const types: Check = (node) => {
  const columns = [...walk([node])].filter(({ type }) => type === "ColumnDef").map((one) => one.node);
  return columns.flatMap((column): Found[] => {
    const [name, type] = [textAt(column, "colname") ?? "", typeName(nodeAt(column, "typeName"))];
    const isKey = listAt(column, "constraints").some((one) => textAt(unwrap(one).node, "contype") === "CONSTR_PRIMARY");
    return [
      ...(type === "bpchar" ? [found(charType, `${name} is char(n)`)] : []),
      ...(type === "timestamp" ? [found(timestampType, `${name} is a timestamp without time zone`)] : []),
      ...((isKey && (type === "int4" || type === "int2")) ||
      ["serial", "serial4", "smallserial", "serial2"].includes(type)
        ? [found(narrowKey, `${name} is a key of ${type}`)]
        : []),
    ];
  });
};

export const columnChecks: Readonly<Record<string, readonly Check[]>> = {
  AlterTableStmt: [alter, types],
  CreateStmt: [types],
};
