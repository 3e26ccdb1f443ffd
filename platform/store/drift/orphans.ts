import type { Sql } from "../../sql/index.ts";

export type Orphan = {
  readonly path: string;
  readonly kind: "instance" | "draft" | "copy" | "server";
  readonly instance: string | null;
  readonly owner: string | null;
  readonly ours: boolean;
  readonly pid: number | null;
  readonly reason: string;
};

export type OrphanRow = Orphan & { readonly openedAt: Date; readonly seenAt: Date };

/** What was found this time is all there is; what is gone is forgotten. Those that are new. */
export const recordOrphans = (sql: Sql, found: readonly Orphan[]): Promise<readonly string[]> =>
  sql.tx(async (tx) => {
    const rows = await tx.query<{ path: string; fresh: boolean }>(
      `insert into drift_orphans as o (path, kind, instance, owner, ours, pid, reason)
       select path, kind, instance, owner, ours, pid, reason from jsonb_to_recordset($1::jsonb) as f
         (path text, kind text, instance text, owner text, ours boolean, pid int, reason text) order by path
       on conflict (path) do update set seen_at = clock_timestamp(), kind = excluded.kind, instance = excluded.instance,
         owner = excluded.owner, ours = excluded.ours, pid = excluded.pid, reason = excluded.reason
       returning path, xmax = 0 as fresh`,
      [JSON.stringify(found)],
    );
    await tx.query("delete from drift_orphans where path <> all($1::text[])", [found.map(({ path }) => path)]);
    return rows.filter(({ fresh }) => fresh).map(({ path }) => path);
  });

export const listOrphans = (sql: Sql): Promise<readonly OrphanRow[]> =>
  sql.query<OrphanRow>(
    `select path, kind, instance, owner, ours, pid, reason, opened_at as "openedAt", seen_at as "seenAt"
     from drift_orphans order by path`,
  );

export const countOrphans = async (sql: Sql): Promise<number> =>
  (await sql.one<{ count: number }>("select count(*)::int as count from drift_orphans")).count;
