/** A request resolved against one snapshot: every name in it exists, every value is a slot. */
import type { Aggregate, JsonStep, Operation } from "../request/types.ts";
import type { AnyRelationship, Column, Relation, Routine } from "../schema/types.ts";

/** A value of one row of node `node`. */
export type Value = {
  readonly node: number;
  readonly source:
    | { readonly kind: "column"; readonly column: Column }
    | { readonly kind: "computed"; readonly routine: Routine };
  readonly path: readonly JsonStep[];
};

export type PlannedField = {
  readonly kind: "field";
  /** Absent in `count()`. */
  readonly value?: Value;
  readonly name: string;
  /** As SQL writes it. */
  readonly cast?: string;
  readonly aggregate?: Aggregate;
  readonly aggregateCast?: string;
};

export type PlannedEmbed = {
  readonly kind: "embed";
  readonly name: string;
  readonly relationship: AnyRelationship;
  readonly isToOne: boolean;
  readonly join: "inner" | "left";
  readonly isSpread: boolean;
  readonly node: ReadNode;
};

export type PlannedItem = { readonly kind: "star" } | PlannedField | PlannedEmbed;

export type PlannedLogic =
  | { readonly kind: "filter"; readonly value: Value; readonly isNegated: boolean; readonly operation: Operation }
  /** Whether an embed has rows. */
  | { readonly kind: "embedded"; readonly node: number; readonly isToOne: boolean; readonly wantsNull: boolean }
  | { readonly kind: "and" | "or"; readonly isNegated: boolean; readonly members: readonly PlannedLogic[] };

export type PlannedOrder = {
  readonly value: Value;
  /** Order by a column of this to-one embed. */
  readonly embed?: PlannedEmbed;
  readonly direction?: "asc" | "desc";
  readonly nulls?: "first" | "last";
};

export type ReadNode = {
  readonly id: number;
  /** Absent for rows that no relation has. */
  readonly relation?: Relation;
  readonly columns: ReadonlyMap<string, Column>;
  readonly items: readonly PlannedItem[];
  readonly where: readonly PlannedLogic[];
  readonly order: readonly PlannedOrder[];
  readonly limit?: number;
  readonly offset?: number;
};

export type ReadPlan = { readonly kind: "read"; readonly relation: Relation; readonly node: ReadNode };

export type MutatePlan = {
  readonly kind: "mutate";
  readonly how: "insert" | "update" | "delete" | "put";
  readonly relation: Relation;
  /** What is written, from the body. */
  readonly columns: readonly Column[];
  readonly isArray: boolean;
  readonly count: number;
  readonly usesDefaults: boolean;
  readonly conflict?: { readonly columns: readonly string[]; readonly does: "update" | "nothing" };
  /** Over the relation itself, as node 0. */
  readonly where: readonly PlannedLogic[];
  /** What is given back of the rows that changed. */
  readonly node: ReadNode;
  readonly returns: "minimal" | "headers-only" | "representation";
};

export type CallPlan = {
  readonly kind: "call";
  readonly routine: Routine;
  readonly isReadOnly: boolean;
  readonly arguments:
    | { readonly kind: "body"; readonly names: readonly string[] }
    | { readonly kind: "raw" }
    | { readonly kind: "query"; readonly slots: ReadonlyMap<string, readonly number[]> };
  readonly node: ReadNode;
};

export type Plan = ReadPlan | MutatePlan | CallPlan;
