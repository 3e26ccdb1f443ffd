import { listAt, nodeAt, relationName, textAt, unwrap } from "../read/tree.ts";
import { type Check, type Found, found, type Rule } from "./rule.ts";

const rule = (id: string, level: Rule["level"], risk: Rule["risk"], hint: string): Rule => ({ id, level, risk, hint });

export const renameTable = rule(
  "rename-table",
  "error",
  "breaks clients",
  "Make a view of the old name, move the clients over, drop the view later.",
);
export const renameColumn = rule(
  "rename-column",
  "error",
  "breaks clients",
  "Add a column of the new name, keep both filled, move the clients over, drop the old one.",
);
export const renameOther = rule(
  "rename-object",
  "warn",
  "breaks clients",
  "What uses the old name fails from then on.",
);
export const rowSecurityOff = rule(
  "row-security-off",
  "error",
  "opens",
  "Policies stop to apply, and whoever may read the table reads every row.",
);
export const triggersOff = rule(
  "triggers-off",
  "warn",
  "opens",
  "What the trigger keeps true is not kept meanwhile; turn it on again in the same file.",
);
export const grantToPublic = rule(
  "grant-to-public",
  "warn",
  "opens",
  "Every role that may connect has it, future ones too: name the roles.",
);
export const definerSearchPath = rule(
  "definer-search-path",
  "warn",
  "opens",
  "Whoever calls it chooses what its names mean: set search_path = '' and name the schemas.",
);
export const noPrimaryKey = rule(
  "no-primary-key",
  "warn",
  "style",
  "Rows without a key cannot be told apart, updated or replicated one by one.",
);

const rename: Check = (node, { isNew }) => {
  const kind = textAt(node, "renameType") ?? "";
  const table = relationName(nodeAt(node, "relation"));
  const to = textAt(node, "newname") ?? "";
  if (isNew(table)) return [];
  const at = table ?? null;
  if (kind === "OBJECT_TABLE") return [found(renameTable, `renames ${table} to ${to}`, at)];
  if (kind === "OBJECT_COLUMN")
    return [found(renameColumn, `renames ${textAt(node, "subname")} of ${table} to ${to}`, at)];
  if (kind === "OBJECT_INDEX" || kind === "OBJECT_TABCONSTRAINT") return [];
  return [found(renameOther, `renames something to ${to}`, at)];
};

const alter: Check = (node, { isNew }) => {
  const table = relationName(nodeAt(node, "relation")) ?? "";
  if (isNew(table)) return [];
  return listAt(node, "cmds").flatMap((wrapped): Found[] => {
    switch (textAt(unwrap(wrapped).node, "subtype")) {
      case "AT_DisableRowSecurity":
      case "AT_NoForceRowSecurity":
        return [found(rowSecurityOff, `turns row-level security of ${table} off`, table)];
      case "AT_DisableTrig":
      case "AT_DisableTrigAll":
      case "AT_DisableTrigUser":
        return [found(triggersOff, `turns triggers of ${table} off`, table)];
      default:
        return [];
    }
  });
};

const grant: Check = (node) => {
  const given = node.is_grant === true;
  const toAll = listAt(node, "grantees").some((one) => textAt(one, "RoleSpec", "roletype") === "ROLESPEC_PUBLIC");
  return given && toAll ? [found(grantToPublic, "gives rights to everybody")] : [];
};

const definer: Check = (node) => {
  const options = listAt(node, "options").flatMap((one) => nodeAt(one, "DefElem") ?? []);
  const isDefiner = options.some(
    (one) => textAt(one, "defname") === "security" && nodeAt(one, "arg", "Boolean")?.boolval === true,
  );
  const pinned = options.some(
    (one) => textAt(one, "defname") === "set" && textAt(one, "arg", "VariableSetStmt", "name") === "search_path",
  );
  return isDefiner && !pinned
    ? [found(definerSearchPath, "a function with its owner's rights, whose names the caller resolves")]
    : [];
};

const keyless: Check = (node) => {
  const table = relationName(nodeAt(node, "relation")) ?? "";
  if (
    nodeAt(node, "partbound") !== undefined ||
    listAt(node, "inhRelations").length > 0 ||
    nodeAt(node, "ofTypename") !== undefined
  )
    return [];
  if (textAt(node, "relation", "relpersistence") === "t") return [];
  const elements = listAt(node, "tableElts").map(unwrap);
  if (elements.some(({ type }) => type === "TableLikeClause")) return [];
  const isKey = (one: unknown) => textAt(one, "contype") === "CONSTR_PRIMARY";
  const keyed = elements.some(({ type, node: element }) =>
    type === "Constraint" ? isKey(element) : listAt(element, "constraints").some((one) => isKey(unwrap(one).node)),
  );
  return keyed ? [] : [found(noPrimaryKey, `${table} has no primary key`, table)];
};

const enumValue: Check = (node) => {
  const old = textAt(node, "oldVal");
  return old === undefined ? [] : [found(renameOther, `renames the value ${old}`)];
};

export const clientChecks: Readonly<Record<string, readonly Check[]>> = {
  RenameStmt: [rename],
  AlterEnumStmt: [enumValue],
  AlterTableStmt: [alter],
  GrantStmt: [grant],
  CreateFunctionStmt: [definer],
  CreateStmt: [keyless],
};
