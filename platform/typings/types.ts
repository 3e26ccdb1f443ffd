/** A schema as the types need it; `catalog.ts` asks for it as one JSON value. */
export type TypeFact = {
  readonly oid: number;
  readonly schema: string;
  readonly name: string;
  /** As pg_type.typtype: base, domain, enum, composite, range, multirange, pseudo. */
  readonly kind: string;
  /** Of an array: its elements; of a domain: what it is made of. 0: neither. */
  readonly element: number;
  readonly base: number;
  /** A domain that is never null. */
  readonly isNotNull: boolean;
  /** Of an enum, in order. */
  readonly labels: readonly string[] | null;
  /** Of a row type: its table, view or composite. 0: none. */
  readonly relation: number;
};

export type ColumnFact = {
  readonly name: string;
  readonly type: number;
  readonly isNullable: boolean;
  readonly hasDefault: boolean;
  /** Nobody may write it. */
  readonly isGenerated: boolean;
};

export type KeyFact = {
  readonly name: string;
  readonly columns: readonly string[];
  readonly isOneToOne: boolean;
  readonly schema: string;
  readonly relation: string;
  readonly referencedColumns: readonly string[];
};

export type RelationFact = {
  readonly oid: number;
  readonly schema: string;
  readonly name: string;
  /** As pg_class.relkind. */
  readonly kind: string;
  readonly isInsertable: boolean;
  readonly isUpdatable: boolean;
  readonly columns: readonly ColumnFact[];
  readonly keys: readonly KeyFact[];
};

export type FunctionFact = {
  readonly schema: string;
  readonly name: string;
  readonly inputs: readonly { readonly name: string; readonly type: number; readonly isOptional: boolean }[];
  /** Columns of `returns table` and out parameters. */
  readonly outputs: readonly { readonly name: string; readonly type: number }[];
  readonly returns: number;
  readonly isSet: boolean;
};

export type SchemaFacts = {
  readonly types: readonly TypeFact[];
  readonly relations: readonly RelationFact[];
  readonly functions: readonly FunctionFact[];
};
