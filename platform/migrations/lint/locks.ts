import { flagAt, listAt, listedName, nodeAt, relationName, textAt, unwrap } from "../read/tree.ts";
import { type Check, type Found, found, type Rule } from "./rule.ts";

const warn = (id: string, risk: Rule["risk"], hint: string): Rule => ({ id, level: "warn", risk, hint });

export const blockingIndex = warn(
  "blocking-index",
  "blocks",
  "create index concurrently, in a file that begins with: -- nebula: no-transaction",
);
export const blockingIndexDrop = warn(
  "blocking-index-drop",
  "blocks",
  "drop index concurrently, in a file that begins with: -- nebula: no-transaction",
);
export const constraintValidated = warn(
  "constraint-validated-at-once",
  "blocks",
  "Add it not valid; validate constraint in a later migration reads beside the writers.",
);
export const uniqueConstraint = warn(
  "unique-constraint",
  "blocks",
  "create unique index concurrently, then add constraint ... using index.",
);
export const blockingMaintenance = warn(
  "blocking-maintenance",
  "blocks",
  "Nobody can use the table meanwhile: use the concurrent form where there is one.",
);
export const attachPartition = warn(
  "attach-partition",
  "blocks",
  "Add a check constraint that says the same as the partition's bounds first: nothing is read then.",
);
export const detachPartition = warn(
  "detach-partition",
  "blocks",
  "detach partition ... concurrently, outside of a migration.",
);
export const lockTimeoutOff = warn(
  "lock-timeout-off",
  "blocks",
  "Migrations wait 5 s for a lock; whoever waits longer holds up everybody behind it.",
);

/** 60 s. */
const longestWaitMs = 60_000;

const index: Check = (node, { isNew }) => {
  const table = relationName(nodeAt(node, "relation")) ?? "";
  if (flagAt(node, "concurrent") || isNew(table)) return [];
  return [found(blockingIndex, `builds an index of ${table} while nobody can write to it`, table)];
};

const dropIndex: Check = (node) => {
  if (textAt(node, "removeType") !== "OBJECT_INDEX" || flagAt(node, "concurrent")) return [];
  const [name = "an index"] = listAt(node, "objects").flatMap((one) => listedName(one) ?? []);
  return [found(blockingIndexDrop, `drops ${name} while nobody can use its table`)];
};

const alter: Check = (node, { isNew }) => {
  const table = relationName(nodeAt(node, "relation")) ?? "";
  return listAt(node, "cmds").flatMap((wrapped): Found[] => {
    const cmd = unwrap(wrapped).node;
    switch (textAt(cmd, "subtype")) {
      case "AT_AddConstraint":
        return isNew(table) ? [] : addedConstraint(nodeAt(cmd, "def", "Constraint") ?? {}, table);
      case "AT_AttachPartition":
        return [found(attachPartition, `reads the new partition of ${table} while nobody can write to it`, table)];
      case "AT_DetachPartition":
        return isNew(table)
          ? []
          : [found(detachPartition, `takes a partition off ${table} while nobody can use it`, table)];
      default:
        return [];
    }
  });
};

function addedConstraint(constraint: Readonly<Record<string, unknown>>, table: string): Found[] {
  const name = textAt(constraint, "conname") ?? "a constraint";
  switch (textAt(constraint, "contype")) {
    case "CONSTR_FOREIGN":
    case "CONSTR_CHECK":
    case "CONSTR_NOTNULL":
      if (flagAt(constraint, "skip_validation")) return [];
      return [found(constraintValidated, `adds ${name} to ${table} and reads all of it while nobody can write`, table)];
    case "CONSTR_UNIQUE":
    case "CONSTR_PRIMARY":
    case "CONSTR_EXCLUSION":
      if (textAt(constraint, "indexname") !== undefined) return [];
      return [found(uniqueConstraint, `adds ${name} to ${table} and builds its index while nobody can use it`, table)];
    default:
      return [];
  }
}

const maintenance =
  (what: string, isQuiet: (node: Readonly<Record<string, unknown>>) => boolean): Check =>
  (node) =>
    isQuiet(node) ? [] : [found(blockingMaintenance, what, relationName(nodeAt(node, "relation")) ?? null)];

const optioned = (node: Readonly<Record<string, unknown>>, list: string, name: string): boolean =>
  listAt(node, list).some((one) => textAt(one, "DefElem", "defname") === name);

const setting: Check = (node) => {
  if (textAt(node, "name") !== "lock_timeout") return [];
  const [arg] = listAt(node, "args").map((one) => unwrap(one).node);
  const given = textAt(arg, "sval", "sval") ?? String(nodeAt(arg, "ival")?.ival ?? 0);
  return milliseconds(given) === 0 || milliseconds(given) > longestWaitMs
    ? [found(lockTimeoutOff, `waits for locks ${milliseconds(given) === 0 ? "for ever" : `for ${given}`}`)]
    : [];
};

const units: Readonly<Record<string, number>> = { "": 1, ms: 1, s: 1000, min: 60_000, h: 3_600_000, d: 86_400_000 };

function milliseconds(text: string): number {
  const [, amount = "0", unit = ""] = /^\s*(\d+)\s*([a-z]*)\s*$/.exec(text) ?? [];
  return Number(amount) * (units[unit] ?? 1);
}

export const lockChecks: Readonly<Record<string, readonly Check[]>> = {
  IndexStmt: [index],
  DropStmt: [dropIndex],
  AlterTableStmt: [alter],
  VariableSetStmt: [setting],
  VacuumStmt: [maintenance("vacuums whole tables anew", (node) => !optioned(node, "options", "full"))],
  ReindexStmt: [
    maintenance("builds indexes anew while nobody can write", (node) => optioned(node, "params", "concurrently")),
  ],
  RefreshMatViewStmt: [
    maintenance(
      "refreshes a view while nobody can read it",
      (node) => flagAt(node, "concurrent") || flagAt(node, "skipData"),
    ),
  ],
  RepackStmt: [maintenance("writes the table anew while nobody can use it", () => false)],
  ClusterStmt: [maintenance("writes the table anew while nobody can use it", () => false)],
  LockStmt: [maintenance("locks a table until the file's end", () => false)],
};
