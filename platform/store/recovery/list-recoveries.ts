import type { Sql } from "../../sql/index.ts";

export type Recovery = {
  readonly at: Date;
  readonly kind: "restore" | "rebuild";
  readonly recoveredTo: Date | null;
  readonly fenceFloor: number;
};

/** Newest first. */
export const listRecoveries = (sql: Sql): Promise<readonly Recovery[]> =>
  sql.query<Recovery>(
    `select at, kind, recovered_to as "recoveredTo", fence_floor as "fenceFloor" from recoveries order by id desc`,
  );
