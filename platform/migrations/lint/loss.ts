import { flagAt, listAt, listedName, nodeAt, relationName, textAt, unwrap } from "../read/tree.ts";
import { type Check, type Found, found, type Rule } from "./rule.ts";

const error = (id: string, risk: Rule["risk"], hint: string): Rule => ({ id, level: "error", risk, hint });

export const dropTable = error(
  "drop-table",
  "loses data",
  "Stop using it first and rename nothing; drop it when nobody has read it for a while.",
);
export const dropColumn = error(
  "drop-column",
  "loses data",
  "Take it out of every client first; then drop it in a migration of its own.",
);
export const dropSchema = error(
  "drop-schema",
  "loses data",
  "Drop what is in it one by one, so that the review shows each.",
);
export const dropCascade = error(
  "drop-cascade",
  "loses data",
  "Drop what depends on it by name: cascade takes what nobody listed.",
);
export const truncate = error(
  "truncate",
  "loses data",
  "Every row goes. Delete by a condition, or say why all of them may go.",
);
export const deleteAll = error("delete-without-where", "loses data", "Name the rows by a condition.");
export const updateAll: Rule = {
  ...{ id: "update-without-where", level: "warn", risk: "blocks" },
  hint: "Every row is written and locked until the end of the file: change them in parts, by a range of keys.",
};
export const dropDatabaseObject: Rule = {
  ...{ id: "drop-object", level: "warn", risk: "breaks clients" },
  hint: "What calls it fails from then on: take it out of every client first.",
};

/** A migration that meets one of these may take data with it. */
export const losing: ReadonlySet<string> = new Set(
  [dropTable, dropColumn, dropSchema, dropCascade, truncate, deleteAll].map(({ id }) => id),
);

const objects: Readonly<Record<string, string>> = {
  OBJECT_VIEW: "view",
  OBJECT_MATVIEW: "materialized view",
  OBJECT_FUNCTION: "function",
  OBJECT_PROCEDURE: "procedure",
  OBJECT_TYPE: "type",
  OBJECT_DOMAIN: "domain",
  OBJECT_SEQUENCE: "sequence",
};

const drop: Check = (node, { isNew }) => {
  const kind = textAt(node, "removeType") ?? "";
  const names = listAt(node, "objects").flatMap((one) => listedName(one) ?? []);
  const named = names.filter((name) => !isNew(name));
  const cascade = textAt(node, "behavior") === "DROP_CASCADE" && named.length > 0;
  const [first = "it"] = named;
  return [
    ...(kind === "OBJECT_TABLE" ? named.map((name) => found(dropTable, `drops the table ${name}`, name)) : []),
    ...(kind === "OBJECT_SCHEMA" ? [found(dropSchema, `drops the schema ${first.replace(/^public\./, "")}`)] : []),
    ...(cascade ? [found(dropCascade, "drops whatever depends on it as well")] : []),
    ...(objects[kind] !== undefined && named.length > 0
      ? [found(dropDatabaseObject, `drops the ${objects[kind]} ${first}`)]
      : []),
  ];
};

const alter: Check = (node, { isNew }) => {
  const table = relationName(nodeAt(node, "relation"));
  if (isNew(table)) return [];
  return listAt(node, "cmds").flatMap((wrapped): Found[] => {
    const cmd = unwrap(wrapped).node;
    const name = textAt(cmd, "name") ?? "";
    if (textAt(cmd, "subtype") !== "AT_DropColumn") return [];
    const cascade = textAt(cmd, "behavior") === "DROP_CASCADE";
    return [
      found(dropColumn, `drops the column ${name} of ${table}`, table ?? null),
      ...(cascade ? [found(dropCascade, `drops whatever depends on ${name} as well`, table ?? null)] : []),
    ];
  });
};

const truncateTable: Check = (node, { isNew }) =>
  listAt(node, "relations")
    .flatMap((one) => relationName(nodeAt(one, "RangeVar")) ?? [])
    .filter((name) => !isNew(name))
    .map((name) => {
      const more = textAt(node, "behavior") === "DROP_CASCADE" ? ", and of every table that refers to it" : "";
      return found(truncate, `empties ${name}${more}`, name);
    });

const whole =
  (rule: Rule, verb: string): Check =>
  (node, { isNew }) => {
    const table = relationName(nodeAt(node, "relation"));
    const isWhole = nodeAt(node, "whereClause") === undefined && !flagAt(node, "usingClause");
    return isWhole && !isNew(table) ? [found(rule, `${verb} every row of ${table}`, table ?? null)] : [];
  };

export const lossChecks: Readonly<Record<string, readonly Check[]>> = {
  DropStmt: [drop],
  AlterTableStmt: [alter],
  TruncateStmt: [truncateTable],
  DeleteStmt: [whole(deleteAll, "deletes")],
  UpdateStmt: [whole(updateAll, "changes")],
};
