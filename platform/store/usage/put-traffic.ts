import type { Sql } from "../../sql/index.ts";

/** One line of a gateway's meter files. */
export type TrafficLine = {
  readonly line: string;
  readonly instance: string;
  readonly atMs: number;
  readonly bytesOut: number;
  readonly bytesIn: number;
  readonly connections: number;
  /** Of the data API. */
  readonly requests: number;
};

/** Writes lines; one that is there already stays as it is. */
export async function putTraffic(sql: Sql, lines: readonly TrafficLine[]): Promise<void> {
  if (lines.length === 0) return;
  await sql.query(
    `insert into usage_traffic (line, instance, at, bytes_out, bytes_in, connections, requests, commit)
     select l.*, i.commit
     from unnest($1::uuid[], $2::text[], $3::timestamptz[], $4::bigint[], $5::bigint[], $6::int[], $7::bigint[])
       as l (line, instance, at, bytes_out, bytes_in, connections, requests)
     left join instances i on i.id = l.instance
     order by l.line
     on conflict (line) do nothing`,
    [
      lines.map(({ line }) => line),
      lines.map(({ instance }) => instance),
      lines.map(({ atMs }) => new Date(atMs)),
      lines.map(({ bytesOut }) => bytesOut),
      lines.map(({ bytesIn }) => bytesIn),
      lines.map(({ connections }) => connections),
      lines.map(({ requests }) => requests),
    ],
  );
}
