import type { Sql } from "../../sql/index.ts";

export type HostTrouble = { readonly code: string; readonly reason: string };

/** How the last pass found the Git host; undefined: well. True when that is news. */
export async function markHost(sql: Sql, id: string, trouble?: HostTrouble): Promise<boolean> {
  const state = trouble === undefined ? "ok" : "degraded";
  const rows = await sql.query(
    `update repositories set host_state = $2, host_code = $3, host_reason = $4,
       host_since = case when host_state = $2 then host_since else clock_timestamp() end
     where id = $1 and (host_state, host_code) is distinct from ($2, $3) returning id`,
    [id, state, trouble?.code ?? null, trouble?.reason ?? null],
  );
  return rows.length > 0;
}

/** How many Git hosts' repositories cannot be followed at this moment. */
export async function countDegraded(sql: Sql): Promise<number> {
  const { n } = await sql.one<{ n: number }>("select count(*) as n from repositories where host_state = 'degraded'");
  return n;
}
