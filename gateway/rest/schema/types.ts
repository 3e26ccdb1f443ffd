/** A schema as the API's dialect sees it: what may be named in a request, and nothing else may. */
export type Column = {
  readonly name: string;
  /** As SQL writes it, qualified: goes into statements. */
  readonly type: string;
  readonly isNullable: boolean;
  /** An SQL expression; generated and identity columns have one too. */
  readonly default: string | null;
  readonly isGenerated: boolean;
  readonly comment: string | null;
  /** Labels of an enum. */
  readonly labels: readonly string[] | null;
  readonly maxLength: number | null;
};

export type RelationKind = "table" | "view" | "materialized" | "foreign" | "composite";

export type Relation = {
  readonly oid: string;
  readonly schema: string;
  readonly name: string;
  readonly kind: RelationKind;
  readonly columns: ReadonlyMap<string, Column>;
  /** In order; of a view: its columns that show the table's key. */
  readonly primaryKey: readonly string[];
  readonly isInsertable: boolean;
  readonly isUpdatable: boolean;
  readonly isDeletable: boolean;
  readonly isGuarded: boolean;
  readonly comment: string | null;
};

/** A path between two relations, from the first one's point of view. */
export type Relationship = {
  readonly kind: "key";
  readonly from: Relation;
  readonly to: Relation;
  readonly cardinality: "m2o" | "o2m" | "o2o";
  readonly constraint: string;
  /** Columns of `from` and of `to`. */
  readonly columns: readonly (readonly [string, string])[];
};

export type JunctionRelationship = {
  readonly kind: "junction";
  readonly from: Relation;
  readonly to: Relation;
  readonly junction: Relation;
  readonly constraints: readonly [string, string];
  /** Columns of `from` and of the junction. */
  readonly near: readonly (readonly [string, string])[];
  /** Columns of the junction and of `to`. */
  readonly far: readonly (readonly [string, string])[];
};

/** A function of a row that gives rows of another relation. */
export type ComputedRelationship = {
  readonly kind: "computed";
  readonly from: Relation;
  readonly to: Relation;
  readonly routine: Routine;
  readonly isToOne: boolean;
};

export type AnyRelationship = Relationship | JunctionRelationship | ComputedRelationship;

export type Argument = {
  readonly name: string;
  readonly type: string;
  readonly isRequired: boolean;
  readonly isVariadic: boolean;
};

export type RoutineResult =
  | { readonly kind: "void" }
  | { readonly kind: "scalar"; readonly type: string }
  /** Rows with named columns; of a relation when it returns one. Without columns: `record`. */
  | { readonly kind: "rows"; readonly relation?: Relation; readonly columns: ReadonlyMap<string, Column> };

export type Routine = {
  readonly schema: string;
  readonly name: string;
  readonly arguments: readonly Argument[];
  readonly result: RoutineResult;
  readonly isSet: boolean;
  readonly volatility: "immutable" | "stable" | "volatile";
  readonly comment: string | null;
};

/** One state of the schema; frozen, replaced as a whole. */
export type Snapshot = {
  readonly version: number;
  /** By schema, then by name: what requests may name. */
  readonly relations: ReadonlyMap<string, ReadonlyMap<string, Relation>>;
  readonly routines: ReadonlyMap<string, ReadonlyMap<string, readonly Routine[]>>;
  /** By the oid of the relation that they start from. */
  readonly relationships: ReadonlyMap<string, readonly AnyRelationship[]>;
  /** Functions that act as columns, by the oid of their row's relation, by name. */
  readonly computed: ReadonlyMap<string, ReadonlyMap<string, Routine>>;
  /** What `::name` may say, as SQL writes it. */
  readonly casts: ReadonlyMap<string, string>;
  readonly comments: ReadonlyMap<string, string>;
};
