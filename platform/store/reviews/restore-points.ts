import { newId } from "../../core/index.ts";
import type { Sql } from "../../sql/index.ts";

export type RestorePoint = {
  readonly id: string;
  /** `<tenant>.<project>.<database>` */
  readonly instance: string;
  readonly at: Date;
  /** Of the server's write-ahead log. */
  readonly lsn: string;
  readonly name: string;
  /** Whose declaration ran until then. */
  readonly commit: string | null;
  readonly operation: string;
};

const columns = "id, instance, at, lsn, name, commit, operation";

export const recordRestorePoint = (sql: Sql, point: Omit<RestorePoint, "id" | "at">): Promise<RestorePoint> =>
  sql.one<RestorePoint>(
    `insert into restore_points (id, instance, lsn, name, commit, operation)
     values ($1, $2, $3, $4, $5, $6) returning ${columns}`,
    [newId("rp"), point.instance, point.lsn, point.name, point.commit, point.operation],
  );

export const getRestorePoint = (sql: Sql, instance: string, id: string): Promise<RestorePoint | undefined> =>
  sql.maybe<RestorePoint>(`select ${columns} from restore_points where instance = $1 and id = $2`, [instance, id]);

/** Newest first. */
export const listRestorePoints = (
  sql: Sql,
  { instance, limit = 20 }: { readonly instance: string; readonly limit?: number },
): Promise<readonly RestorePoint[]> =>
  sql.query<RestorePoint>(`select ${columns} from restore_points where instance = $1 order by at desc limit $2`, [
    instance,
    limit,
  ]);
