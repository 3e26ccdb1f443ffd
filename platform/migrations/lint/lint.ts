import type { Migration, Statement } from "../read/migration.ts";
import { nodeAt, relationName } from "../read/tree.ts";
import { clientChecks } from "./clients.ts";
import { columnChecks } from "./columns.ts";
import { lockChecks } from "./locks.ts";
import { losing, lossChecks } from "./loss.ts";
import type { Check, Found, LintContext } from "./rule.ts";

/** A rule that a statement of a file meets. */
export type LintFinding = Found & {
  readonly path: string;
  readonly line: number;
  readonly column: number;
  /** Why its author says that it is all right; null: nobody does. */
  readonly allowed: string | null;
};

const tables: readonly Readonly<Record<string, readonly Check[]>>[] = [
  lossChecks,
  columnChecks,
  lockChecks,
  clientChecks,
];

const checksOf = (type: string): readonly Check[] => tables.flatMap((table) => table[type] ?? []);

/** Everything that these migrations do to who uses the database, in their order. What they create themselves is nobody's yet. Pure. */
export function lint(migrations: readonly Migration[]): readonly LintFinding[] {
  const made = new Set<string>();
  const findings: LintFinding[] = [];
  for (const migration of migrations) {
    const { path, transactional } = migration;
    const context: LintContext = { isNew: (relation) => relation !== undefined && made.has(relation), transactional };
    for (const statement of migration.statements) {
      const { line, column } = statement;
      for (const one of checksOf(statement.type).flatMap((check) => check(statement.node, context, statement)))
        findings.push({ ...one, path, line, column, allowed: allowanceOf(statement, one) });
      const creates = createdBy(statement);
      if (creates !== undefined) made.add(creates);
    }
  }
  return findings;
}

const allowanceOf = ({ allowed }: Statement, { id }: Found): string | null =>
  allowed.find(({ rule }) => rule === id)?.why ?? null;

function createdBy({ type, node }: Statement): string | undefined {
  if (type === "CreateStmt") return relationName(nodeAt(node, "relation"));
  if (type === "CreateTableAsStmt") return relationName(nodeAt(node, "into", "rel"));
  return type === "ViewStmt" ? relationName(nodeAt(node, "view")) : undefined;
}

/** Those that fail a review. */
export const refusing = (findings: readonly LintFinding[]): readonly LintFinding[] =>
  findings.filter(({ level, allowed }) => level === "error" && allowed === null);

/** Whether a migration may take data with it: such a one is not run again by itself after a restore. */
export const losesData = (migration: Migration): boolean => losingWhy(migration) !== "";

/** How it may, in words; empty when it does not. */
export const losingWhy = (migration: Migration): string =>
  lint([migration])
    .filter(({ id }) => losing.has(id))
    .map(({ message }) => `it ${message}`)
    .join("; ");
