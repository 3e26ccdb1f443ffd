import type { StepResult } from "../../../platform/sql/index.ts";
import { answerUnreadable } from "../errors.ts";

/** The one row that every statement of ours answers with. */
export type Answer = {
  readonly total: number | null;
  /** Rows given, or changed. */
  readonly page: number;
  readonly sizeBytes: number;
  /** Null when there is none, or when it is larger than the settings let it be. */
  readonly body: string | null;
  readonly headers: string | null;
  readonly status: string | null;
  readonly inserted: number | null;
  /** Of `headers-only`: the key of each row that was made, as JSON. */
  readonly keys: string | null;
};

/** @throws NebulaError NEB751 */
export function readAnswer(result: StepResult | undefined): Answer {
  const row = result?.rows[0];
  if (row === undefined || row.length !== 8) throw answerUnreadable("the statement gave no answer row");
  const [total, page, size, body, headers, status, inserted, keys] = row;
  const number = (text: string | null | undefined) => (text === null || text === undefined ? null : Number(text));
  return {
    ...{ total: number(total), page: number(page) ?? 0, sizeBytes: number(size) ?? 0, body: body ?? null },
    ...{ headers: headers || null, status: status || null, inserted: number(inserted), keys: keys ?? null },
  };
}

/** The row count in `EXPLAIN (FORMAT JSON)`. */
export function readEstimate(result: StepResult | undefined): number {
  const text = result?.rows.map(([line]) => line).join("\n") ?? "";
  const [root] = JSON.parse(text) as { Plan: { "Plan Rows": number } }[];
  return root?.Plan["Plan Rows"] ?? 0;
}
