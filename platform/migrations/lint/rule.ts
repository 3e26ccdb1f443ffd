import type { Statement } from "../read/migration.ts";
import type { Node } from "../read/tree.ts";

/** What goes wrong when a statement runs on a database that is in use. */
export type Risk = "loses data" | "blocks" | "rewrites" | "breaks clients" | "fails" | "opens" | "style";

export type Level = "error" | "warn";

export type Rule = {
  readonly id: string;
  /** An error fails the review until the statement is changed or allowed. */
  readonly level: Level;
  readonly risk: Risk;
  /** The way out. */
  readonly hint: string;
};

/** A rule that a statement meets, and of what. */
export type Found = Rule & {
  readonly message: string /** The table; null where there is none. */;
  readonly table: string | null;
};

/** What the rules know beside the statement. */
export type LintContext = {
  /** Relations that these same migrations create: nobody uses them yet. */
  readonly isNew: (relation: string | undefined) => boolean;
  readonly transactional: boolean;
};

/** Looks at one statement of one type of the grammar's. */
export type Check = (node: Node, context: LintContext, statement: Statement) => readonly Found[];

export const found = (rule: Rule, message: string, table: string | null = null): Found => ({ ...rule, message, table });
