/**
 * SQL text under construction, and where each of its parameters comes from.
 *
 * 1. Names reach the text through `quoteIdent`, and only names that the snapshot has; the client's own words are output names
 *    (`quoteIdent`) and JSON keys (`quoteLiteral`). Nothing else of a request is ever part of the text.
 * 2. Aliases are ours: `rN` is node N's row, `eN` its lateral, `jN` its junction.
 */
import { quoteIdent } from "../../../platform/sql/index.ts";

export type ParamSource =
  | { readonly kind: "slot"; readonly slot: number }
  /** Several slots as one array: a variadic argument. */
  | { readonly kind: "slots"; readonly slots: readonly number[] }
  | { readonly kind: "body" }
  | { readonly kind: "limit" }
  | { readonly kind: "offset" };

export class Writer {
  readonly params: ParamSource[] = [];
  readonly #numbers = new Map<string, number>();
  /** Node 0 is not the relation itself but rows that a statement before gave: their whole row is a column. */
  readonly isRootDerived: boolean;
  readonly maxRows: number | null;

  constructor({ isRootDerived, maxRows }: { readonly isRootDerived: boolean; readonly maxRows: number | null }) {
    this.isRootDerived = isRootDerived;
    this.maxRows = maxRows;
  }

  /** `$n`; the same source is the same parameter. */
  param(source: ParamSource): string {
    const key = JSON.stringify(source);
    const known = this.#numbers.get(key);
    if (known !== undefined) return `$${known}`;
    this.params.push(source);
    this.#numbers.set(key, this.params.length);
    return `$${this.params.length}`;
  }

  slot(slot: number): string {
    return this.param({ kind: "slot", slot });
  }

  /** The row of a node, as a function takes it. */
  row(node: number): string {
    return node === 0 && this.isRootDerived ? `r0.${rowColumn}` : `r${node}`;
  }
}

/** The column of derived rows that holds the whole row. */
export const rowColumn = '"nebula_row"';

export const qualified = ({ schema, name }: { readonly schema: string; readonly name: string }): string =>
  `${quoteIdent(schema)}.${quoteIdent(name)}`;
