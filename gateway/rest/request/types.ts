/**
 * A request's syntax. Nothing here is known to exist.
 *
 * The texts that a client compares with (`eq.5`) do not stand in the tree: the tree holds the number of a slot, the texts stand in
 * `values`. Two requests that differ in values only have the same tree and the same `shape`, and so the same SQL.
 */
export type JsonStep = { readonly kind: "key" | "index"; readonly name: string; readonly isText: boolean };

export type FieldRef = { readonly name: string; readonly path: readonly JsonStep[] };

export type Aggregate = "sum" | "avg" | "min" | "max" | "count";

export type SelectItem =
  | { readonly kind: "star" }
  | {
      readonly kind: "field";
      /** Absent in `count()`. */
      readonly field?: FieldRef;
      readonly alias?: string;
      readonly cast?: string;
      readonly aggregate?: Aggregate;
      readonly aggregateCast?: string;
    }
  | SelectEmbed;

export type SelectEmbed = {
  readonly kind: "embed";
  readonly name: string;
  readonly alias?: string;
  readonly hint?: string;
  readonly join: "inner" | "left";
  readonly isSpread: boolean;
  readonly items: readonly SelectItem[];
};

export type CompareOperator =
  | ("eq" | "neq" | "gt" | "gte" | "lt" | "lte" | "like" | "ilike" | "match" | "imatch" | "isdistinct")
  | ("cs" | "cd" | "ov" | "sl" | "sr" | "nxr" | "nxl" | "adj");
export type TextSearch = "fts" | "plfts" | "phfts" | "wfts";
export type IsValue = "null" | "not_null" | "true" | "false" | "unknown";

export type Operation =
  | {
      readonly kind: "compare";
      readonly operator: CompareOperator;
      readonly quantifier?: "any" | "all";
      readonly slot: number;
    }
  | { readonly kind: "in"; readonly slot: number }
  | { readonly kind: "is"; readonly value: IsValue }
  | { readonly kind: "search"; readonly operator: TextSearch; readonly language?: number; readonly slot: number };

export type Filter = {
  readonly kind: "filter";
  readonly field: FieldRef;
  readonly isNegated: boolean;
  readonly operation: Operation;
};

export type Logic =
  | Filter
  | {
      readonly kind: "and" | "or";
      readonly isNegated: boolean;
      readonly members: readonly Logic[];
    };

export type OrderTerm = {
  readonly field: FieldRef;
  /** Order by a column of this to-one embed. */
  readonly relation?: string;
  readonly direction?: "asc" | "desc";
  readonly nulls?: "first" | "last";
};

/** What a query string says about one level, the root or an embed. */
export type Level = {
  readonly filters: Logic[];
  order?: readonly OrderTerm[];
  /** Slots. */
  limit?: number;
  offset?: number;
  readonly embeds: Map<string, Level>;
};

export type ParsedQuery = {
  readonly select: readonly SelectItem[];
  readonly level: Level;
  readonly columns?: readonly string[];
  readonly onConflict?: readonly string[];
  /** Parameters that are no filters: arguments of a function, in order. The text's slot. */
  readonly args: readonly { readonly name: string; readonly slot: number }[];
  readonly values: readonly string[];
  /** The query string without its values. */
  readonly shape: string;
};
