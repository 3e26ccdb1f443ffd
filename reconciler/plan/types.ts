import type { Ages } from "../../platform/spec/index.ts";
import type { RestorableWindow } from "../../platform/store/index.ts";

/** What applying a change does to the clients of a database, from least to most. */
export const effects = ["online", "restart", "downtime", "data-loss"] as const;
export type Effect = (typeof effects)[number];
export type Risk = "none" | Exclude<Effect, "online">;

export type JsonValue = string | number | boolean | null | readonly JsonValue[] | { readonly [key: string]: JsonValue };

export type Change = {
  /** Path in the spec: `compute.maxUnits`, `tags.owner`, `roles.reader`, `extensions[pgcrypto]`; "" is the whole database. */
  readonly path: string;
  /** null: not there. */
  readonly from: JsonValue;
  readonly to: JsonValue;
  readonly effect: Effect;
  readonly why: string;
};

export type Block = { readonly code: string; readonly message: string; readonly hint: string };

export type StepKind = "create" | "change" | "replace" | "retire" | "delete";

export type Step = {
  readonly kind: StepKind;
  readonly database: string;
  /** Sorted by path. A creation or deletion is one change of the whole. */
  readonly changes: readonly Change[];
  readonly risk: Risk;
  /** Present when the step must not be applied: the first reason; all of them are in the plan's `blocked`. */
  readonly blocked?: Block;
};

export type Plan = {
  readonly stack: string;
  /** Sorted by database. Empty when nothing changes. */
  readonly steps: readonly Step[];
  /** What changes about the project itself: placement, region, quota. */
  readonly project: readonly Change[];
  /** Every block, of steps and of the project. Not empty: nothing of this plan may be applied. */
  readonly blocked: readonly (Block & { readonly database: string | null })[];
  /** The highest risk of its steps. */
  readonly risk: Risk;
  /** SHA-256 of what the plan does, without its words: equal for equal changes, whoever computes it. */
  readonly hash: string;
};

/** What the plan may know beside the specs. */
export type Facts = {
  /** Without it storage never shrinks. */
  readonly usedBytes?: Readonly<Record<string, number>>;
  /** Without it the moment of a new branch is not looked at: whoever makes the branch looks again. */
  readonly now?: Date;
  /** Of branches that are made. Without it a shorter ttl is not looked at: it ends the branch. */
  readonly ages?: Ages;
  /**
   * What can be restored, by the parent's name; null: nothing yet. Of a parent that is missing nobody knows: then only how long it keeps
   * its backups counts.
   */
  readonly restorable?: ReadonlyMap<string, RestorableWindow | null>;
};
