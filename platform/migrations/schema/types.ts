/** A schema as plain data: what there is, not what is in it. Equal schemas are equal snapshots, whatever made them. */
export type Column = {
  readonly name: string;
  readonly type: string;
  readonly notNull: boolean;
  /** An expression; null: none. */
  readonly default: string | null;
  readonly identity: "always" | "by default" | null;
  readonly generated: "stored" | "virtual" | null;
  readonly collation: string | null;
};

export type Table = {
  readonly kind: "table";
  readonly name: string;
  readonly columns: readonly Column[];
  readonly unlogged: boolean;
  readonly rowSecurity: "off" | "on" | "forced";
  /** `RANGE (at)`; null: one piece. */
  readonly partitionBy: string | null;
  /** `public.events FOR VALUES FROM (...) TO (...)`. */
  readonly partitionOf: string | null;
};

/** Constraint, index, trigger or policy: something of a table that one statement makes. */
export type Part = {
  readonly kind: "constraint" | "index" | "trigger" | "policy";
  /** `public.orders.orders_pkey` */
  readonly name: string;
  readonly table: string;
  readonly definition: string;
};

/** What one statement makes and another takes away. */
export type Whole = {
  readonly kind: "schema" | "type" | "sequence" | "function" | "view" | "materialized view" | "grant" | "comment";
  readonly name: string;
  readonly definition: string;
  /** Takes it away. */
  readonly drop: string;
};

export type SchemaObject = Table | Part | Whole;

export type Snapshot = {
  readonly version: 1;
  /** In an order in which they can be made, as far as there is one. */
  readonly objects: readonly SchemaObject[];
};
